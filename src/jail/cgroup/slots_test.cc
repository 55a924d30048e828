#include "jail/cgroup/slots.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "jail/cgroup/fake_v2_for_test.h"

namespace snapjail::jail::cgroup {
namespace {

using enum Controller;
constexpr std::uint64_t kMiB = 1 << 20;

TEST(Slots, WhereNothingIsMountedNothingIsBounded) {
    Files files;

    Slots slots(files, {}, {.limits = {}, .slots = 2, .guest_id = {}});

    EXPECT_TRUE(slots.bounds_nothing());
    EXPECT_FALSE(slots.bounds(kMemory));
    EXPECT_EQ(slots.summary(), "");
    EXPECT_TRUE(slots.table().empty());
    EXPECT_NE(slots.obstacles(), "");
    EXPECT_FALSE(slots.make_watch()->is_open());
}

TEST(Slots, AHierarchyThatCannotBeWrittenIsToldAndIsNoError) {
    Files files;

    Slots slots(files,
                {{.version = Version::kV1, .controllers = {kPids}, .folder = "/nowhere/pids"}},
                {.limits = {}, .slots = 2, .guest_id = {}});

    EXPECT_TRUE(slots.bounds_nothing());
    EXPECT_NE(slots.obstacles().find("/nowhere/pids"), std::string::npos) << slots.obstacles();
}

TEST(Slots, EachOfThemHasDescriptorsAboveThoseOfAZygote) {
    std::string root = testing::TempDir() + "slots-XXXXXX";
    ASSERT_NE(::mkdtemp(root.data()), nullptr);
    FakeV2 files(root, "memory pids cpu");
    {
        Slots slots(files, {{.version = Version::kV2, .controllers = {}, .folder = root}},
                    {.limits = {}, .slots = 3, .guest_id = {}});

        EXPECT_EQ(slots.summary(), "v2: memory pids");
        ASSERT_EQ(slots.table().size(), 3u);
        for (const SlotCgroup& slot : slots.table()) {
            EXPECT_GE(slot.procs[0], 16);
            EXPECT_EQ(slot.procs[1], -1);
            EXPECT_GE(slot.memory_events, 16);
            EXPECT_EQ(count_oom_kills(slot), 0u);
        }
        EXPECT_FALSE(slots.make_watch()->is_open());  // Such a kernel ends a job whole.
    }
    EXPECT_TRUE(files.folders_in(root).empty());
    std::filesystem::remove_all(root);
}

TEST(Slots, OneThatRunsOutOfMemoryIsToldAndItsNeighbourIsNot) {
    Slots slots =
        make_slots({.limits = {.memory_bytes_max = 16 * kMiB}, .slots = 2, .guest_id = {}});
    auto watch = slots.make_watch();
    if (!slots.bounds(kMemory) || !watch || !watch->is_open()) {
        GTEST_SKIP() << "no memory cgroup of version 1 here: " << slots.obstacles();
    }
    epoll_event event{};
    ASSERT_EQ(::epoll_wait(watch->get(), &event, 1, 0), 0);

    pid_t child = ::fork();
    if (child == 0) {
        bool is_in = join(slots.table()[1]);
        void* memory = ::mmap(nullptr, 64 * kMiB, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        ::_exit(is_in && memory != nullptr ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);

    // What populates is no more than a wish: the kernel may kill, or stop short of it.
    ASSERT_TRUE(WIFSIGNALED(status)) << status;
    EXPECT_EQ(count_oom_kills(slots.table()[1]), 1u);
    EXPECT_EQ(count_oom_kills(slots.table()[0]), 0u);
    ASSERT_EQ(::epoll_wait(watch->get(), &event, 1, 1000), 1);
    EXPECT_EQ(event.data.u32, 1u);
    EXPECT_EQ(::epoll_wait(watch->get(), &event, 1, 0), 0);  // Once.
}

}  // namespace
}  // namespace snapjail::jail::cgroup
