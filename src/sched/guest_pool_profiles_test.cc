// The pools of two profiles that share their slots.
#include <gtest/gtest.h>

#include "sched/guest_pool_for_test.h"

namespace snapjail::sched {
namespace {

class GuestPoolOfTwo : public GuestPoolTest {
  protected:
    static constexpr ProfileIndex kLean = 0;
    static constexpr ProfileIndex kRich = 1;

    void start_both(PoolLimits limits) {
        limits.profiles = 2;
        start(limits);
        attach(rich_, kRich);
        for (int i = 0; i < 10; ++i) {
            serve(zygote_);
            serve(rich_);
        }
    }
    static Candidates both() {
        Candidates candidates(kLean);
        candidates.add(kRich);
        return candidates;
    }

    FakeZygote& lean_ = zygote_;
    FakeZygote rich_;
};

TEST_F(GuestPoolOfTwo, EachProfileHasItsShareOfThoseThatWait) {
    start_both(limits_of(4, 2));

    EXPECT_EQ(pool_->of(kLean).waiting_count(), 2u);
    EXPECT_EQ(pool_->of(kRich).waiting_count(), 2u);
}

TEST_F(GuestPoolOfTwo, IsReadyWhenEachHasBeen) {
    PoolLimits limits = limits_of(4, 2);
    limits.profiles = 2;
    start(limits);
    serve(lean_);
    EXPECT_FALSE(pool_->is_ready());

    attach(rich_, kRich);
    serve(rich_);
    EXPECT_TRUE(pool_->is_ready());

    lean_.die();
    settle(io_);
    EXPECT_FALSE(pool_->is_ready());
}

TEST_F(GuestPoolOfTwo, DoesNotFailToStartWhereJobsHaveEverySlot) {
    PoolLimits limits = limits_of(1, 1);
    limits.profiles = 2;
    start(limits);
    pool_->set_demand(jobs_for({kLean}));
    auto ids = asked(lean_);
    ASSERT_EQ(ids.size(), 1u);
    lean_.say_failed(ids[0], EAGAIN);
    attach(rich_, kRich);
    pool_->set_demand(jobs_for({kRich}));
    serve(rich_);
    ASSERT_TRUE(pool_->fails_to_start());

    auto guest = pool_->take(Candidates(kRich));

    ASSERT_TRUE(guest);
    EXPECT_FALSE(pool_->fails_to_start());
}

TEST_F(GuestPoolOfTwo, WithOneSlotStaysReadyWhateverTheJobsWant) {
    start_both(limits_of(1, 1));
    ASSERT_TRUE(pool_->is_ready());

    for (int i = 0; i < 100; ++i) {
        pool_->note_job(Candidates(i < 50 ? kLean : kRich));
        EXPECT_TRUE(pool_->is_ready());
    }
    lean_.die();
    settle(io_);

    EXPECT_FALSE(pool_->is_ready());
}

TEST_F(GuestPoolOfTwo, AGuestOfTheFirstCandidateIsTakenWhileOneWaits) {
    start_both(limits_of(2, 2));

    EXPECT_EQ(pool_->take(both())->profile, kLean);
    EXPECT_EQ(pool_->take(both())->profile, kRich);
    EXPECT_EQ(pool_->take(both()), nullptr);
}

TEST_F(GuestPoolOfTwo, ARichGuestIsLeftToItsOwnJobsWhileALeanOneCanCome) {
    start_both(limits_of(4, 2));  // Two of each.
    auto first = pool_->take(both());
    auto second = pool_->take(both());
    ASSERT_TRUE(second != nullptr && second->profile == kLean);
    auto third = pool_->take(both());
    ASSERT_NE(third, nullptr) << "no slot is free, and none will be soon";
    EXPECT_EQ(third->profile, kRich);
    pool_->end(first);
    EXPECT_EQ(pool_->take(both()), nullptr) << "a slot will be free in a moment";
    pool_->set_demand({both()});
    EXPECT_TRUE(killed(rich_).empty());
    EXPECT_EQ(pool_->of(kRich).waiting_count(), 1u);
    lean_.say_gone(first->id);

    EXPECT_EQ(asked(lean_).size(), 1u);
    EXPECT_TRUE(asked(rich_).empty());
    pool_->end(second);
}

TEST_F(GuestPoolOfTwo, AJobThatHasLostItsPatienceTakesARichGuestAllTheSame) {
    start_both(limits_of(4, 2));
    pool_->end(pool_->take(both()));
    pool_->end(pool_->take(both()));
    Wish wish = both();
    ASSERT_EQ(pool_->take(wish), nullptr);

    wish.is_patient = false;
    ASSERT_TRUE(pool_->has_waiting(wish));
    EXPECT_EQ(pool_->take(wish)->profile, kRich);
}

TEST_F(GuestPoolOfTwo, ARichGuestIsTakenWhileOthersAreStartedAndNoLeanOneCanBe) {
    start_both(limits_of(6, 1));  // Three of each; one starts at a time.
    auto rich = pool_->take(Candidates(kRich));
    pool_->end(rich);
    rich_.say_gone(rich->id);
    pool_->set_demand({});
    ASSERT_EQ(asked(rich_).size(), 1u);
    for (int i = 0; i < 3; ++i) {
        pool_->end(pool_->take(Candidates(kLean)));
    }

    auto guest = pool_->take(both());

    ASSERT_NE(guest, nullptr);
    EXPECT_EQ(guest->profile, kRich);
}

TEST_F(GuestPoolOfTwo, ARichGuestIsToldOfWhenNoLeanOneCanComeAnyMore) {
    start_both(limits_of(4, 2));
    auto first = pool_->take(both());
    auto second = pool_->take(both());
    pool_->end(first);
    lean_.say_gone(first->id);  // A free slot: the next lean guest would have it.
    settle(io_);
    ASSERT_EQ(pool_->take(both()), nullptr);
    pool_->set_demand({both()});
    ASSERT_EQ(asked(lean_).size(), 1u);
    int before = ready_calls_;

    lean_.die();
    settle(io_);

    EXPECT_GT(ready_calls_, before);
    auto guest = pool_->take(both());
    ASSERT_NE(guest, nullptr);
    EXPECT_EQ(guest->profile, kRich);
}

TEST_F(GuestPoolOfTwo, ARichGuestThatIsOneTooManyIsAnybodys) {
    start_both(limits_of(8, 2));
    for (int i = 0; i < 500; ++i) {
        pool_->note_job(Candidates(kLean));  // One rich guest is enough now, and four wait.
    }
    while (pool_->of(kLean).waiting_count() > 0) {
        pool_->end(pool_->take(Candidates(kLean)));
    }

    auto guest = pool_->take(both());
    ASSERT_NE(guest, nullptr);
    EXPECT_EQ(guest->profile, kRich);
}

TEST_F(GuestPoolOfTwo, ARichJobIsNeverGivenALeanGuest) {
    start_both(limits_of(2, 2));

    EXPECT_NE(pool_->take(Candidates(kRich)), nullptr);
    EXPECT_EQ(pool_->take(Candidates(kRich)), nullptr);
    EXPECT_FALSE(pool_->has_waiting(Candidates(kRich)));
    EXPECT_TRUE(pool_->has_waiting(both()));
}

TEST_F(GuestPoolOfTwo, AWaitingGuestThatNobodyWantsMakesRoomForAJob) {
    start_both(limits_of(2, 2));
    auto running = pool_->take(Candidates(kRich));

    pool_->set_demand(jobs_for({kRich}));
    auto ended = killed(lean_);
    ASSERT_EQ(ended.size(), 1u);
    EXPECT_TRUE(asked(rich_).empty());
    pool_->set_demand(jobs_for({kRich}));
    EXPECT_TRUE(killed(lean_).empty()) << "one is on its way out";
    lean_.say_gone(ended[0]);

    EXPECT_EQ(asked(rich_).size(), 1u);
    pool_->end(running);
}

TEST_F(GuestPoolOfTwo, ASlotThatARunningJobHoldsIsNotTakenFromIt) {
    start_both(limits_of(2, 2));
    auto one = pool_->take(Candidates(kRich));
    auto other = pool_->take(Candidates(kLean));

    pool_->set_demand(jobs_for({kRich, kRich}));

    EXPECT_TRUE(killed(lean_).empty());
    EXPECT_TRUE(killed(rich_).empty());
    EXPECT_TRUE(asked(rich_).empty());
}

TEST_F(GuestPoolOfTwo, AJobThatWaitsComesBeforeThePoolOfAnother) {
    PoolLimits limits = limits_of(3, 1);
    start_both(limits);
    auto first = pool_->take(Candidates(kRich));
    auto second = pool_->take(Candidates(kLean));
    auto third = pool_->take(Candidates(kRich));
    pool_->set_demand(jobs_for({kRich}));
    pool_->end(first);
    pool_->end(second);
    ASSERT_TRUE(asked(lean_).empty());

    rich_.say_gone(first->id);

    EXPECT_EQ(asked(rich_).size(), 1u);
    EXPECT_TRUE(asked(lean_).empty());
    pool_->end(third);
}

TEST_F(GuestPoolOfTwo, AnotherProfilesZygoteServesWhenTheFirstHasDied) {
    start_both(limits_of(2, 2));
    auto taken = pool_->take(Candidates(kRich));
    lean_.die();
    settle(io_);
    Candidates candidates = both();

    pool_->set_demand({candidates});

    EXPECT_EQ(asked(rich_).size(), 1u);
    pool_->end(taken);
}

TEST_F(GuestPoolOfTwo, InTierProcessALostZygotesSlotsWaitForItsSuccessor) {
    PoolLimits limits = limits_of(2, 2);
    limits.tells_of_jobs = true;
    start_both(limits);
    auto running = pool_->take(Candidates(kRich));
    rich_.die();
    settle(io_);

    pool_->set_demand(jobs_for({kLean, kLean}));
    EXPECT_TRUE(asked(lean_).empty()) << "what the job has left may still be there";
    FakeZygote next;
    attach(next, kRich);

    EXPECT_EQ(asked(lean_).size() + asked(next).size(), 1u);
}

TEST_F(GuestPoolOfTwo, PoolsFollowTheJobs) {
    start_both(limits_of(8, 2));
    ASSERT_EQ(pool_->of(kLean).waiting_count(), 4u);
    for (int i = 0; i < 500; ++i) {
        pool_->note_job(Candidates(kRich));
    }

    for (int i = 0; i < 20; ++i) {
        pool_->set_demand({});
        for (std::uint64_t id : killed(lean_)) {
            lean_.say_gone(id);
        }
        serve(rich_);
    }

    EXPECT_EQ(pool_->of(kLean).waiting_count(), 1u);
    EXPECT_EQ(pool_->of(kRich).waiting_count(), 7u);
}

}  // namespace
}  // namespace snapjail::sched
