#pragma once
// ProcessSlots: what namespaces, a tmpfs and cgroups do for a job in tier `full`, done by the
// zygote from outside in tier `process`: nothing of a job outlives it, its folder is empty before
// the next one, and its processes together keep to the limits. One thread.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "jail/jail_plan.h"
#include "zygote/nameless_files.h"
#include "zygote/process_table.h"
#include "zygote/protocol.h"

namespace snapjail::zygote {

class ProcessSlots {
  public:
    // `is_guest` says of a pid whether it is a guest that lives: all other children of ours are
    // what ended jobs have left.
    ProcessSlots(const jail::JailPlan& plan, std::function<bool(pid_t)> is_guest);

    // Where the slot's guest lives, as jail::ProcessPlace wants it. Stays valid.
    const char* folder(std::uint32_t slot);

    // Ends all that is left of the slot's last job, and empties its folder. True: nothing is left.
    // False: it is dying still, or cannot be removed; to be asked again.
    bool clean(std::uint32_t slot);

    // The slot's guest has got its job: from now on it is looked after.
    void watch(std::uint32_t slot, pid_t guest);
    void forget(std::uint32_t slot);
    bool is_watching() const { return !watched_.empty(); }

    // To be called every now and then; does nothing before it is time. Calls `on_overrun(guest,
    // what)` for each job past its limits.
    void look(const std::function<void(pid_t, LimitHit)>& on_overrun);

  private:
    using Clock = std::chrono::steady_clock;
    struct Watched {
        pid_t guest = 0;
        std::uint64_t anonymous_at_start = 0;  // Of ours: the most that it can share with us.
        int looks = 0;
        std::uint64_t shared_bytes = 0;  // At the last look.
        NamelessFiles nameless = {};     // As the last look at mappings has seen them.
        std::uint64_t in_flight = 0;
    };
    struct Use {
        std::vector<pid_t> holders;  // Of each process, whom /proc shows it under.
        std::uint64_t threads = 0;
        std::uint64_t anonymous_bytes = 0;
        std::uint64_t shared_bytes = 0;  // The most that one of them has: shared is shared.
    };

    // What a look finds to be over its limit.
    LimitHit judge(std::uint32_t slot, Watched& watched);
    static Use use_of(const Watched& watched);
    bool is_past_memory(const Use& use, const NamelessFiles& nameless) const;
    bool is_past_folder(std::uint32_t slot, std::uint64_t nameless_bytes);
    std::uint64_t hidden_count(const NamelessFiles& nameless);
    std::string job_folder(std::uint32_t slot);
    uid_t uid_of(std::uint32_t slot) const;
    bool has_own_uids() const { return plan_.places.slot_uid_first != 0; }

    const jail::JailPlan& plan_;
    std::function<bool(pid_t)> is_guest_;
    std::unordered_map<std::uint32_t, std::string> folders_;
    std::unordered_map<std::uint32_t, Watched> watched_;
    NamelessFiles known_;  // What we have mapped ourselves, and guests inherit.
    Clock::time_point next_look_{};
};

}  // namespace snapjail::zygote
