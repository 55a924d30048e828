#include "base/child_process.h"

#include <poll.h>
#include <sys/wait.h>

#include <csignal>

#include "base/syscall.h"

namespace snapjail {

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
    if (this != &other) {
        end();
        pid_ = std::exchange(other.pid_, -1);
        pidfd_ = std::move(other.pidfd_);
        channel_ = std::move(other.channel_);
    }
    return *this;
}

std::string ChildProcess::describe_end() const {
    pollfd source{pidfd_.get(), POLLIN, 0};
    (void)::poll(&source, 1, kLastBreathMs);
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid != pid_) {
        return "still alive";
    }
    return (info.si_code == CLD_EXITED ? "exit " : "signal ") + std::to_string(info.si_status);
}

void ChildProcess::end() {
    if (pid_ <= 0) {
        return;
    }
    // Not reaped yet, so the number is still this child's.
    ::kill(pid_, SIGKILL);
    (void)retry_eintr("waitpid", [this] { return ::waitpid(pid_, nullptr, 0); });
    pid_ = -1;
}

}  // namespace snapjail
