#pragma once
// `snapjail seccomp-table`: the system calls that a guest may make, as Markdown for docs/seccomp.md
// or as JSON, with this architecture's numbers, for the tests.

namespace snapjail::app {

int print_seccomp_table(bool wants_json);

}  // namespace snapjail::app
