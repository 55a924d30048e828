#pragma once
// FrontProcess: the supervisor's handle on the front, which is this program exec'ed once more, so
// that it shares no memory with the supervisor. For a process with one thread.

#include <sys/types.h>

#include <utility>

#include "app/front_link.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace snapjail::app {

// Owns the process: it is killed and reaped when this ends.
class FrontProcess {
  public:
    FrontProcess(pid_t pid, UniqueFd pidfd, UniqueFd channel)
        : pid_(pid), pidfd_(std::move(pidfd)), channel_(std::move(channel)) {}
    FrontProcess(FrontProcess&& other) noexcept
        : pid_(std::exchange(other.pid_, -1)),
          pidfd_(std::move(other.pidfd_)),
          channel_(std::move(other.channel_)) {}
    FrontProcess& operator=(FrontProcess&& other) noexcept;
    ~FrontProcess();

    pid_t pid() const { return pid_; }
    const UniqueFd& pidfd() const { return pidfd_; }      // Readable when it has ended.
    const UniqueFd& channel() const { return channel_; }  // For FrontMessages.

    Result<void> send(const FrontMessage& message) const;
    Result<void> send(const FrontMessage& message, UniqueFd descriptor) const;

  private:
    void end();

    pid_t pid_ = -1;
    UniqueFd pidfd_;
    UniqueFd channel_;
};

// Returns once it has been forked. That it works is told by kListening.
Result<FrontProcess> launch_front(const UniqueFd& listener, const FrontSettings& settings);

}  // namespace snapjail::app
