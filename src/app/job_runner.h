#pragma once
// run_one_job: one script in a jail of its own, without a service: a zygote is started, forks one
// guest, and is ended. For the commands `run` and `doctor`.

#include <chrono>
#include <string>

#include "app/options.h"
#include "base/result.h"
#include "sched/outcome.h"

namespace snapjail::app {

// An error: no guest could be made; nothing of the script ran. Waits as long as that takes.
Result<sched::Outcome> run_one_job(const Options& options, std::string script);

}  // namespace snapjail::app
