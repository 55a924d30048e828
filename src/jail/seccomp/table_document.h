#pragma once
// table_document: the table of system calls for people, as docs/seccomp.md shows it.

#include <string>

namespace snapjail::jail {

// Markdown. Calls with one verdict and one reason share a row; those whose arguments are judged
// have rows of their own. The same on every architecture.
std::string syscall_table_markdown();

}  // namespace snapjail::jail
