#include "base/child_process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>
#include <string>
#include <utility>

#include "base/syscall.h"

namespace snapjail {
namespace {

// One that does `act` and then ends with 7.
template <class Act>
ChildProcess start(Act act) {
    pid_t pid = ::fork();
    if (pid == 0) {
        act();
        ::_exit(7);
    }
    auto pidfd = open_pidfd(pid);
    EXPECT_TRUE(pidfd);
    return {pid, std::move(*pidfd), UniqueFd()};
}

ChildProcess start_waiting() {
    return start([] { ::pause(); });
}

std::string end_of(const ChildProcess& child) {
    pollfd source{child.pidfd().get(), POLLIN, 0};
    EXPECT_EQ(::poll(&source, 1, 10'000), 1);
    return child.describe_end();
}

// Neither alive nor a zombie.
bool is_gone(pid_t pid) {
    return ::waitpid(pid, nullptr, WNOHANG) < 0 && errno == ECHILD;
}

TEST(ChildProcess, IsKilledAndReapedWithItsOwner) {
    std::optional<ChildProcess> child = start_waiting();
    pid_t pid = child->pid();
    EXPECT_EQ(::kill(pid, 0), 0);

    child.reset();

    EXPECT_TRUE(is_gone(pid));
}

TEST(ChildProcess, GoesWithWhomItIsMovedTo) {
    std::optional<ChildProcess> first = start_waiting();
    ChildProcess second = start_waiting();
    pid_t kept = first->pid();
    pid_t replaced = second.pid();

    second = std::move(*first);
    first.reset();

    EXPECT_EQ(second.pid(), kept);
    EXPECT_EQ(::kill(kept, 0), 0);
    EXPECT_TRUE(is_gone(replaced));
}

TEST(ChildProcess, SaysWhatItHasEndedWith) {
    EXPECT_EQ(end_of(start([] {})), "exit 7");
    EXPECT_EQ(end_of(start([] { ::raise(SIGKILL); })), "signal 9");
    ChildProcess waiting = start_waiting();
    EXPECT_EQ(waiting.describe_end(), "still alive");
    EXPECT_FALSE(is_readable(waiting.pidfd()));
}

}  // namespace
}  // namespace snapjail
