#pragma once
// `snapjail doctor`: what this host gives for a jail, one line a layer, with why and how to mend;
// then what a real script in a real jail sees, beside what it should see.

#include "app/options.h"

namespace snapjail::app {

// Returns the exit status: 0 all of tier `full` stands, 3 tier `process` does, 1 neither, so that
// `serve` would not start.
int examine_host(const Options& options, bool wants_json);

}  // namespace snapjail::app
