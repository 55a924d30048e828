#pragma once
// Supervisor: starts, watches and ends the front and the zygotes. It holds what privilege there is
// and parses nothing that comes from outside. One thread, one poll loop, no allocation after a
// fork; whatever dies is replaced at once, and when it dies itself the kernel ends all the others.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/front_link.h"
#include "app/front_process.h"
#include "app/listener.h"
#include "app/restart_backoff.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "zygote/launcher.h"

namespace snapjail::app {

struct SupervisorSettings {
    std::string url;                            // Told on a terminal when it can be asked.
    std::chrono::milliseconds wall_time_max{};  // Of a job: how long a drain may take.
    std::chrono::seconds zygote_lifetime{};     // 0: for ever.
    FrontSettings front;
};

class Supervisor {
  public:
    // `signals` is a signalfd for SIGTERM, SIGINT and SIGCHLD, which are blocked.
    Supervisor(SupervisorSettings settings, zygote::ZygoteSpec spec, Listener listener,
               UniqueFd signals);

    // Until it has been told to end. An error: it never came to serve, and why.
    Result<void> run();

  private:
    using Clock = std::chrono::steady_clock;
    struct Zygote {
        zygote::ZygoteProcess process;
        Clock::time_point started;
        Clock::time_point ends_at = Clock::time_point::max();  // Its next change: see each user.
    };

    Result<void> start_what_is_due();
    Result<void> launch_zygote();
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
    Result<void> on_zygote_died(const char* which, std::optional<Zygote>& zygote);
    void on_zygote_ready();
    void attach();
    bool is_ours(pid_t pid) const;
    Clock::time_point next_deadline() const;

    SupervisorSettings settings_;
    zygote::ZygoteSpec spec_;
    Listener listener_;
    UniqueFd signals_;

    std::optional<FrontProcess> front_;
    std::optional<Zygote> warming_;  // Started, not ready; ends_at: when we lose patience.
    std::optional<Zygote> current_;  // Attached to the front; ends_at: when it is to be replaced.
    std::vector<Zygote> retired_;    // Their last jobs run; ends_at: when those must have ended.

    RestartBackoff front_backoff_;
    RestartBackoff zygote_backoff_;
    Clock::time_point front_due_{};
    Clock::time_point zygote_due_{};
    int failures_before_ready_ = 0;
    int front_failures_before_listening_ = 0;
    bool has_listened_ = false;
    bool has_been_ready_ = false;
    bool is_draining_ = false;
    bool is_over_ = false;
    Clock::time_point drain_deadline_ = Clock::time_point::max();
};

// Blocks SIGTERM, SIGINT and SIGCHLD and makes them readable. As early as possible: a signal during
// the start then is not lost, and does not leave anything half done.
Result<UniqueFd> make_signal_fd();

}  // namespace snapjail::app
