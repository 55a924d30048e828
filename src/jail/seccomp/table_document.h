#pragma once
// table_document: the table of system calls for people, as docs/seccomp.md shows it, and
// for the tests.

#include <string>

namespace snapjail::jail {

// Markdown. Calls with one verdict and one reason share a row; those whose arguments are judged
// have rows of their own. The same on every architecture.
std::string syscall_table_markdown();

// JSON, with this architecture's numbers.
std::string syscall_table_json();

}  // namespace snapjail::jail
