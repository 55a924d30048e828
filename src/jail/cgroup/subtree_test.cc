// Version 2 on a fake, version 1 on the kernel's own, where it lets us.
#include "jail/cgroup/subtree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "base/syscall.h"
#include "jail/cgroup/fake_v2_for_test.h"
#include "jail/cgroup/slot_cgroup.h"

namespace snapjail::jail::cgroup {
namespace {

using enum Controller;
constexpr std::uint64_t kMiB = 1 << 20;

std::string own_name() {
    return "snapjail-" + std::to_string(::getpid());
}

class Version2 : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "cgroup-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        root_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(root_); }

    auto make(Files& files, std::vector<Controller> controllers = {kMemory, kPids}) {
        return Subtree::make(files, {.version = Version::kV2, .controllers = {}, .folder = root_},
                             {.limits = {.memory_bytes_max = 64 * kMiB,
                                         .swap_bytes_max = 0,
                                         .pids_max = 9,
                                         .cpu_ms_per_second = 500},
                              .controllers = std::move(controllers),
                              .guest_id = {}});
    }
    std::string below(const std::string& name) const { return root_ + "/" + own_name() + name; }

    std::string root_;
};

TEST_F(Version2, TheOnlyProcessOfItsCgroupStepsAsideAndBoundsItsSlots) {
    FakeV2 files(root_, "cpu memory pids");

    auto subtree = make(files, {kMemory, kPids, kCpu});
    ASSERT_TRUE(subtree) << subtree.error().to_string();
    auto slot = (*subtree)->make_slot(3);

    ASSERT_TRUE(slot) << slot.error().to_string();
    EXPECT_EQ(*slot, below("/slot-3"));
    EXPECT_TRUE(files.are_we_in(below("/service")));
    EXPECT_EQ(FakeV2::get(*slot + "/memory.max").substr(0, 8), "67108864");
    EXPECT_EQ(FakeV2::get(*slot + "/memory.swap.max").substr(0, 1), "0");
    EXPECT_EQ(FakeV2::get(*slot + "/memory.oom.group").substr(0, 1), "1");
    EXPECT_EQ(FakeV2::get(*slot + "/pids.max").substr(0, 1), "9");
    EXPECT_EQ(FakeV2::get(*slot + "/cpu.max").substr(0, 12), "50000 100000");
    EXPECT_FALSE(std::filesystem::exists(below("/trial")));
}

TEST_F(Version2, ItsEndLeavesNothingAndPutsUsBack) {
    FakeV2 files(root_, "memory pids");
    {
        auto subtree = make(files);
        ASSERT_TRUE(subtree);
        ASSERT_TRUE((*subtree)->make_slot(0));
    }

    EXPECT_TRUE(files.folders_in(root_).empty());
    EXPECT_TRUE(files.are_we_in(root_));
    EXPECT_EQ(FakeV2::get(root_ + "/cgroup.subtree_control"), "\n");
}

TEST_F(Version2, AStrangerInOurCgroupIsAnErrorAndIsNotMoved) {
    FakeV2 files(root_, "memory pids");
    files.add_stranger(root_);

    auto subtree = make(files);

    ASSERT_FALSE(subtree);
    EXPECT_EQ(subtree.error().sys_errno, EBUSY);
    EXPECT_TRUE(files.folders_in(root_).empty());
    EXPECT_EQ(FakeV2::get(root_ + "/cgroup.procs"), "stranger\nself\n");
}

TEST_F(Version2, ControllersThatAreLentAlreadyAreLeftLent) {
    FakeV2 files(root_, "memory pids");
    ASSERT_TRUE(files.make_folder(root_ + "/elsewhere"));
    ASSERT_TRUE(files.write(root_ + "/elsewhere/cgroup.procs", "0"));
    for (const char* change : {"+memory", "+pids"}) {
        ASSERT_TRUE(files.write(root_ + "/cgroup.subtree_control", change));
    }
    { ASSERT_TRUE(make(files)); }

    EXPECT_TRUE(files.are_we_in(root_ + "/elsewhere"));
    EXPECT_EQ(FakeV2::get(root_ + "/cgroup.subtree_control"), "memory pids\n");
}

TEST_F(Version2, AControllerThatIsNotHereIsNotBound) {
    FakeV2 files(root_, "pids hugetlb");

    auto subtree = make(files);

    ASSERT_TRUE(subtree);
    EXPECT_EQ((*subtree)->controllers(), std::vector{kPids});
}

TEST_F(Version2, WithoutAnyOfThemNothingIsMade) {
    FakeV2 files(root_, "hugetlb");

    auto subtree = make(files);

    ASSERT_FALSE(subtree);
    EXPECT_EQ(subtree.error().kind, ErrorKind::kUnsupported);
    EXPECT_TRUE(files.folders_in(root_).empty());
    EXPECT_TRUE(files.are_we_in(root_));
}

TEST_F(Version2, LeftoversOfTheDeadAreSweptAndThoseOfTheLivingStay) {
    FakeV2 files(root_, "memory pids");
    for (const char* name : {"/snapjail-7", "/snapjail-7/slot-0", "/snapjail-8", "/other"}) {
        ASSERT_TRUE(files.make_folder(root_ + name));
    }
    auto lock = open_file(root_ + "/snapjail-8", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_TRUE(lock);
    ASSERT_EQ(::flock(lock->get(), LOCK_EX), 0);

    { ASSERT_TRUE(make(files)); }

    auto left = files.folders_in(root_);
    std::sort(left.begin(), left.end());
    EXPECT_EQ(left, (std::vector<std::string>{"other", "snapjail-8"}));
}

TEST_F(Version2, AFolderThatCannotBeMadeIsAnErrorWithItsReason) {
    Files files;

    auto subtree =
        Subtree::make(files, {.version = Version::kV2, .controllers = {}, .folder = "/nowhere"},
                      {.limits = {}, .controllers = {kPids}, .guest_id = {}});

    ASSERT_FALSE(subtree);
    EXPECT_EQ(subtree.error().sys_errno, ENOENT);
}

// The kernel's own.
class Version1 : public testing::Test {
  protected:
    std::unique_ptr<Subtree> make(Controller controller, const Limits& limits) {
        auto own = read_own_cgroups();
        for (const OwnCgroup& one : own ? *own : std::vector<OwnCgroup>()) {
            bool is_it = std::find(one.controllers.begin(), one.controllers.end(), controller) !=
                         one.controllers.end();
            auto subtree =
                is_it
                    ? Subtree::make(files_, one,
                                    {.limits = limits, .controllers = {controller}, .guest_id = {}})
                    : Error{};
            folder_ = one.folder;
            if (subtree) {
                return std::move(*subtree);
            }
        }
        return nullptr;
    }
    // A child in the cgroup does it: its wait status.
    template <class Work>
    static int run_in(const std::string& folder, Work work) {
        auto procs = open_file(folder + "/cgroup.procs", O_WRONLY | O_CLOEXEC);
        EXPECT_TRUE(procs);
        pid_t child = ::fork();
        if (child == 0) {
            SlotCgroup cgroup;
            cgroup.procs[0] = procs->get();
            ::_exit(join(cgroup) ? work() : 99);
        }
        int status = 0;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        return status;
    }
    static int touch(std::uint64_t bytes) {
        void* memory =
            ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (std::uint64_t at = 0; memory != MAP_FAILED && at < bytes; at += 4096) {
            static_cast<volatile char*>(memory)[at] = 1;
        }
        return memory == MAP_FAILED ? 98 : 0;
    }

    Files files_;
    std::string folder_;
};
constexpr const char* kSkip = "this host lets us make no cgroup of version 1 with that controller";

TEST_F(Version1, MemoryIsBoundedOnBothSidesOfTheLimit) {
    auto subtree = make(kMemory, {.memory_bytes_max = 32 * kMiB});
    if (!subtree) {
        GTEST_SKIP() << kSkip;
    }
    std::string slot = *subtree->make_slot(0);

    EXPECT_EQ(run_in(slot, [] { return touch(24 * kMiB); }), 0);
    int status = run_in(slot, [] { return touch(40 * kMiB); });

    ASSERT_TRUE(WIFSIGNALED(status)) << status;
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    std::string control = FakeV2::get(slot + "/memory.oom_control");
    EXPECT_EQ(parse_oom_kills(control.data(), control.size()), 1u);
}

TEST_F(Version1, AMegabyteOfTmpfsIsAMegabyte) {
    auto subtree = make(kMemory, {.memory_bytes_max = 32 * kMiB});
    if (!subtree) {
        GTEST_SKIP() << kSkip;
    }
    std::string slot = *subtree->make_slot(0);

    int status = run_in(slot, [] {
        int file = ::memfd_create("tmpfs", MFD_CLOEXEC);
        return ::fallocate(file, 0, 0, 40 * kMiB) == 0 ? 0 : 1;
    });

    EXPECT_NE(status, 0);
    EXPECT_EQ(run_in(slot,
                     [] {
                         int file = ::memfd_create("tmpfs", MFD_CLOEXEC);
                         return ::fallocate(file, 0, 0, 24 * kMiB) == 0 ? 0 : 1;
                     }),
              0);
    EXPECT_LT(std::stoull(FakeV2::get(slot + "/memory.usage_in_bytes")), 4 * kMiB);
}

TEST_F(Version1, TheProcessPastTheLastIsRefused) {
    auto subtree = make(kPids, {.pids_max = 3});
    if (!subtree) {
        GTEST_SKIP() << kSkip;
    }

    int status = run_in(*subtree->make_slot(0), [] {
        std::array<pid_t, 10> children{};
        int made = 0;
        while (made < 10 && (children.at(static_cast<std::size_t>(made)) = ::fork()) > 0) {
            ++made;
        }
        int why = errno;
        if (made < 10 && children.at(static_cast<std::size_t>(made)) == 0) {
            ::pause();
        }
        for (int i = 0; i < made; ++i) {
            ::kill(children.at(static_cast<std::size_t>(i)), SIGKILL);
        }
        return why == EAGAIN ? made : 97;
    });

    ASSERT_TRUE(WIFEXITED(status)) << status;
    EXPECT_EQ(WEXITSTATUS(status), 2);
}

TEST_F(Version1, AShareOfAProcessorIsKept) {
    auto subtree = make(kCpu, {.cpu_ms_per_second = 10});
    if (!subtree) {
        GTEST_SKIP() << kSkip;
    }
    std::string slot = *subtree->make_slot(0);
    EXPECT_EQ(FakeV2::get(slot + "/cpu.cfs_period_us"), "100000\n");
    EXPECT_EQ(FakeV2::get(slot + "/cpu.cfs_quota_us"), "1000\n");

    int status = run_in(slot, [] {
        // 20 ms of processor time: 20 times what a tenth of a second has for it.
        for (timespec used{}; used.tv_nsec < 20'000'000 && used.tv_sec == 0;) {
            ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
        }
        return 0;
    });

    EXPECT_EQ(status, 0);
    std::string stat = FakeV2::get(slot + "/cpu.stat");
    auto at = stat.find("nr_throttled ");
    ASSERT_NE(at, std::string::npos) << stat;
    EXPECT_GT(std::stoi(stat.substr(at + 13)), 0);
}

TEST_F(Version1, ItsEndLeavesNothing) {
    auto subtree = make(kPids, {});
    if (!subtree) {
        GTEST_SKIP() << kSkip;
    }
    ASSERT_TRUE(subtree->make_slot(0));
    std::string folder = folder_ + "/" + own_name();
    ASSERT_TRUE(std::filesystem::exists(folder + "/slot-0"));

    subtree.reset();

    EXPECT_FALSE(std::filesystem::exists(folder));
}

}  // namespace
}  // namespace snapjail::jail::cgroup
