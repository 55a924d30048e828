#pragma once
// JailPlan: all that a guest's confinement needs, worked out once by the supervisor and handed to
// the zygote as plain bytes (a memfd). Nothing in it is secret, nothing in it points anywhere:
// after fork() the child reads it and calls the kernel, and allocates nothing.

#include <linux/filter.h>

#include <array>
#include <cstdint>
#include <type_traits>

#include "jail/layer.h"
#include "jail/tier.h"

namespace snapjail::jail {

// The kernel's own limit for one filter. An allowlist of 260 calls as a binary tree is about 700
// instructions, ours of arguments 200; the rest is room for an operator's own policy.
constexpr std::size_t kFilterInstructionsMax = 4096;
constexpr std::size_t kRlimitsMax = 16;
constexpr std::size_t kArgvMax = 10;
constexpr std::size_t kPathBytesMax = 4096;
constexpr std::size_t kHostnameBytesMax = 65;  // The kernel's, with the NUL.
constexpr std::size_t kTmpfsMax = 8;
constexpr std::size_t kTmpfsPathBytesMax = 256;

struct SeccompProgram {
    std::uint32_t count = 0;
    std::array<sock_filter, kFilterInstructionsMax> instructions{};
};

struct RlimitRule {
    std::int32_t resource = 0;
    std::uint64_t soft = 0;
    std::uint64_t hard = 0;
};

struct TmpfsRule {
    std::array<char, kTmpfsPathBytesMax> path{};
    std::uint64_t bytes_max = 0;
    std::uint64_t inodes_max = 0;
    std::uint32_t is_read_only = 0;
};

enum class GuestStart : std::uint32_t {
    kWarm,  // The guest goes on in the interpreter that it was forked with.
    kCold,  // The guest execs a fresh interpreter when its job arrives.
};

struct JailPlan {
    static constexpr std::uint32_t kVersion = 4;
    std::uint32_t version = kVersion;
    Tier tier = Tier::kFull;
    GuestStart start = GuestStart::kWarm;
    LayerSet layers;  // All, but in tests of the walls.
    // Loaded once in the zygote, inherited by every guest: which system calls there are at all.
    SeccompProgram zygote_filter;
    // Loaded by each guest, last: takes away what only set-up needs, and looks at arguments.
    SeccompProgram guest_filter;
    std::uint32_t rlimit_count = 0;
    std::array<RlimitRule, kRlimitsMax> rlimits{};
    std::uint64_t tmp_bytes_max = 0;
    std::uint64_t tmp_inodes_max = 0;
    // The descriptor on which a guest sends its frames. It is the first number that the guest's own
    // RLIMIT_NOFILE forbids, so that no script meets it by closing or scanning "all" descriptors.
    std::int32_t result_fd = 0;
    std::uint32_t has_proc = 0;  // A procfs can be mounted here: guests get one of their own.
    // It takes subset=pid and shows the whole system all the same: gVisor's does.
    std::uint32_t proc_shows_system = 0;
    std::uint32_t landlock_abi = 0;  // 0: this kernel has none.
    std::uint32_t guest_uid = 1000;  // As seen from inside.
    std::uint32_t guest_gid = 1000;
    std::uint32_t shows_proc = 1;  // 0: guests find an empty /proc.
    // The guest's filter holds a policy of the operator's, which may forbid what verify_guest asks.
    std::uint32_t has_own_policy = 0;
    std::uint32_t keeps_groups = 0;  // Started by an ordinary user, who cannot leave their groups.
    std::uint32_t cpus_max = 0;      // 0: all that the zygote has.
    std::int32_t nice_level = 0;
    std::int32_t oom_score_adj = 1000;
    std::array<char, kHostnameBytesMax> hostname{"snapjail"};
    std::array<char, kPathBytesMax> cwd{"/tmp"};
    std::uint32_t tmpfs_count = 0;
    std::array<TmpfsRule, kTmpfsMax> tmpfs{};
    ProcessPlaces places;  // For Tier::kProcess.
    // For GuestStart::kCold: the interpreter and its arguments, each ended by a NUL.
    std::array<std::array<char, kPathBytesMax>, kArgvMax> cold_argv{};
    // So many cgroup::SlotCgroup stand behind the plan; 0: no cgroups here.
    std::uint32_t cgroup_count = 0;
    std::int32_t cgroup_watch = -1;  // See cgroup::Slots::make_watch.
};
static_assert(std::is_trivially_copyable_v<JailPlan>);

}  // namespace snapjail::jail
