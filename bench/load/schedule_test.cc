#include "load/schedule.h"

#include <gtest/gtest.h>

namespace snapjail::bench {
namespace {

using namespace std::chrono_literals;

TEST(Schedule, KeepsTheRateThatItWasGiven) {
    Schedule schedule(200, 1);
    std::chrono::nanoseconds last{};
    for (int i = 0; i < 20'000; ++i) {
        last = schedule.next();
    }

    // 20,000 arrivals at 200/s take 100 s; the standard deviation of that is 0.7 s.
    EXPECT_GT(last, 97s);
    EXPECT_LT(last, 103s);
}

TEST(Schedule, NeverGoesBack) {
    Schedule schedule(1e6, 2);
    std::chrono::nanoseconds before{};
    for (int i = 0; i < 10'000; ++i) {
        auto now = schedule.next();
        ASSERT_GE(now, before);
        before = now;
    }
}

TEST(Schedule, GapsAreAsUnevenAsThoseOfStrangers) {
    Schedule schedule(1'000, 3);
    std::chrono::nanoseconds before{};
    int short_gaps = 0;
    for (int i = 0; i < 10'000; ++i) {
        auto now = schedule.next();
        short_gaps += now - before < 100us ? 1 : 0;
        before = now;
    }

    // Of exponential gaps with a mean of 1 ms, 1 - exp(-0.1), 9.5 %, are shorter than 0.1 ms.
    EXPECT_GT(short_gaps, 850);
    EXPECT_LT(short_gaps, 1'050);
}

TEST(Schedule, TheSameSeedGivesTheSameMoments) {
    Schedule one(50, 7);
    Schedule same(50, 7);
    Schedule other(50, 8);

    auto first = one.next();

    EXPECT_EQ(first, same.next());
    EXPECT_NE(first, other.next());
}

}  // namespace
}  // namespace snapjail::bench
