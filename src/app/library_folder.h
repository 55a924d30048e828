#pragma once
// Where the extension module and our Python files are: beside the program, wherever it was put.

#include <string>

#include "base/result.h"

namespace snapjail::app {

// SNAPJAIL_LIBRARY, or lib/snapjail/ beside the program, or ../lib/snapjail/.
Result<std::string> find_library_folder();

}  // namespace snapjail::app
