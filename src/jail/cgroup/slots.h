#pragma once
// Slots: the cgroups of all slots, in every hierarchy in which this host lets us make some. Made by
// the supervisor before the first zygote, removed when this ends; no zygote may be alive then.
// That a host gives none is no error here: who needs them asks what is bounded.

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "jail/cgroup/files.h"
#include "jail/cgroup/limits.h"
#include "jail/cgroup/own_cgroups.h"
#include "jail/cgroup/slot_cgroup.h"
#include "jail/cgroup/subtree.h"

namespace snapjail::jail::cgroup {

struct SlotsSettings {
    Limits limits;
    std::uint32_t slots = 1;
    std::optional<uid_t> guest_id;  // See SubtreeSettings.
};

class Slots {
  public:
    // Nothing is bounded.
    Slots() = default;
    // Tries. `files` must outlive what is returned.
    Slots(Files& files, const std::vector<OwnCgroup>& own, const SlotsSettings& settings);

    bool bounds(Controller controller) const;
    bool bounds_nothing() const { return slots_.empty(); }
    // In version 1 a move may wait for an RCU grace period.
    bool joins_slowly() const;
    // "v1: memory pids", "v2: memory pids cpu"; empty where nothing is bounded.
    std::string summary() const;
    // What stood in the way in each hierarchy; empty where nothing did.
    const std::string& obstacles() const { return obstacles_; }

    // For a zygote, to be inherited: see keep_across_exec. Ours stay open as long as this lives.
    const std::vector<SlotCgroup>& table() const { return table_; }
    // A new epoll descriptor that tells (EPOLLET, data.u32 is the slot) when a slot has run out of
    // memory, where the kernel does not end the whole job by itself; else one that is not open.
    Result<UniqueFd> make_watch() const;

  private:
    struct Slot {
        std::array<UniqueFd, kHierarchiesMax> procs;
        UniqueFd memory_events;
        UniqueFd out_of_memory;  // An eventfd that the kernel signals, in version 1.
    };

    Result<void> add_hierarchy(std::unique_ptr<Subtree> subtree, std::uint32_t slots);
    static Result<void> open_slot(Slot& slot, std::size_t hierarchy, const std::string& folder,
                                  const Subtree& subtree);
    void note_obstacle(const Error& error);
    void fill_table();

    std::vector<std::unique_ptr<Subtree>> subtrees_;
    std::vector<Slot> slots_;
    std::vector<SlotCgroup> table_;  // The same as numbers.
    std::string obstacles_;
};

// Those of this process.
Slots make_slots(const SlotsSettings& settings);

}  // namespace snapjail::jail::cgroup
