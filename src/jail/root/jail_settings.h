#pragma once
// JailSettings: what an operator may choose of the jail, beside its Limits. The defaults are the
// contract's; nothing in here can open what the jail always closes.

#include <linux/filter.h>

#include <cstdint>
#include <string>
#include <vector>

#include "jail/jail_plan.h"
#include "jail/layer.h"
#include "jail/root/root_tree.h"
#include "jail/seccomp_policy.h"

namespace snapjail::jail {

// A tmpfs of each guest's own, beside /tmp. Never executable, no devices, no setuid.
struct PrivateTmpfs {
    std::string path;  // Absolute.
    std::uint64_t bytes_max = 0;
    std::uint64_t inodes_max = 0;
    bool is_read_only = false;
};

struct JailSettings {
    std::string hostname = "snapjail";
    std::string cwd = "/tmp";
    std::int32_t nice_level = 0;  // Added to nothing: the guest's own; 0 leaves the service's.
    std::int32_t oom_score_adj = 1000;  // If memory runs out, a guest goes before the service does.
    std::uint32_t cpus_max = 0;         // 0: as many as the service has.
    // Of a whole job, where it has a cgroup.
    std::uint64_t cgroup_memory_bytes_max = 0;  // 0: Limits::memory_bytes_max.
    std::uint64_t cgroup_swap_bytes_max = 0;
    std::uint32_t cpu_ms_per_second = 0;  // 0: all that there is.
    std::uint32_t uid = 1000;             // As seen from inside; outside it is nobody of note.
    std::uint32_t gid = 1000;
    bool shows_proc = true;                // A procfs that shows the job's own processes.
    std::vector<std::string> environment;  // "NAME=value", over the small fixed one.
    std::vector<Entry> entries;            // Laid into the root tree first, so that they win.
    std::vector<PrivateTmpfs> tmpfs;
    // The operator's own seccomp policy, compiled. Joined, the default, it is asked before ours,
    // which has the last word.
    std::vector<sock_filter> seccomp_policy;
    PolicyUse seccomp_use = PolicyUse::kJoined;
    LayerSet layers;  // All, but in tests of the walls.
};

}  // namespace snapjail::jail
