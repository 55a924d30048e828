#pragma once
// `snapjail serve`: the service, in the foreground, until SIGTERM or SIGINT.

#include "app/options.h"

namespace snapjail::app {

// Returns the exit status: 0 when it was told to end, 1 when it could not begin.
int serve(const Options& options);

}  // namespace snapjail::app
