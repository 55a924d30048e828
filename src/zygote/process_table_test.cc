#include "zygote/process_table.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "base/syscall.h"

namespace snapjail::zygote {
namespace {

constexpr std::size_t kMib = std::size_t{1} << 20;
constexpr std::size_t kBlockBytes = 32 * kMib;
constexpr std::uint64_t kSlackBytes = 4 * kMib;  // What a process takes besides.

std::byte* take(int kind) {
    void* block = ::mmap(nullptr, kBlockBytes, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);
    std::memset(block, 1, kBlockBytes);
    return static_cast<std::byte*>(block);
}

// A child that has done what it should, and lives until it is told not to.
class Child {
  public:
    template <class Body>
    explicit Child(Body body) {
        Pipe ready = make_pipe().value();
        pid_ = ::fork();
        if (pid_ == 0) {
            body();
            ::signal(SIGUSR1, [](int) { ::syscall(SYS_exit, 0); });  // Of the thread alone.
            (void)!::write(ready.write_end.get(), "x", 1);
            for (;;) {
                ::pause();
            }
        }
        char byte = 0;
        EXPECT_EQ(::read(ready.read_end.get(), &byte, 1), 1);
    }
    void end_first_thread() const { ::syscall(SYS_tgkill, pid_, pid_, SIGUSR1); }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    pid_t pid() const { return pid_; }

  private:
    pid_t pid_ = -1;
};

TEST(ProcessTable, ARowIsTheProcessItNames) {
    Child child([] {});

    ProcessRow row = read_process(child.pid());

    EXPECT_EQ(row.pid, child.pid());
    EXPECT_EQ(row.parent, ::getpid());
    EXPECT_EQ(row.threads, 1u);
}

TEST(ProcessTable, WhoHasGoneIsNobody) {
    pid_t gone = ::fork();
    if (gone == 0) {
        ::_exit(0);
    }
    ::waitpid(gone, nullptr, 0);

    EXPECT_EQ(read_process(gone).pid, 0);
    EXPECT_TRUE(read_process_tree(gone).empty());
    EXPECT_EQ(proportional_bytes(gone).anonymous, 0u);
}

TEST(ProcessTable, MemoryOfItsOwnAndSharedMemoryAreCountedApart) {
    Child with_own([] { take(MAP_PRIVATE); });
    Child with_shared([] { take(MAP_SHARED); });

    ProcessRow own = read_process(with_own.pid());
    ProcessRow shared = read_process(with_shared.pid());

    EXPECT_GE(own.anonymous_bytes, kBlockBytes);
    EXPECT_LT(own.shared_bytes, kSlackBytes);
    EXPECT_GE(shared.shared_bytes, kBlockBytes);
    EXPECT_LT(shared.anonymous_bytes, own.anonymous_bytes - kBlockBytes + kSlackBytes);
}

TEST(ProcessTable, ThreadsAreCounted) {
    Child child([] { std::thread([] { ::pause(); }).detach(); });

    EXPECT_EQ(read_process(child.pid()).threads, 2u);
}

TEST(ProcessTable, AProcessWhoseFirstThreadHasEndedHasItsMemoryStill) {
    Child child([] {
        take(MAP_PRIVATE);
        std::thread([] { ::pause(); }).detach();
    });
    EXPECT_EQ(read_process(child.pid()).holder, child.pid());

    child.end_first_thread();

    ProcessRow row = read_process(child.pid());
    auto begun = std::chrono::steady_clock::now();
    while (row.holder == child.pid() &&
           std::chrono::steady_clock::now() - begun < std::chrono::seconds(10)) {
        std::this_thread::yield();
        row = read_process(child.pid());
    }
    EXPECT_EQ(row.pid, child.pid());
    EXPECT_NE(row.holder, child.pid());
    EXPECT_EQ(row.threads, 2u);
    EXPECT_GE(row.anonymous_bytes, kBlockBytes);
    EXPECT_GE(proportional_bytes(row.holder).anonymous, kBlockBytes);
}

TEST(ProcessTable, ATreeIsTheRootAndAllBelowItAndNobodyElse) {
    Child beside([] {});
    Child root([] {
        for (int i = 0; i < 2; ++i) {
            if (::fork() == 0) {
                for (;;) {
                    ::pause();
                }
            }
        }
    });

    auto rows = read_process_tree(root.pid());

    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(std::count_if(rows.begin(), rows.end(),
                            [&](const ProcessRow& row) { return row.parent == root.pid(); }),
              2);
    // They are not our children to wait for, and would outlive the root.
    for (const ProcessRow& row : rows) {
        if (row.pid != root.pid()) {
            ::kill(row.pid, SIGKILL);
        }
    }
}

TEST(ProcessTable, OwnChildrenAreAllOfThem) {
    Child one([] {});
    Child other([] {});

    auto children = read_own_children();

    EXPECT_NE(std::find(children.begin(), children.end(), one.pid()), children.end());
    EXPECT_NE(std::find(children.begin(), children.end(), other.pid()), children.end());
}

TEST(ProcessTable, APageThatTwoShareCountsHalfForEach) {
    Child root([] {
        take(MAP_PRIVATE);
        if (::fork() == 0) {
            for (;;) {
                ::pause();
            }
        }
    });
    auto rows = read_process_tree(root.pid());
    ASSERT_EQ(rows.size(), 2u);

    std::uint64_t together = 0;
    for (const ProcessRow& row : rows) {
        together += proportional_bytes(row.pid).anonymous;
        if (row.pid != root.pid()) {
            ::kill(row.pid, SIGKILL);
        }
    }

    EXPECT_GE(together, kBlockBytes);
    EXPECT_LT(together, kBlockBytes + 4 * kSlackBytes);
}

}  // namespace
}  // namespace snapjail::zygote
