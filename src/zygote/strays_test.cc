#include "zygote/strays.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/syscall.h"
#include "zygote/process_table.h"

namespace snapjail::zygote {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kPatience{10'000};

// A child that waits for its end, and says so before.
template <class Body>
pid_t start(Body body) {
    Pipe ready = make_pipe().value();
    pid_t child = ::fork();
    if (child == 0) {
        body();
        (void)!::write(ready.write_end.get(), "x", 1);
        for (;;) {
            ::pause();
        }
    }
    char byte = 0;
    EXPECT_EQ(::read(ready.read_end.get(), &byte, 1), 1);
    return child;
}

class Strays : public testing::Test {
  protected:
    void SetUp() override { ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0); }
    void TearDown() override { ::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); }
};

TEST_F(Strays, AreEndedAndReapedDownToTheLast) {
    // A grandchild that its parent leaves to us, ignoring what can be ignored.
    pid_t parent = start([] {
        if (::fork() == 0) {
            ::setsid();
            ::signal(SIGTERM, SIG_IGN);
            for (;;) {
                ::pause();
            }
        }
    });
    ASSERT_EQ(read_process_tree(parent).size(), 2u);

    EXPECT_TRUE(end_strays([](pid_t) { return false; }, kPatience));

    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

TEST_F(Strays, WhoIsOursLives) {
    pid_t ours = start([] {});
    pid_t stray = start([] {});

    EXPECT_TRUE(end_strays([ours](pid_t pid) { return pid == ours; }, kPatience));

    EXPECT_EQ(::kill(stray, 0), -1);
    EXPECT_EQ(errno, ESRCH);
    EXPECT_EQ(::waitpid(ours, nullptr, WNOHANG), 0);
    ::kill(ours, SIGKILL);
    ::waitpid(ours, nullptr, 0);
}

TEST_F(Strays, NoneIsDoneAtOnce) {
    EXPECT_TRUE(end_strays([](pid_t) { return false; }, 0ms));
}

}  // namespace
}  // namespace snapjail::zygote
