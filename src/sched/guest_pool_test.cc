#include "sched/guest_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sched/guest_pool_for_test.h"

namespace snapjail::sched {
namespace {

using std::chrono::steady_clock;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using zygote::Command;
using zygote::CommandKind;

TEST_F(GuestPoolTest, StartsNoMoreAtOnceThanItMay) {
    start(limits_of(8, 2));

    EXPECT_EQ(asked(zygote_).size(), 2u);
    EXPECT_EQ(pool_->take(only()), nullptr);
    EXPECT_FALSE(pool_->is_ready());
}

TEST_F(GuestPoolTest, FillsAllSlotsEachOnceAndThenRests) {
    start(limits_of(5, 2));
    std::set<std::uint32_t> slots;
    settle(io_);
    for (auto commands = zygote_.commands(); !commands.empty(); commands = zygote_.commands()) {
        for (const Command& command : commands) {
            EXPECT_TRUE(slots.insert(command.slot).second) << command.slot;
            EXPECT_LT(command.slot, 5u);
            zygote_.say_spawned(command.guest_id);
            zygote_.say_ready(command.guest_id);
        }
        settle(io_);
    }

    EXPECT_EQ(slots.size(), 5u);
    EXPECT_EQ(pool_->waiting_count(), 5u);
    EXPECT_EQ(ready_calls_, 5);
    EXPECT_TRUE(pool_->is_ready());
}

TEST_F(GuestPoolTest, HandsOutTheGuestThatHasWaitedLeast) {
    start(limits_of(2, 1));
    serve(zygote_);

    EXPECT_EQ(pool_->take(only())->id, 2u);
    EXPECT_EQ(pool_->take(only())->id, 1u);
    EXPECT_EQ(pool_->take(only()), nullptr);
    EXPECT_EQ(pool_->running_count(), 2u);
}

TEST_F(GuestPoolTest, ASlotIsTakenUntilTheZygoteHasReapedItsGuest) {
    start(limits_of(1, 1));
    serve(zygote_);
    auto guest = pool_->take(only());
    pool_->set_demand(jobs_for({0, 0, 0}));

    pool_->end(guest);
    EXPECT_EQ(killed(zygote_), std::vector<std::uint64_t>{guest->id});
    EXPECT_TRUE(asked(zygote_).empty());
    zygote_.say_gone(guest->id);

    EXPECT_EQ(asked(zygote_).size(), 1u);
}

TEST_F(GuestPoolTest, AGuestIsKilledOnceHoweverOftenItIsEnded) {
    start(limits_of(1, 1));
    serve(zygote_);
    auto guest = pool_->take(only());

    pool_->end(guest);
    pool_->end(guest);

    EXPECT_EQ(killed(zygote_).size(), 1u);
    EXPECT_EQ(pool_->running_count(), 0u);
}

TEST_F(GuestPoolTest, AGuestThatDiedOfItselfIsNotKilledAgain) {
    start(limits_of(1, 1));
    serve(zygote_);
    auto guest = pool_->take(only());
    bool is_told = false;
    guest->on_gone = [&] { is_told = true; };

    zygote_.say_gone(guest->id, 7 << 8);
    settle(io_);
    pool_->end(guest);

    EXPECT_TRUE(is_told);
    EXPECT_EQ(guest->death->wait_status, 7 << 8);
    EXPECT_TRUE(killed(zygote_).empty());
    EXPECT_EQ(pool_->running_count(), 0u);
}

TEST_F(GuestPoolTest, AGuestThatDiesWhileItWaitsIsReplacedAndNeverHandedOut) {
    start(limits_of(1, 1));
    serve(zygote_);

    zygote_.say_gone(1);
    settle(io_);

    EXPECT_EQ(pool_->take(only()), nullptr);
    EXPECT_EQ(asked(zygote_), std::vector<std::uint64_t>{2});
}

TEST_F(GuestPoolTest, AGuestThatDiesBeforeItIsReadyGivesBackItsSlotAfterAPause) {
    start(limits_of(1, 1));
    ASSERT_EQ(asked(zygote_).size(), 1u);
    zygote_.say_spawned(1);
    settle(io_);

    zygote_.say_gone(1, SIGSEGV);

    EXPECT_TRUE(asked(zygote_).empty());
    std::uint64_t next = 0;
    EXPECT_GE(time_until_asked(zygote_, next), 15ms);
    EXPECT_EQ(next, 2u);
}

TEST_F(GuestPoolTest, AGuestWhosePipeEndsBeforeItsDeathIsToldIsCountedOnce) {
    start(limits_of(2, 2));
    ASSERT_EQ(asked(zygote_).size(), 2u);
    zygote_.say_spawned(1);
    settle(io_);

    zygote_.guests.clear();
    EXPECT_EQ(killed(zygote_), std::vector<std::uint64_t>{1});
    zygote_.say_gone(1);
    settle(io_);
    zygote_.say_spawned(2);
    zygote_.say_ready(2);
    std::uint64_t next = 0;
    time_until_asked(zygote_, next);
    zygote_.say_spawned(next);
    zygote_.say_ready(next);
    settle(io_);

    EXPECT_EQ(pool_->waiting_count(), 2u);
}

TEST_F(GuestPoolTest, EachFailureInARowDoublesThePause) {
    start(limits_of(1, 1));
    std::uint64_t id = asked(zygote_).front();
    for (auto pause_min : {20ms, 40ms, 80ms}) {
        zygote_.say_failed(id, EAGAIN);
        EXPECT_GE(time_until_asked(zygote_, id), pause_min - 1ms);
    }
}

// Of a pool that asks for as many guests at once as are tried: how often it was told that none
// starts, with why, where so many of them fail, and one more where `first_is_ready`.
class FirstGuestsTest : public GuestPoolTest {
  protected:
    std::vector<std::string> told_after(std::uint32_t failures, bool first_is_ready) {
        start(limits_of(kFirstGuestsTried + 1, kFirstGuestsTried + 1));
        std::vector<std::string> told;
        pool_->on_none_starts([&](ProfileIndex profile, const std::string& why) {
            told.push_back(std::to_string(profile) + " " + why);
        });
        auto ids = asked(zygote_);
        if (first_is_ready) {
            zygote_.say_spawned(ids.back());
            zygote_.say_ready(ids.back());
            settle(io_);
        }
        for (std::uint32_t i = 0; i < failures; ++i) {
            zygote_.say_failed(ids.at(i), EAGAIN);
            settle(io_);
        }
        return told;
    }
};

TEST_F(FirstGuestsTest, ThatAllFailAreToldOnceWithWhy) {
    auto told = told_after(kFirstGuestsTried + 1, false);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_TRUE(told[0].starts_with("0 ") && told[0].ends_with(std::strerror(EAGAIN))) << told[0];
}

TEST_F(FirstGuestsTest, ThatFailAreNotToldWhereOneMayStillStart) {
    EXPECT_TRUE(told_after(kFirstGuestsTried - 1, false).empty());
}

TEST_F(FirstGuestsTest, ThatFailAfterOneWasReadyAreNotTold) {
    EXPECT_TRUE(told_after(kFirstGuestsTried, true).empty());
}

TEST_F(GuestPoolTest, FailsToStartFromTheFirstFailureToTheNextReadyGuest) {
    start(limits_of(1, 1));
    std::uint64_t id = asked(zygote_).front();
    EXPECT_FALSE(pool_->fails_to_start());

    zygote_.say_failed(id, EAGAIN);
    settle(io_);
    EXPECT_TRUE(pool_->fails_to_start());

    (void)time_until_asked(zygote_, id);
    zygote_.say_spawned(id);
    settle(io_);
    EXPECT_TRUE(pool_->fails_to_start()) << "its set-up may fail yet";
    zygote_.say_ready(id);
    settle(io_);
    EXPECT_FALSE(pool_->fails_to_start());
}

TEST_F(GuestPoolTest, DoesNotFailToStartWhereNoZygoteIsThereToTry) {
    start(limits_of(1, 1));
    zygote_.say_failed(asked(zygote_).front(), EAGAIN);
    settle(io_);
    ASSERT_TRUE(pool_->fails_to_start());

    zygote_.die();
    settle(io_);

    EXPECT_FALSE(pool_->fails_to_start());
}

TEST_F(GuestPoolTest, AGuestWhoseFirstFrameIsNotReadyIsKilled) {
    for (const std::string& bytes :
         {header_bytes(zygote::FrameKind::kResult, 0),
          header_bytes(zygote::FrameKind::kSetupFailed, 8) + std::string(8, '\1'),
          std::string("GET / HTTP/1.1\r\n"), header_bytes(zygote::FrameKind::kReady, 0) + "x"}) {
        FakeZygote zygote;
        start(limits_of(1, 1), zygote);
        auto ids = asked(zygote);
        ASSERT_EQ(ids.size(), 1u);
        zygote.say_spawned(ids[0]);

        write_all(zygote.guests[ids[0]].result, bytes);

        EXPECT_EQ(killed(zygote), ids);
        EXPECT_EQ(pool_->waiting_count(), 0u);
        pool_->close();
    }
}

TEST_F(GuestPoolTest, WhatTheZygoteSaysOfNobodyIsIgnored) {
    start(limits_of(1, 1));
    ASSERT_EQ(asked(zygote_).size(), 1u);

    zygote_.say_spawned(99);
    zygote_.say_failed(98, ENOMEM);
    zygote_.say_gone(97);
    settle(io_);
    zygote_.say_spawned(1);
    zygote_.say_ready(1);
    settle(io_);

    EXPECT_EQ(pool_->waiting_count(), 1u);
    EXPECT_TRUE(asked(zygote_).empty());
}

TEST_F(GuestPoolTest, AZygoteThatTalksNonsenseIsLost) {
    start(limits_of(1, 1));
    serve(zygote_);
    ASSERT_TRUE(pool_->is_ready());

    zygote_.say_bytes("nonsense");
    settle(io_);

    EXPECT_FALSE(pool_->is_ready());
    EXPECT_EQ(pool_->take(only()), nullptr);
    EXPECT_TRUE(zygote_.is_closed_by_front());
}

TEST_F(GuestPoolTest, ALostZygoteTellsItsRunningGuestsAndGivesBackEverySlot) {
    start(limits_of(3, 3));
    serve(zygote_);
    auto running = pool_->take(only());
    bool is_told = false;
    running->on_gone = [&] { is_told = true; };

    zygote_.die();
    settle(io_);
    pool_->end(running);
    FakeZygote next;
    attach(next);

    EXPECT_TRUE(is_told);
    EXPECT_TRUE(running->is_zygote_lost);
    EXPECT_EQ(pool_->running_count(), 0u);
    EXPECT_EQ(asked(next).size(), 3u);
}

TEST_F(GuestPoolTest, ANewZygoteIsAskedAtOnceWhateverTheLastOnesFailures) {
    start(limits_of(1, 1));
    zygote_.say_failed(asked(zygote_).front(), EAGAIN);
    settle(io_);
    zygote_.die();
    settle(io_);

    FakeZygote next;
    attach(next);

    EXPECT_EQ(asked(next).size(), 1u);
}

TEST_F(GuestPoolTest, ASecondZygoteEndsTheWaitingGuestsOfTheFirstAndLetsItsJobsFinish) {
    start(limits_of(3, 3));
    serve(zygote_);
    auto running = pool_->take(only());
    FakeZygote next;

    attach(next);
    auto ended = killed(zygote_);
    EXPECT_EQ(std::set(ended.begin(), ended.end()), (std::set<std::uint64_t>{1, 2}));
    EXPECT_TRUE(asked(next).empty());  // All three slots are still taken.
    zygote_.say_gone(2);
    EXPECT_EQ(asked(next).size(), 1u);
    zygote_.say_gone(1);
    EXPECT_EQ(asked(next).size(), 1u);
    EXPECT_FALSE(zygote_.is_closed_by_front());

    zygote_.say_gone(running->id, 0);
    EXPECT_EQ(asked(next).size(), 1u);
    EXPECT_TRUE(zygote_.is_closed_by_front());
}

TEST_F(GuestPoolTest, AGuestThatAReplacedZygoteStillForksIsKilled) {
    start(limits_of(1, 1));
    ASSERT_EQ(asked(zygote_).size(), 1u);
    FakeZygote next;
    attach(next);

    zygote_.say_spawned(1);
    EXPECT_EQ(killed(zygote_), std::vector<std::uint64_t>{1});
    zygote_.say_gone(1);

    EXPECT_EQ(asked(next).size(), 1u);
    EXPECT_TRUE(zygote_.is_closed_by_front());
}

TEST_F(GuestPoolTest, ASlotThatAReplacedZygoteGivesBackIsUsedAtOnce) {
    for (bool dies : {false, true}) {
        FakeZygote first;
        FakeZygote next;
        start(limits_of(1, 1), first);
        auto ids = asked(first);
        ASSERT_EQ(ids.size(), 1u);
        attach(next);
        ASSERT_TRUE(asked(next).empty());

        if (dies) {
            first.die();
        } else {
            first.say_failed(ids[0], EAGAIN);
        }

        EXPECT_EQ(asked(next).size(), 1u) << dies;
        pool_->close();
    }
}

// What its jobs have left may live for as long as the supervisor takes to find it.
TEST_F(GuestPoolTest, InTierProcessASlotOfAReplacedZygoteThatDiesIsUsedSecondsLater) {
    PoolLimits limits = limits_of(1, 1);
    limits.tells_of_jobs = true;
    start(limits);
    ASSERT_EQ(asked(zygote_).size(), 1u);
    FakeZygote next;
    attach(next);

    zygote_.die();
    EXPECT_TRUE(asked(next).empty());
    std::uint64_t id = 0;

    EXPECT_GE(time_until_asked(next, id), std::chrono::seconds(2));
    EXPECT_NE(id, 0u);
}

TEST_F(GuestPoolTest, DemandBringsGuestsBeyondThoseThatWait) {
    PoolLimits limits = limits_of(4, 4);
    limits.guests_waiting_max = 1;
    start(limits);
    serve(zygote_);
    ASSERT_NE(pool_->take(only()), nullptr);

    pool_->set_demand(jobs_for({0, 0}));

    EXPECT_EQ(asked(zygote_).size(), 2u);
}

TEST_F(GuestPoolTest, ThePoolIsFilledAgainWhileAJobRuns) {
    PoolLimits limits = limits_of(2, 1);
    limits.guests_waiting_max = 1;
    start(limits);
    serve(zygote_);

    auto running = pool_->take(only());
    EXPECT_TRUE(asked(zygote_).empty()) << "not at once: it would compete with the job";
    std::uint64_t next = 0;
    time_until_asked(zygote_, next);

    EXPECT_EQ(next, 2u);
    pool_->end(running);
}

TEST_F(GuestPoolTest, NothingIsAskedForOrToldAfterItIsClosed) {
    start(limits_of(2, 1));
    ASSERT_EQ(asked(zygote_).size(), 1u);
    zygote_.say_spawned(1);
    zygote_.say_ready(1);

    pool_->close();
    settle(io_);
    pool_->set_demand(jobs_for({0, 0, 0, 0, 0}));

    EXPECT_EQ(ready_calls_, 0);
    EXPECT_TRUE(asked(zygote_).empty());
    EXPECT_FALSE(pool_->is_ready());
}

}  // namespace
}  // namespace snapjail::sched
