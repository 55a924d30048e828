#pragma once
// Kafel's policies as BPF for seccomp(2).

#include <linux/filter.h>

#include <vector>

#include "base/result.h"
#include "jail/nsjail/kafel_policy.h"

namespace snapjail::jail::nsjail {

// A whole program, which answers every call. The architecture is not looked at: the zygote's own
// filter kills all but one.
Result<std::vector<sock_filter>> compile_kafel(const KafelPolicy& policy);

}  // namespace snapjail::jail::nsjail
