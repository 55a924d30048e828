#pragma once
// `snapjail make-roots`: lays the roots that guests of tier `process` enter by chroot, one for each
// slot. Run once, when a container's image is built.

#include "app/options.h"

namespace snapjail::app {

// Returns the exit status: 0, or 1 with the reason on stderr.
int make_roots(const Options& options);

}  // namespace snapjail::app
