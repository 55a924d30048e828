#pragma once
// Where the extension module, our Python files and our own interpreter are: beside the program,
// wherever it was put.

#include <optional>
#include <string>

#include "base/result.h"

namespace snapjail::app {

// SNAPJAIL_LIBRARY, or lib/snapjail/ beside the program, or ../lib/snapjail/.
Result<std::string> find_library_folder();

// .venv/bin/python of the checkout that the program was built in, as ./serve makes it; if it is
// there.
std::optional<std::string> find_own_python();

}  // namespace snapjail::app
