#pragma once
// PoolSizes: how many guests of each profile shall wait, by what has been asked for lately. One of
// each as long as there is room, the rest in the proportions of the last jobs. One thread.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sched/profile_choice.h"

namespace snapjail::sched {

class PoolSizes {
  public:
    // `waiting_max`: of all profiles together.
    PoolSizes(std::size_t profile_count, std::uint32_t waiting_max);

    // A job has come that `profile` is the leanest for.
    void note_job(ProfileIndex profile);

    std::uint32_t size_of(ProfileIndex profile) const { return sizes_[profile]; }

  private:
    void share_out();

    std::uint32_t waiting_max_;
    std::vector<double> shares_;  // Sum 1; each job moves them a little.
    std::vector<std::uint32_t> sizes_;
};

}  // namespace snapjail::sched
