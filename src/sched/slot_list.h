#pragma once
// SlotList: which slots are free. One for all profiles: a slot's cgroups, user id and root serve
// whichever zygote forks into it. A slot is taken from the moment a guest is asked for until its
// zygote has reaped it. One thread.

#include <cstdint>
#include <vector>

#include "base/check.h"

namespace snapjail::sched {

class SlotList {
  public:
    explicit SlotList(std::uint32_t count) : count_(count) {
        for (std::uint32_t slot = count; slot > 0; --slot) {
            free_.push_back(slot - 1);
        }
    }

    bool has_free() const { return !free_.empty(); }
    // There must be a free one.
    std::uint32_t take() {
        CHECK(!free_.empty());
        std::uint32_t slot = free_.back();
        free_.pop_back();
        return slot;
    }
    void give_back(std::uint32_t slot) {
        CHECK(free_.size() < count_);
        free_.push_back(slot);
    }

  private:
    std::uint32_t count_;
    std::vector<std::uint32_t> free_;
};

}  // namespace snapjail::sched
