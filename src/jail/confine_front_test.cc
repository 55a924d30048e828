#include "jail/confine_front.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "base/syscall.h"
#include "jail/landlock.h"

namespace snapjail::jail {
namespace {

// Runs `probe` in a child, before or after it is confined; the errno that it returns.
enum class When { kFree, kConfined };

template <class Probe>
int errno_of(When when, Probe probe) {
    Pipe report = make_pipe().value();
    pid_t child = ::fork();
    if (child == 0) {
        int result = -1;
        if (when == When::kFree || confine_front().has_value()) {
            result = probe();
        }
        (void)!::write(report.write_end.get(), &result, sizeof(result));
        ::_exit(0);
    }
    report.write_end.reset();
    int result = -2;
    EXPECT_EQ(::read(report.read_end.get(), &result, sizeof(result)),
              static_cast<ssize_t>(sizeof(result)));
    ::waitpid(child, nullptr, 0);
    return result;
}

int errno_if(bool has_failed) {
    return has_failed ? errno : 0;
}

int try_open() {
    return errno_if(::open("/", O_RDONLY | O_CLOEXEC) < 0);
}

int try_socket() {
    return errno_if(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0);
}

int try_fork() {
    pid_t child = ::fork();
    if (child == 0) {
        ::_exit(0);
    }
    return errno_if(child < 0);
}

int try_exec() {
    std::vector<char*> argv{nullptr};
    ::execve("/nonexistent", argv.data(), argv.data());
    return errno;
}

int try_ptrace() {
    // Of nobody: what the kernel itself says to that is ESRCH.
    return errno_if(::syscall(SYS_ptrace, 16 /* PTRACE_ATTACH */, 1 << 30, 0, 0) < 0);
}

// What the process that runs the tests can be asked without harm.
int try_signal_parent() {
    return errno_if(::kill(::getppid(), 0) < 0);
}

TEST(ConfineFront, TakesAwayFiles) {
    EXPECT_EQ(errno_of(When::kFree, try_open), 0);
    EXPECT_EQ(errno_of(When::kConfined, try_open), EPERM);
}

TEST(ConfineFront, TakesAwayNewSockets) {
    EXPECT_EQ(errno_of(When::kFree, try_socket), 0);
    EXPECT_EQ(errno_of(When::kConfined, try_socket), EPERM);
}

TEST(ConfineFront, TakesAwayNewProcesses) {
    EXPECT_EQ(errno_of(When::kFree, try_fork), 0);
    EXPECT_EQ(errno_of(When::kConfined, try_fork), EPERM);
}

TEST(ConfineFront, TakesAwayOtherPrograms) {
    EXPECT_EQ(errno_of(When::kFree, try_exec), ENOENT);
    EXPECT_EQ(errno_of(When::kConfined, try_exec), EPERM);
}

TEST(ConfineFront, TakesAwayTracing) {
    EXPECT_EQ(errno_of(When::kFree, try_ptrace), ESRCH);
    EXPECT_EQ(errno_of(When::kConfined, try_ptrace), EPERM);
}

TEST(ConfineFront, TakesAwaySignalsToOthers) {
    EXPECT_EQ(errno_of(When::kFree, try_signal_parent), 0);
    EXPECT_EQ(errno_of(When::kConfined, try_signal_parent), EPERM);
}

TEST(ConfineFront, TakesAwaySignalsToThreadsOfOthers) {
    auto probe = [parent = ::getpid()] {
        return errno_if(::syscall(SYS_tgkill, parent, parent, 0) < 0);
    };

    EXPECT_EQ(errno_of(When::kFree, probe), 0);
    EXPECT_EQ(errno_of(When::kConfined, probe), EPERM);
}

TEST(ConfineFront, LeavesSignalsToItself) {
    // abort() wants it, and a CHECK wants abort().
    auto probe = [] {
        return errno_if(::syscall(SYS_tgkill, ::getpid(), ::syscall(SYS_gettid), 0) < 0);
    };

    EXPECT_EQ(errno_of(When::kConfined, probe), 0);
}

TEST(ConfineFront, LeavesWhatIsOpen) {
    SocketPair pair = make_seqpacket_pair().value();
    auto probe = [&pair] {
        char byte = 'x';
        bool ok =
            ::write(pair.first.get(), &byte, 1) == 1 && ::read(pair.second.get(), &byte, 1) == 1;
        return errno_if(!ok);
    };

    EXPECT_EQ(errno_of(When::kConfined, probe), 0);
}

TEST(ConfineFront, LeavesAcceptOnAListenerThatIsOpen) {
    UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un any{};
    any.sun_family = AF_UNIX;  // Without a name: the kernel finds an abstract one.
    auto* address = reinterpret_cast<sockaddr*>(&any);
    socklen_t size = sizeof(any.sun_family);
    ASSERT_EQ(::bind(listener.get(), address, size), 0);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    size = sizeof(any);
    ASSERT_EQ(::getsockname(listener.get(), address, &size), 0);
    UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(client.get(), address, size), 0);
    auto probe = [&listener] {
        return errno_if(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC) < 0);
    };

    EXPECT_EQ(errno_of(When::kConfined, probe), 0);
}

TEST(ConfineFront, LeavesMemoryAndTheClock) {
    auto probe = [] {
        std::vector<char> big(std::size_t{64} << 20, 'x');
        timespec now{};
        return errno_if(big.back() != 'x' || ::clock_gettime(CLOCK_MONOTONIC, &now) != 0);
    };

    EXPECT_EQ(errno_of(When::kConfined, probe), 0);
}

TEST(ConfineFront, ChangesTheUserWhereItIsRoot) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "these tests do not run as root";
    }
    // The filter has no getuid(): the socket's own credentials tell.
    SocketPair pair = make_seqpacket_pair().value();
    int on = 1;
    ASSERT_EQ(::setsockopt(pair.second.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
    auto probe = [&pair] { return errno_if(::send(pair.first.get(), "x", 1, 0) != 1); };
    ASSERT_EQ(errno_of(When::kConfined, probe), 0);
    char byte = 0;
    iovec part{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);

    ASSERT_EQ(::recvmsg(pair.second.get(), &header, 0), 1);

    ucred sender{};
    std::copy_n(CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof(sender),
                reinterpret_cast<unsigned char*>(&sender));
    EXPECT_EQ(sender.uid, 65501u);
    EXPECT_EQ(sender.gid, 65501u);
}

TEST(ConfineFront, NamesTheLayersThatStand) {
    auto probe = [] { return 0; };
    ASSERT_EQ(errno_of(When::kConfined, probe), 0);
    Pipe names = make_pipe().value();
    pid_t child = ::fork();
    if (child == 0) {
        auto layers = confine_front();
        for (const std::string& layer : layers.has_value() ? *layers : std::vector<std::string>()) {
            (void)!::write(names.write_end.get(), (layer + ";").c_str(), layer.size() + 1);
        }
        ::_exit(0);
    }
    names.write_end.reset();

    std::string told = read_fd_to_end(names.read_end, 4096).value();

    ::waitpid(child, nullptr, 0);
    for (const char* required : {"no capabilities;", "no_new_privs;", "rlimits;", "seccomp;"}) {
        EXPECT_NE(told.find(required), std::string::npos) << told;
    }
    EXPECT_EQ(told.find("landlock;") != std::string::npos, landlock_abi() > 0) << told;
}

}  // namespace
}  // namespace snapjail::jail
