#pragma once
// What a process may do, taken up, handed on and given up: its capabilities, and the system calls
// that a filter denies. System calls only: for the child side of a fork too. Each returns false
// with errno set.

#include <cstdint>

#include "jail/jail_plan.h"

namespace snapjail::jail {

// A set of capabilities: bit n is capability n, as /proc/self/status shows them.
using CapabilitySet = std::uint64_t;
constexpr CapabilitySet capability_set(int capability) {
    return CapabilitySet{1} << capability;
}

// Makes effective what is permitted. A program with file capabilities that are permitted only (see
// docs/adr/009) begins with none in effect; for everybody else it changes nothing. Whoever gained
// something becomes dumpable again: else its own files in /proc would be root's, and the maps of a
// zygote's user namespace could not be written. Nobody with less may trace or read it all the same.
bool take_up_capabilities() noexcept;

// Those of `wanted` that are permitted outlive the next exec, for a user who is not root. Of the
// others none does.
bool hand_on_capabilities(CapabilitySet wanted) noexcept;

// In effect, all of them.
bool hold_capabilities(CapabilitySet wanted) noexcept;

// Wants CAP_SETPCAP. Without it there is nothing to gain by exec either, once no_new_privs is set.
bool empty_bounding_set() noexcept;

// Effective, permitted, inheritable, ambient; and looks whether they have gone: EPERM if not.
bool drop_capabilities() noexcept;
// Effective, permitted or inheritable. Without the last two the kernel has no ambient one either:
// see capabilities(7).
bool has_capabilities() noexcept;
bool has_bounding_capabilities() noexcept;

// Wants no_new_privs.
bool load_seccomp(const SeccompProgram& program) noexcept;

}  // namespace snapjail::jail
