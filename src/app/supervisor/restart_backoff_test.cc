#include "app/supervisor/restart_backoff.h"

#include <gtest/gtest.h>

namespace snapjail::app {
namespace {

using namespace std::chrono_literals;

// The wait after each of `lives`, one after another.
std::vector<std::chrono::milliseconds> waits(const std::vector<std::chrono::milliseconds>& lives) {
    RestartBackoff backoff;
    RestartBackoff::Clock::time_point now{};
    std::vector<std::chrono::milliseconds> waited;
    for (auto life : lives) {
        backoff.on_start(now);
        now += life;
        auto due = backoff.on_death(now);
        waited.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(due - now));
        now = due;
    }
    return waited;
}

using Waits = std::vector<std::chrono::milliseconds>;

TEST(RestartBackoff, TheFirstDeathIsFollowedAtOnce) {
    EXPECT_EQ(waits({0ms}), Waits{0ms});
}

TEST(RestartBackoff, DeathsOfOldAgeNeverWait) {
    EXPECT_EQ(waits({250ms, 250ms, 250ms}), (Waits{0ms, 0ms, 0ms}));
}

TEST(RestartBackoff, YoungDeathsInARowWaitTwiceAsLongEachTimeUpToABound) {
    EXPECT_EQ(waits(Waits(10, 249ms)),
              (Waits{0ms, 50ms, 100ms, 200ms, 400ms, 800ms, 1600ms, 2000ms, 2000ms, 2000ms}));
}

TEST(RestartBackoff, ALongLifeForgetsTheYoungDeaths) {
    EXPECT_EQ(waits({0ms, 0ms, 0ms, 250ms, 0ms, 0ms}), (Waits{0ms, 50ms, 100ms, 0ms, 0ms, 50ms}));
}

}  // namespace
}  // namespace snapjail::app
