#pragma once
// Schedule: when each request of an open loop is due. Arrivals are Poisson's, as those of many
// clients that know nothing of each other, from a fixed seed, so that every target is asked at the
// same moments. The times are absolute: a slow answer puts off no later request, and one that is
// sent late still counts from when it was due.

#include <chrono>
#include <cstdint>
#include <random>

namespace snapjail::bench {

class Schedule {
  public:
    // `per_second` is more than 0.
    Schedule(double per_second, std::uint64_t seed);

    // When the next request is due, from the beginning; never before the one before it.
    std::chrono::nanoseconds next();

  private:
    double per_second_;
    double seconds_ = 0;
    std::mt19937_64 random_;
};

}  // namespace snapjail::bench
