#pragma once
// choose_tier: which tier this host allows, by trying. Once, at start; never for one job.

#include <string>
#include <vector>

#include "base/result.h"
#include "jail/host_probe.h"
#include "jail/tier.h"

namespace snapjail::jail {

enum class Isolation : unsigned char {
    kAuto,     // The strongest tier that stands.
    kFull,     // That, or no start.
    kProcess,  // That, though more may be had.
};

struct TierChoice {
    Tier tier = Tier::kFull;
    // Tier `process`: what a guest may be given by us.
    bool may_own_uid = false;
    bool may_chroot = false;
    std::vector<HostLayer> layers;  // Of the tier that was chosen.
    std::string why_not_full;       // What is missing, and what would bring it; empty in `full`.
};

// kUnsupported, with what is missing and the flag that would bring it, where the host gives less
// than was asked for, or than tier `process` can do with.
Result<TierChoice> choose_tier(Isolation isolation);

}  // namespace snapjail::jail
