#pragma once
// Giving up what a process may do: its capabilities, and the system calls that a filter denies.
// System calls only: for the child side of a fork too. Each returns false with errno set.

#include "jail/jail_plan.h"

namespace snapjail::jail {

// Wants CAP_SETPCAP. Without it there is nothing to gain by exec either, once no_new_privs is set.
bool empty_bounding_set() noexcept;

// Effective, permitted, inheritable, ambient; and looks whether they have gone: EPERM if not.
bool drop_capabilities() noexcept;
bool has_capabilities() noexcept;

// Wants no_new_privs.
bool load_seccomp(const SeccompProgram& program) noexcept;

}  // namespace snapjail::jail
