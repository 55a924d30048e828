#pragma once
// `snapjail run FILE`: one script in a jail, from the terminal.

#include <string>

#include "app/options.h"
#include "sched/outcome.h"

namespace snapjail::app {

constexpr const char* kRunHelp =
    "Run one script in a jail, without a service. main()'s value goes to standard output as "
    "JSON,\n"
    "what the script prints and what went wrong to standard error.\n"
    "Exit status: 0 main() returned; 1 the script failed; 2 wrong use; 124 time or CPU limit;\n"
    "137 memory limit; 128+N killed by signal N; 70 Snapjail's own fault.";

// Returns the exit status, as kRunHelp has it.
int run_file(const std::string& file, const Options& options);

// Pure: what `run` exits with. A result that is not JSON is the script's failure.
int exit_status_of(const sched::Ending& ending, bool is_result_valid);

}  // namespace snapjail::app
