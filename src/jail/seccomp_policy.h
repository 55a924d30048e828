#pragma once
// The seccomp filters, compiled once by the supervisor to plain BPF. Two for guests: the zygote's
// says which system calls there are at all (an allowlist; by number only, which the kernel caches),
// the guest's takes away what set-up needed and looks at arguments. One for the front. The guests'
// are made from the table in jail/seccomp/syscall_table.h.

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "jail/jail_plan.h"
#include "jail/seccomp/syscall_table.h"
#include "jail/tier.h"

namespace snapjail::jail {

Result<SeccompProgram> compile_zygote_filter(Tier tier = Tier::kFull);

enum class PolicyUse : unsigned char {
    kJoined,   // With ours: never weaker than ours alone.
    kReplace,  // In place of the guest's filter. The zygote's, the list of calls, stays in force.
};

// Beside what every guest is denied.
struct GuestRules {
    bool keeps_affinity = false;  // The guest may not choose its processors.
    // Tier `process`: what nothing else keeps from other jobs.
    std::span<const Shared> shared = {};
    // A whole program of the operator's. Joined it is asked first: its refusals stand, and what it
    // allows is still ours to refuse.
    std::span<const sock_filter> own_policy = {};
    PolicyUse own_policy_use = PolicyUse::kJoined;
};
Result<SeccompProgram> compile_guest_filter(const GuestRules& rules = {});

// Of a guest's filter, which knows its guest's number only by a mark.
inline bool compares_with_own_pid(const sock_filter& instruction) noexcept {
    return instruction.code == (BPF_JMP | BPF_JEQ | BPF_K) && instruction.k == kOwnPidMark;
}

// What a guest shares with others. In tier `process` all of it where it has no id of its own. In
// tier `full` nothing, but for gVisor: its read-only mounts let modes, times and lengths of files
// be changed by whom they belong to, and the root's belong to the guests' one id.
struct GuestHost {
    Tier tier = Tier::kFull;
    bool has_own_id = false;  // Tier `process`: for each slot.
    std::uint32_t landlock_abi = 0;
    bool is_gvisor = false;
};
std::vector<Shared> what_guests_share(const GuestHost& host);
// To be called in the front itself: the filter holds its pid.
Result<SeccompProgram> compile_front_filter();

}  // namespace snapjail::jail
