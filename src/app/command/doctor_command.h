#pragma once
// `snapjail doctor`: what this host gives for a jail, one line a layer, with why and how to mend;
// then a real script in a real jail.

#include "app/options.h"

namespace snapjail::app {

// Returns the exit status: 0 all of tier `full` stands, 1 something is missing.
int examine_host(const Options& options, bool wants_json);

}  // namespace snapjail::app
