#include "app/supervisor/front_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <span>

#include "base/syscall.h"

namespace snapjail::app {
namespace {

constexpr int kExecFailed = 127;  // As a shell has it.

struct ChildOrders {
    pid_t parent;
    int channel;
    int listener;
    int settings;
};

void reset_signals() noexcept {
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    // The supervisor tells it when to end. A signal to the whole service (systemd's, a terminal's)
    // must not cut off the jobs that it is answering.
    for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) {
        ::signal(signal, SIG_IGN);
    }
}

bool arrange_descriptors(const ChildOrders& orders) noexcept {
    // Out of the way first: any of them may have one of the numbers that they shall get.
    constexpr int kAway = 16;
    int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    int channel = ::fcntl(orders.channel, F_DUPFD_CLOEXEC, kAway);
    int listener = ::fcntl(orders.listener, F_DUPFD_CLOEXEC, kAway);
    int settings = ::fcntl(orders.settings, F_DUPFD_CLOEXEC, kAway);
    return null >= 0 && channel >= 0 && listener >= 0 && settings >= 0 &&
           ::dup2(null, STDIN_FILENO) >= 0 && ::dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 &&
           ::dup2(channel, kFrontChannelFd) >= 0 && ::dup2(listener, kFrontListenerFd) >= 0 &&
           ::dup2(settings, kFrontSettingsFd) >= 0 &&
           ::syscall(SYS_close_range, kFrontSettingsFd + 1, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */) == 0;
}

[[noreturn]] void become_front(const ChildOrders& orders) noexcept {
    reset_signals();
    // A session of its own: a terminal's Ctrl-C is for the supervisor.
    bool ok = ::setsid() >= 0 && ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 &&
              // It may have died before that line.
              ::getppid() == orders.parent && arrange_descriptors(orders);
    if (ok) {
        // argv and environment are not written to; the types lack the const.
        std::array<char*, 3> argv{const_cast<char*>("snapjail"), const_cast<char*>("front"),
                                  nullptr};
        std::array<char*, 1> environment{nullptr};
        ::execve("/proc/self/exe", argv.data(), environment.data());
    }
    ::_exit(kExecFailed);
}

}  // namespace

Result<ChildProcess> launch_front(const UniqueFd& listener, const FrontSettings& settings) {
    SocketPair channel = TRY(make_seqpacket_pair());
    UniqueFd memfd = TRY(make_memfd("front-settings", std::as_bytes(std::span(&settings, 1))));
    ChildOrders orders{::getpid(), channel.second.get(), listener.get(), memfd.get()};
    pid_t child = TRY(retry_eintr("fork", [] { return ::fork(); }));
    if (child == 0) {
        become_front(orders);
    }
    auto pidfd = open_pidfd(child);
    // Owns the child from here on, on every path.
    ChildProcess front(child, pidfd ? std::move(*pidfd) : UniqueFd(), std::move(channel.first));
    if (!pidfd) {
        return pidfd.error();
    }
    return front;
}

Result<void> send_to_front(const ChildProcess& front, const FrontMessage& message) {
    return send_with_fds(front.channel(), std::as_bytes(std::span(&message, 1)), {});
}

Result<void> send_to_front(const ChildProcess& front, const FrontMessage& message,
                           UniqueFd descriptor) {
    int fd = descriptor.get();
    return send_with_fds(front.channel(), std::as_bytes(std::span(&message, 1)), std::span(&fd, 1));
}

}  // namespace snapjail::app
