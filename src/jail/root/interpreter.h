#pragma once
// Interpreter: what PYTHON_BIN needs of the file system, found by asking it. The program is run
// once, outside any jail, by the supervisor: it is the operator's own.

#include <string>
#include <vector>

#include "base/result.h"

namespace snapjail::jail {

struct Interpreter {
    std::string program;             // As the operator named it, made absolute; links not resolved.
    std::string version;             // "3.11.2"
    std::vector<std::string> paths;  // Files and directories that it reads: absolute, may be links.
};

// Errors name the program and what it said. `library_folder` holds probe.py.
Result<Interpreter> probe_interpreter(const std::string& program,
                                      const std::string& library_folder);

}  // namespace snapjail::jail
