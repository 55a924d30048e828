#pragma once
// Job: one request to run a script, as the scheduler sees it. It does not say where it came from:
// HTTP, a terminal and, one day, a durable queue make the same Job.

#include <cstdint>
#include <string>

namespace snapjail::sched {

struct Job {
    std::string id;      // For the log and for the caller; unique enough, not a secret.
    std::string script;  // Python source, valid UTF-8, at most the configured size.
};

}  // namespace snapjail::sched
