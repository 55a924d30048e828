#pragma once
// The seccomp filters, compiled once by the supervisor to plain BPF. Two for guests: the zygote's
// says which system calls there are at all (an allowlist; by number only, which the kernel caches),
// the guest's takes away what set-up needed and looks at arguments. One for the front. The guests'
// are made from the table in jail/seccomp/syscall_table.h.

#include <linux/filter.h>

#include <span>

#include "base/result.h"
#include "jail/jail_plan.h"

namespace snapjail::jail {

Result<SeccompProgram> compile_zygote_filter(Tier tier = Tier::kFull);

enum class PolicyUse : unsigned char {
    kJoined,   // With ours: never weaker than ours alone.
    kReplace,  // In place of the guest's filter. The zygote's, the list of calls, stays in force.
};

// Beside what every guest is denied.
struct GuestRules {
    bool keeps_affinity = false;  // The guest may not choose its processors.
    // Tier `process`: there is no pid namespace between it and others.
    bool shares_processes = false;
    // A whole program of the operator's. Joined it is asked first: its refusals stand, and what it
    // allows is still ours to refuse.
    std::span<const sock_filter> own_policy = {};
    PolicyUse own_policy_use = PolicyUse::kJoined;
};
Result<SeccompProgram> compile_guest_filter(const GuestRules& rules = {});
// To be called in the front itself: the filter holds its pid.
Result<SeccompProgram> compile_front_filter();

}  // namespace snapjail::jail
