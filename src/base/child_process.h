#pragma once
// ChildProcess: the one owner of a child that we talk with. Move-only; it is killed and reaped when
// this ends. For a process with one thread. Not for use after fork() in the child.

#include <sys/types.h>

#include <string>
#include <utility>

#include "base/unique_fd.h"

namespace snapjail {

// Between the end of the first descriptor of a process that dies and its own.
constexpr int kLastBreathMs = 100;

class [[nodiscard]] ChildProcess {
  public:
    // `pidfd` may be closed where none could be had; pidfd() is then of no use.
    ChildProcess(pid_t pid, UniqueFd pidfd, UniqueFd channel)
        : pid_(pid), pidfd_(std::move(pidfd)), channel_(std::move(channel)) {}
    ChildProcess(ChildProcess&& other) noexcept
        : pid_(std::exchange(other.pid_, -1)),
          pidfd_(std::move(other.pidfd_)),
          channel_(std::move(other.channel_)) {}
    ChildProcess& operator=(ChildProcess&& other) noexcept;
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    ~ChildProcess() { end(); }

    pid_t pid() const { return pid_; }
    const UniqueFd& pidfd() const { return pidfd_; }  // Readable when it has ended.
    const UniqueFd& channel() const { return channel_; }

    // What it has ended with, "exit 1" or "signal 9". Its channel ends a moment before the process
    // does: that moment, and no longer, is waited for.
    std::string describe_end() const;

  private:
    void end();

    pid_t pid_ = -1;
    UniqueFd pidfd_;
    UniqueFd channel_;
};

}  // namespace snapjail
