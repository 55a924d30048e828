#include "load/schedule.h"

#include <cmath>

#include "base/check.h"

namespace snapjail::bench {

Schedule::Schedule(double per_second, std::uint64_t seed) : per_second_(per_second), random_(seed) {
    CHECK(per_second > 0);
}

std::chrono::nanoseconds Schedule::next() {
    // Not std::exponential_distribution: each library has its own, and the moments would differ.
    // 53 bits are what a double holds; the result is in [0, 1), so the logarithm is finite.
    double uniform = std::ldexp(static_cast<double>(random_() >> 11), -53);
    seconds_ -= std::log1p(-uniform) / per_second_;
    return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds_ * 1e9));
}

}  // namespace snapjail::bench
