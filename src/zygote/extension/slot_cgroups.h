#pragma once
// SlotCgroups: the zygote's side of its slots' cgroups: which one a guest joins, and whether that
// has run out of memory. Reads nothing that a guest can write to: what it asks is the kernel's.

#include <sys/types.h>

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "jail/cgroup/slot_cgroup.h"
#include "jail/jail_plan.h"

namespace snapjail::zygote {

class SlotCgroups {
  public:
    // The table behind the plan.
    Result<void> load(const jail::JailPlan& plan);

    // For poll(2); -1 where the kernel ends a whole job by itself, or does not tell.
    int watch() const { return watch_; }

    // Before a fork. An error where all slots should have cgroups and this one has none.
    Result<void> prepare(std::uint32_t slot);
    jail::cgroup::SlotCgroup of(std::uint32_t slot) const noexcept;
    void on_forked(std::uint32_t slot, pid_t pid);

    // In the process's one reaping: true if any process of that guest was ended for want of memory.
    bool on_reaped(pid_t pid);

    // Version 1 kills one process, and the script would go on without it: ends the guest.
    void end_those_out_of_memory();

  private:
    struct Guest {
        std::uint32_t slot = 0;
        std::uint64_t oom_kills_before = 0;
        bool is_out_of_memory = false;
    };

    std::vector<jail::cgroup::SlotCgroup> table_;
    int watch_ = -1;
    std::uint64_t oom_kills_before_ = 0;  // In the slot that was prepared last.
    std::unordered_map<pid_t, Guest> guests_;
};

}  // namespace snapjail::zygote
