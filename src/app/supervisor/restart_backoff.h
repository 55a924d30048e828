#pragma once
// RestartBackoff: how long to wait before a process that has died is started again. Not at all, the
// first time: that is what keeps the service answering. One that dies young again and again waits
// twice as long each time. Pure: the time comes in.

#include <algorithm>
#include <chrono>

namespace snapjail::app {

class RestartBackoff {
  public:
    using Clock = std::chrono::steady_clock;

    static constexpr std::chrono::milliseconds kShortest{50};
    static constexpr std::chrono::milliseconds kLongest{2'000};
    // Who has lived so long did not die of how it was started.
    static constexpr std::chrono::milliseconds kYoung{250};

    void on_start(Clock::time_point now) { started_ = now; }

    // When to start the next one.
    Clock::time_point on_death(Clock::time_point now) {
        died_young_ = now - started_ < kYoung ? died_young_ + 1 : 0;
        if (died_young_ < 2) {
            return now;
        }
        int doublings = std::min(died_young_ - 2, 10);
        return now + std::min(kShortest * (1 << doublings), kLongest);
    }

  private:
    Clock::time_point started_{};
    int died_young_ = 0;  // In a row.
};

}  // namespace snapjail::app
