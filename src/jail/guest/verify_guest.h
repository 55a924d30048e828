#pragma once
// verify_guest: asks the kernel, from inside the jail, whether the walls stand. A guest for whom
// one answer is wrong is thrown away before it is ready: the steps of confine_guest all having
// answered "done" is not taken for proof.
//
// For the child side of a fork: no allocation, no lock, no log. All questions together took 86
// microseconds on two cores of a virtual machine, before there is a job to wait for them.

#include <sys/types.h>

#include <array>

#include "jail/jail_plan.h"
#include "jail/setup_step.h"

namespace snapjail::jail {

// The namespaces that a guest does not share with its zygote, by the inodes that /proc gives them.
struct NamespaceInodes {
    std::array<ino_t, 5> own{};  // User, mount, ipc, uts, cgroup; 0: this kernel has none.
    dev_t procfs = 0;            // The device that is mounted at /proc.
};

// Which the caller is in: the zygote, once, for a guest is forked into these and must not be left
// in them. `proc_self` is the folder /proc/<own pid>. False where they cannot be read.
bool note_namespaces(int proc_self, NamespaceInodes& own) noexcept;

// Whether the caller has left all of the zygote's, has another /proc, and is in its slot's network
// namespace, which is open as `network`. Wants a folder /proc/self that shows the caller; before
// its descriptors are closed.
bool are_namespaces_own(const JailPlan& plan, int proc_self, const NamespaceInodes& zygotes,
                        int network) noexcept;

// Whether 0 to kJobFd, the result's and `listing` itself are open, and nothing else. `listing` is
// the folder /proc/self/fd, or -1: then the first numbers are tried one by one.
bool are_descriptors_as_planned(const JailPlan& plan, int listing) noexcept;

// The limits are those of the plan, soft and hard.
bool are_rlimits_set(const JailPlan& plan) noexcept;

// The rest, once everything else is done: no_new_privs, capabilities, ids and groups, limits,
// mounts, Landlock. Before the guest's filter, which forbids some of the questions.
bool do_walls_stand(const JailPlan& plan) noexcept;

// That both filters are in force, by what they answer. Harmless where they are not.
bool do_filters_stand(const JailPlan& plan) noexcept;

}  // namespace snapjail::jail
