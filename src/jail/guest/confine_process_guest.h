#pragma once
// confine_process_guest: what confine_guest is for tier `process`, where the host allows no
// namespaces: an id of the slot's own and a root entered by chroot where they may be had, Landlock,
// seccomp, rlimits. What namespaces would do for the rest, the zygote does from outside: see
// zygote/extension/process_slots.h.
//
// For the child side of a fork, in a process with one thread: no allocation, no lock, no log. On
// failure the process must _exit: it is neither free nor confined.

#include <sys/types.h>

#include <cstdint>

#include "jail/guest/confine_guest.h"
#include "jail/jail_plan.h"
#include "jail/setup_step.h"

namespace snapjail::jail {

struct ProcessPlace {
    std::uint32_t slot = 0;
    const char* folder = nullptr;  // The slot's, as ProcessPlaces has it.
    pid_t zygote = -1;             // Whose death is the guest's.
};

// Wants no_new_privs and the zygote's filter in force, and where the plan gives each slot an id or
// a root: CAP_SETUID, CAP_SETGID, CAP_SYS_CHROOT.
SetupFailure confine_process_guest(const JailPlan& plan, const ProcessPlace& place,
                                   const GuestDescriptors& descriptors) noexcept;

}  // namespace snapjail::jail
