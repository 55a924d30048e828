#pragma once
// confine_guest: locks the calling process, just forked by the zygote, into its jail. The order of
// the steps is the design; it stands in confine_guest.cc and in ARCHITECTURE.md.
//
// For the child side of a fork, in a process with one thread: no allocation, no lock, no log, only
// system calls. On failure the process must _exit: it is neither free nor confined.

#include "jail/cgroup/slot_cgroup.h"
#include "jail/guest/verify_guest.h"
#include "jail/jail_plan.h"
#include "jail/setup_step.h"

namespace snapjail::jail {

// What the guest keeps: nothing else is open when it runs.
struct GuestDescriptors {
    int job = -1;      // Becomes kJobFd: the job is read from it.
    int output = -1;   // Becomes descriptor 1.
    int result = -1;   // Becomes plan.result_fd.
    int network = -1;  // Its slot's network namespace, to compare with the one that it is in.
    cgroup::SlotCgroup cgroup;  // Joined, and closed.
};
constexpr int kJobFd = 3;

// What is the same for every guest of a zygote, looked up once by that.
struct ZygoteView {
    NamespaceInodes namespaces{};  // A guest must leave them.
    int user_settings = -1;        // The folder /proc/sys/user, or -1 on a kernel without it.
};
// `proc_self` is the zygote's own /proc/<pid>. False with errno where it cannot be looked at.
bool look_at_zygote(const JailPlan& plan, int proc_self, ZygoteView& view) noexcept;

// Wants: CAP_SYS_ADMIN in the current user namespace, which owns the current mount namespace; a
// fresh pid namespace of which the caller is PID 1; no_new_privs and the zygote's filter already in
// force.
SetupFailure confine_guest(const JailPlan& plan, const GuestDescriptors& descriptors,
                           const ZygoteView& zygote) noexcept;

}  // namespace snapjail::jail
