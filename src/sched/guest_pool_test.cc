#include "sched/guest_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "sched/fake_zygote_for_test.h"

namespace snapjail::sched {
namespace {

using std::chrono::steady_clock;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using zygote::Command;
using zygote::CommandKind;

class GuestPoolTest : public testing::Test {
  protected:
    ~GuestPoolTest() override {
        pool_->close();
        settle(io_);
    }

    static PoolLimits limits_of(std::uint32_t slots, std::uint32_t starting_max) {
        return {.slots = slots, .guests_waiting_max = slots, .guests_starting_max = starting_max};
    }
    void start(PoolLimits limits) { start(limits, zygote_); }
    void start(PoolLimits limits, FakeZygote& zygote) {
        pool_ = std::make_shared<GuestPool>(io_, limits, [this] { ++ready_calls_; });
        attach(zygote);
    }
    void attach(FakeZygote& zygote) {
        pool_->attach(zygote.take_front_end());
        settle(io_);
    }

    static std::vector<std::uint64_t> ids_of(const std::vector<Command>& commands,
                                             CommandKind kind) {
        std::vector<std::uint64_t> ids;
        for (const Command& command : commands) {
            if (command.kind == kind) {
                ids.push_back(command.guest_id);
            }
        }
        return ids;
    }
    std::vector<std::uint64_t> asked(FakeZygote& zygote) {
        settle(io_);
        return ids_of(zygote.commands(), CommandKind::kSpawn);
    }
    std::vector<std::uint64_t> killed(FakeZygote& zygote) {
        settle(io_);
        return ids_of(zygote.commands(), CommandKind::kKill);
    }
    // Answers each spawn with a guest that becomes ready, until no more is asked for.
    void serve(FakeZygote& zygote) {
        for (auto ids = asked(zygote); !ids.empty(); ids = asked(zygote)) {
            for (std::uint64_t id : ids) {
                zygote.say_spawned(id);
                zygote.say_ready(id);
            }
        }
    }
    // Runs timers too, until the next spawn is asked for; how long that took.
    steady_clock::duration time_until_asked(FakeZygote& zygote, std::uint64_t& id) {
        auto start = steady_clock::now();
        for (;;) {
            auto ids = ids_of(zygote.commands(), CommandKind::kSpawn);
            if (!ids.empty()) {
                id = ids.front();
                return steady_clock::now() - start;
            }
            io_.restart();
            if (io_.run_one_for(5s) == 0) {
                ADD_FAILURE() << "nothing happened for 5 s";
                return {};
            }
        }
    }

    boost::asio::io_context io_;
    FakeZygote zygote_;
    std::shared_ptr<GuestPool> pool_;
    int ready_calls_ = 0;
};

TEST_F(GuestPoolTest, StartsNoMoreAtOnceThanItMay) {
    start(limits_of(8, 2));

    EXPECT_EQ(asked(zygote_).size(), 2u);
    EXPECT_EQ(pool_->take(), nullptr);
    EXPECT_FALSE(pool_->has_been_ready());
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
    EXPECT_TRUE(pool_->has_been_ready());
}

TEST_F(GuestPoolTest, HandsOutTheGuestThatHasWaitedLongest) {
    start(limits_of(2, 1));
    serve(zygote_);

    EXPECT_EQ(pool_->take()->id, 1u);
    EXPECT_EQ(pool_->take()->id, 2u);
    EXPECT_EQ(pool_->take(), nullptr);
    EXPECT_EQ(pool_->running_count(), 2u);
}

TEST_F(GuestPoolTest, ASlotIsTakenUntilTheZygoteHasReapedItsGuest) {
    start(limits_of(1, 1));
    serve(zygote_);
    auto guest = pool_->take();
    pool_->set_demand(3);

    pool_->end(guest);
    EXPECT_EQ(killed(zygote_), std::vector<std::uint64_t>{guest->id});
    EXPECT_TRUE(asked(zygote_).empty());
    zygote_.say_gone(guest->id);

    EXPECT_EQ(asked(zygote_).size(), 1u);
}

TEST_F(GuestPoolTest, AGuestIsKilledOnceHoweverOftenItIsEnded) {
    start(limits_of(1, 1));
    serve(zygote_);
    auto guest = pool_->take();

    pool_->end(guest);
    pool_->end(guest);

    EXPECT_EQ(killed(zygote_).size(), 1u);
    EXPECT_EQ(pool_->running_count(), 0u);
}

TEST_F(GuestPoolTest, AGuestThatDiedOfItselfIsNotKilledAgain) {
    start(limits_of(1, 1));
    serve(zygote_);
    auto guest = pool_->take();
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

    EXPECT_EQ(pool_->take(), nullptr);
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
    ASSERT_TRUE(pool_->has_been_ready());

    zygote_.say_bytes("nonsense");
    settle(io_);

    EXPECT_FALSE(pool_->has_been_ready());
    EXPECT_EQ(pool_->take(), nullptr);
    EXPECT_TRUE(zygote_.is_closed_by_front());
}

TEST_F(GuestPoolTest, ALostZygoteTellsItsRunningGuestsAndGivesBackEverySlot) {
    start(limits_of(3, 3));
    serve(zygote_);
    auto running = pool_->take();
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
    auto running = pool_->take();
    FakeZygote next;

    attach(next);
    auto ended = killed(zygote_);
    EXPECT_EQ(std::set(ended.begin(), ended.end()), (std::set<std::uint64_t>{2, 3}));
    EXPECT_TRUE(asked(next).empty());  // All three slots are still taken.
    zygote_.say_gone(2);
    EXPECT_EQ(asked(next).size(), 1u);
    zygote_.say_gone(3);
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

TEST_F(GuestPoolTest, DemandBringsGuestsBeyondThoseThatWait) {
    PoolLimits limits = limits_of(4, 4);
    limits.guests_waiting_max = 1;
    start(limits);
    serve(zygote_);
    ASSERT_EQ(pool_->waiting_count(), 1u);

    pool_->set_demand(2);

    EXPECT_EQ(asked(zygote_).size(), 2u);
}

TEST_F(GuestPoolTest, NothingIsAskedForOrToldAfterItIsClosed) {
    start(limits_of(2, 1));
    ASSERT_EQ(asked(zygote_).size(), 1u);
    zygote_.say_spawned(1);
    zygote_.say_ready(1);

    pool_->close();
    settle(io_);
    pool_->set_demand(5);

    EXPECT_EQ(ready_calls_, 0);
    EXPECT_TRUE(asked(zygote_).empty());
    EXPECT_FALSE(pool_->has_been_ready());
}

// Anything in any order, from zygotes that come and go. A slot is never given to two guests, and in
// the end none is missing.
class GuestPoolStorm : public GuestPoolTest {
  protected:
    struct Peer {
        FakeZygote fake;
        std::map<std::uint64_t, std::uint32_t> alive;  // Asked for or spawned: slot by guest.
        std::set<std::uint64_t> asked;
        std::set<std::uint64_t> killed;
    };

    void obey() {
        settle(io_);
        for (auto& peer : peers_) {
            for (const Command& command : peer->fake.commands()) {
                if (command.kind == CommandKind::kKill) {
                    peer->killed.insert(command.guest_id);
                    continue;
                }
                ASSERT_LT(command.slot, kSlots);
                for (const auto& other : peers_) {
                    for (const auto& [id, slot] : other->alive) {
                        ASSERT_NE(slot, command.slot) << "of guest " << id;
                    }
                }
                peer->alive[command.guest_id] = command.slot;
                peer->asked.insert(command.guest_id);
            }
        }
    }
    template <class Set>
    std::uint64_t any_of(const Set& set) {
        return *std::next(set.begin(), static_cast<std::ptrdiff_t>(random_() % set.size()));
    }
    void new_peer() {
        peers_.push_back(std::make_unique<Peer>());
        pool_->attach(peers_.back()->fake.take_front_end());
    }
    void lose(std::size_t index) {
        peers_[index]->fake.die();
        peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(index));
        settle(io_);
    }
    void answer(Peer& peer) {
        if (peer.asked.empty()) {
            return;
        }
        std::uint64_t id = any_of(peer.asked);
        peer.asked.erase(id);
        if (random_() % 8 == 0) {
            peer.alive.erase(id);
            peer.fake.say_failed(id, EAGAIN);
        } else {
            peer.fake.say_spawned(id);
        }
    }
    void speak(Peer& peer) {
        if (peer.fake.guests.empty()) {
            return;
        }
        auto guest = std::next(peer.fake.guests.begin(),
                               static_cast<std::ptrdiff_t>(random_() % peer.fake.guests.size()));
        std::string bytes =
            random_() % 6 == 0 ? "garbage" : header_bytes(zygote::FrameKind::kReady, 0);
        // The front may have closed its end: SIGPIPE is ignored, and the write of no interest.
        [[maybe_unused]] ssize_t ignored =
            ::write(guest->second.result.get(), bytes.data(), bytes.size());
    }
    void bury(Peer& peer, std::uint64_t id) {
        peer.alive.erase(id);
        peer.killed.erase(id);
        peer.fake.say_gone(id);
    }
    void step() {
        Peer& peer = *peers_[random_() % peers_.size()];
        switch (random_() % 12) {
            case 0:
            case 1:
            case 2:
                return answer(peer);
            case 3:
            case 4:
                return speak(peer);
            case 5:
                if (!peer.fake.guests.empty()) {
                    bury(peer, peer.fake.guests.begin()->first);
                }
                return;
            case 6:
                if (!peer.killed.empty()) {
                    bury(peer, any_of(peer.killed));
                }
                return;
            case 7:
                if (auto guest = pool_->take()) {
                    taken_.push_back(std::move(guest));
                }
                return;
            case 8:
                if (!taken_.empty()) {
                    pool_->end(taken_.back());
                    taken_.pop_back();
                }
                return;
            case 9:
                return pool_->set_demand(random_() % 4);
            case 10:
                if (peers_.size() < 4 && random_() % 8 == 0) {
                    new_peer();
                }
                return;
            default:
                if (peers_.size() > 1 && random_() % 16 == 0) {
                    lose(random_() % peers_.size());
                }
        }
    }

    static constexpr std::uint32_t kSlots = 6;
    std::mt19937 random_;
    std::vector<std::unique_ptr<Peer>> peers_;
    std::vector<std::shared_ptr<Guest>> taken_;
};

TEST_F(GuestPoolStorm, NoSlotIsEverGivenTwiceOrLost) {
    ::signal(SIGPIPE, SIG_IGN);
    for (unsigned seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE(seed);
        random_.seed(seed);
        pool_ = std::make_shared<GuestPool>(io_, limits_of(kSlots, 3), [] {});
        new_peer();
        for (int i = 0; i < 300; ++i) {
            obey();
            ASSERT_FALSE(HasFatalFailure());
            step();
        }

        for (const auto& guest : taken_) {
            pool_->end(guest);
        }
        taken_.clear();
        while (!peers_.empty()) {
            lose(0);
        }
        EXPECT_EQ(pool_->running_count(), 0u);
        FakeZygote last;
        attach(last);
        serve(last);
        EXPECT_EQ(pool_->waiting_count(), kSlots);
        pool_->close();
        settle(io_);
    }
}

}  // namespace
}  // namespace snapjail::sched
