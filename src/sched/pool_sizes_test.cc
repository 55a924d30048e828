#include "sched/pool_sizes.h"

#include <gtest/gtest.h>

namespace snapjail::sched {
namespace {

std::vector<std::uint32_t> sizes_of(const PoolSizes& sizes, ProfileIndex count) {
    std::vector<std::uint32_t> all;
    for (ProfileIndex i = 0; i < count; ++i) {
        all.push_back(sizes.size_of(i));
    }
    return all;
}

using Sizes = std::vector<std::uint32_t>;

TEST(PoolSizes, OneProfileHasAll) {
    EXPECT_EQ(PoolSizes(1, 8).size_of(0), 8u);
}

TEST(PoolSizes, BeforeTheFirstJobAllAreAlike) {
    EXPECT_EQ(sizes_of(PoolSizes(4, 8), 4), (Sizes{2, 2, 2, 2}));
    EXPECT_EQ(sizes_of(PoolSizes(4, 9), 4), (Sizes{2, 2, 2, 3}));
    EXPECT_EQ(sizes_of(PoolSizes(4, 4), 4), (Sizes{1, 1, 1, 1}));
}

TEST(PoolSizes, WithFewerThanProfilesTheRichestWaitUntilOthersAreWanted) {
    PoolSizes sizes(4, 2);
    EXPECT_EQ(sizes_of(sizes, 4), (Sizes{0, 0, 1, 1}));

    sizes.note_job(0);
    EXPECT_EQ(sizes_of(sizes, 4), (Sizes{1, 0, 0, 1}));
}

TEST(PoolSizes, FollowWhatIsAskedForAndKeepOneOfEach) {
    PoolSizes sizes(4, 12);
    for (int i = 0; i < 1000; ++i) {
        sizes.note_job(1);
    }
    EXPECT_EQ(sizes_of(sizes, 4), (Sizes{1, 9, 1, 1}));

    for (int i = 0; i < 1000; ++i) {
        sizes.note_job(i % 2 == 0 ? 0 : 3);
    }
    EXPECT_EQ(sizes_of(sizes, 4), (Sizes{5, 1, 1, 5}));
}

TEST(PoolSizes, TogetherAreAlwaysWhatMayWait) {
    for (std::uint32_t waiting_max = 1; waiting_max < 20; ++waiting_max) {
        PoolSizes sizes(3, waiting_max);
        for (ProfileIndex i = 0; i < 100; ++i) {
            sizes.note_job(i * i % 3);
            auto all = sizes_of(sizes, 3);
            ASSERT_EQ(all[0] + all[1] + all[2], waiting_max);
        }
    }
}

}  // namespace
}  // namespace snapjail::sched
