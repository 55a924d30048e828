#include "sched/pool_sizes.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace snapjail::sched {
namespace {

// What one job weighs: the last fifty or so decide. Fewer, and pools follow every whim; more, and a
// change of work is met by cold guests for long.
constexpr double kWeightOfAJob = 1.0 / 32;

}  // namespace

PoolSizes::PoolSizes(std::size_t profile_count, std::uint32_t waiting_max)
    : waiting_max_(waiting_max),
      shares_(profile_count, 1.0 / static_cast<double>(profile_count)),
      sizes_(profile_count) {
    share_out();
}

void PoolSizes::note_job(ProfileIndex profile) {
    for (double& share : shares_) {
        share *= 1 - kWeightOfAJob;
    }
    shares_[profile] += kWeightOfAJob;
    share_out();
}

void PoolSizes::share_out() {
    auto count = static_cast<std::uint32_t>(shares_.size());
    std::vector<ProfileIndex> order(count);
    std::iota(order.begin(), order.end(), 0u);
    if (waiting_max_ < count) {
        // The most wanted; where that is nobody, the richest, which does for the leaner as well.
        std::sort(order.begin(), order.end(), [&](ProfileIndex a, ProfileIndex b) {
            return shares_[a] != shares_[b] ? shares_[a] > shares_[b] : a > b;
        });
        std::fill(sizes_.begin(), sizes_.end(), 0u);
        for (std::uint32_t i = 0; i < waiting_max_; ++i) {
            sizes_[order[i]] = 1;
        }
        return;
    }
    // One each; of the rest the whole parts of the shares, then the largest remainders.
    std::uint32_t rest = waiting_max_ - count;
    std::uint32_t given = 0;
    std::vector<double> remainders(count);
    for (ProfileIndex i = 0; i < count; ++i) {
        double part = shares_[i] * rest;
        sizes_[i] = 1 + static_cast<std::uint32_t>(part);
        remainders[i] = part - std::floor(part);
        given += sizes_[i] - 1;
    }
    std::sort(order.begin(), order.end(), [&](ProfileIndex a, ProfileIndex b) {
        return remainders[a] != remainders[b] ? remainders[a] > remainders[b] : a > b;
    });
    for (std::uint32_t i = 0; i < count && given < rest; ++i, ++given) {
        ++sizes_[order[i]];
    }
}

}  // namespace snapjail::sched
