#pragma once
// end_strays: ends what was left to us by processes that have ended. For who adopts orphans
// (PR_SET_CHILD_SUBREAPER): a zygote of tier `process`, and the supervisor above it.

#include <sys/types.h>

#include <chrono>
#include <functional>

namespace snapjail::zygote {

// A child that is not `is_ours` is a stray; what is below it becomes our child when it ends. They
// are killed and reaped until none is left: true; or until `patience` has passed: false. Killing
// goes faster than forking, so a bomb ends too.
bool end_strays(const std::function<bool(pid_t)>& is_ours, std::chrono::milliseconds patience);

}  // namespace snapjail::zygote
