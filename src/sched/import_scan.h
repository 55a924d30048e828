#pragma once
// find_imports: which modules a script says it imports, by a plain look at its lines. A guess, and
// allowed to be wrong: it decides what a job costs, never what becomes of it. It knows no strings,
// comments behind code, or imports by function call.

#include <cstddef>
#include <string_view>
#include <vector>

namespace snapjail::sched {

constexpr std::size_t kImportsMax = 64;  // More different ones are not looked for.

// The first part of each dotted name, each once, in the script's order; views into `script`.
std::vector<std::string_view> find_imports(std::string_view script);

}  // namespace snapjail::sched
