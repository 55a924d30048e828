#pragma once
// probe_guest: a script of ours in a real jail, which tries from inside what no script may do. What
// it saw beside what it should see: the doctor's proof.

#include <vector>

#include "app/options.h"
#include "base/result.h"
#include "jail/host_probe.h"
#include "jail/tier.h"

namespace snapjail::app {

// One row for each thing that was tried. An error: no guest could be made, or it ended otherwise.
Result<std::vector<jail::HostLayer>> probe_guest(const Options& options, jail::Tier tier);

}  // namespace snapjail::app
