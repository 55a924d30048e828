#pragma once
// Supervisor: starts, watches and ends the front and the zygotes of each profile. It holds what
// privilege there is and parses nothing that comes from outside. One thread, one poll loop, no
// allocation after a fork; whatever dies is replaced at once, the front as soon as nothing is left
// of its jobs, and when it dies itself the kernel ends all the others.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/front_link.h"
#include "app/listener.h"
#include "app/supervisor/front_process.h"
#include "app/supervisor/restart_backoff.h"
#include "app/supervisor/zygote_keeper.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "jail/tier.h"

namespace snapjail::app {

struct SupervisorSettings {
    std::string url;  // Told on a terminal when it can be asked.
    FrontSettings front;
};

class Supervisor {
  public:
    // `signals` is a signalfd for SIGTERM, SIGINT and SIGCHLD, which are blocked.
    // One keeper for each profile, in the order that the front has them.
    Supervisor(SupervisorSettings settings, std::vector<ZygoteKeeper> keepers, jail::Tier tier,
               Listener listener, UniqueFd signals);

    // Until it has been told to end. An error: it never came to serve, and why.
    Result<void> run();

  private:
    using Clock = std::chrono::steady_clock;
    Result<void> start_what_is_due();
    Result<void> launch_front();
    void wait_for_events();
    void read_signals();
    void begin_to_end(int signal);
    void reap_strangers();
    void end_the_stopped();
    void end_strays();
    Result<void> check_front();
    Result<void> check_zygotes();
    Result<void> on_front_died();
    Result<void> on_none_starts(const FrontMessage& message);
    void attach(std::size_t profile);
    void attach_all();
    bool is_any_warming() const;
    bool wants_front() const;
    bool is_front_well() const;
    bool is_ours(pid_t pid) const;
    Clock::time_point next_deadline() const;

    SupervisorSettings settings_;
    std::vector<ZygoteKeeper> keepers_;
    jail::Tier tier_;
    Listener listener_;
    UniqueFd signals_;

    std::optional<ChildProcess> front_;
    RestartBackoff front_backoff_;
    Clock::time_point front_due_{};
    int front_failures_before_listening_ = 0;
    int front_deaths_ = 0;
    bool has_listened_ = false;
    bool is_draining_ = false;
    bool is_over_ = false;
    Clock::time_point drain_deadline_ = Clock::time_point::max();
};

// Blocks SIGTERM, SIGINT and SIGCHLD and makes them readable. As early as possible: a signal during
// the start then is not lost, and does not leave anything half done.
Result<UniqueFd> make_signal_fd();

}  // namespace snapjail::app
