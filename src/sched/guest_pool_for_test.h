#pragma once
// GuestPoolTest: a pool whose zygotes are played by the test. Shared by the tests of the pool.

#include <gtest/gtest.h>

#include <chrono>
#include <initializer_list>
#include <memory>
#include <vector>

#include "sched/fake_zygote_for_test.h"
#include "sched/guest_pool.h"

namespace snapjail::sched {

class GuestPoolTest : public testing::Test {
  protected:
    ~GuestPoolTest() override {
        pool_->close();
        settle(io_);
    }

    static Candidates only() { return Candidates(0); }

    static std::vector<Wish> jobs_for(std::initializer_list<ProfileIndex> profiles) {
        std::vector<Wish> wishes;
        for (ProfileIndex profile : profiles) {
            wishes.emplace_back(Candidates(profile));
        }
        return wishes;
    }
    static PoolLimits limits_of(std::uint32_t slots, std::uint32_t starting_max) {
        return {.slots = slots, .guests_waiting_max = slots, .guests_starting_max = starting_max};
    }
    void start(PoolLimits limits) { start(limits, zygote_); }
    void start(PoolLimits limits, FakeZygote& zygote) {
        pool_ = std::make_shared<GuestPool>(io_, limits, [this] { ++ready_calls_; });
        attach(zygote);
    }
    void attach(FakeZygote& zygote, ProfileIndex profile = 0) {
        pool_->attach(profile, zygote.take_front_end());
        settle(io_);
    }

    static std::vector<std::uint64_t> ids_of(const std::vector<zygote::Command>& commands,
                                             zygote::CommandKind kind) {
        std::vector<std::uint64_t> ids;
        for (const zygote::Command& command : commands) {
            if (command.kind == kind) {
                ids.push_back(command.guest_id);
            }
        }
        return ids;
    }
    std::vector<std::uint64_t> asked(FakeZygote& zygote) {
        settle(io_);
        return ids_of(zygote.commands(), zygote::CommandKind::kSpawn);
    }
    std::vector<std::uint64_t> killed(FakeZygote& zygote) {
        settle(io_);
        return ids_of(zygote.commands(), zygote::CommandKind::kKill);
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
    std::chrono::steady_clock::duration time_until_asked(FakeZygote& zygote, std::uint64_t& id) {
        auto start = std::chrono::steady_clock::now();
        for (;;) {
            auto ids = ids_of(zygote.commands(), zygote::CommandKind::kSpawn);
            if (!ids.empty()) {
                id = ids.front();
                return std::chrono::steady_clock::now() - start;
            }
            io_.restart();
            if (io_.run_one_for(std::chrono::seconds(5)) == 0) {
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

}  // namespace snapjail::sched
