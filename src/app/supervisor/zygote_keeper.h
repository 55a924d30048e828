#pragma once
// ZygoteKeeper: the zygotes of one profile: the one that serves, the one that warms up to follow
// it, and old ones whose last jobs still run. It starts what is due and notices what has happened;
// whom they serve is the supervisor's affair. One thread; nothing here waits.

#include <poll.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "app/supervisor/restart_backoff.h"
#include "base/child_process.h"
#include "base/result.h"
#include "zygote/launcher.h"

namespace snapjail::app {

struct KeeperSettings {
    std::string profile;
    std::chrono::milliseconds wall_time_max{};  // Of a job: how long an old zygote is kept for it.
    std::chrono::seconds zygote_lifetime{};     // 0: for ever.
    // How long the end of a front's guests may take, and what becomes of a zygote that has not said
    // so by then. Tier `process`: it ends, for what it still cleans would be the next front's.
    std::chrono::milliseconds idle_time_max{};
    bool ends_unless_idle = false;
};

class ZygoteKeeper {
  public:
    using Clock = std::chrono::steady_clock;

    ZygoteKeeper(KeeperSettings settings, zygote::ZygoteSpec spec);

    // `may_replace`: one that still serves may get its successor now. An error: none has ever come
    // to be ready, and why.
    Result<void> start_what_is_due(bool may_replace);

    enum class Change : unsigned char { kNone, kReady, kIdle, kEnded };
    // kReady: another one is the current one. kIdle: that has lost its front, and of its guests
    // nothing is left. kEnded: one or more have died, or were old enough. An error: none has ever
    // come to be ready, and why.
    Result<Change> check();

    const std::string& profile() const { return settings_.profile; }
    bool is_ready() const { return current_.has_value(); }
    // There must be one that is ready. It has this front until it dies, or check() says kIdle.
    Result<void> attach_front(UniqueFd socket);
    bool has_front() const { return current_ && current_->front; }
    // The front has died: old zygotes end, and the current one is idle soon.
    void on_front_died();
    // Ends the current one, which is of no use to the front that it has lost, and is replaced.
    Result<void> end_current();
    bool is_warming() const { return warming_.has_value(); }
    bool owns(pid_t pid) const;

    // Whom check() has news of.
    void add_sources(std::vector<pollfd>& sources) const;
    // When start_what_is_due(may_replace) or check() has something to do, if nothing happens.
    Clock::time_point next_deadline(bool may_replace) const;

    void end_all();

  private:
    struct Zygote {
        ChildProcess process;
        Clock::time_point started;
        Clock::time_point ends_at = Clock::time_point::max();  // Its next change: see each user.
        std::optional<std::uint32_t> front = std::nullopt;     // The number of the one it has.
        Clock::time_point idle_by = Clock::time_point::max();
    };

    Result<void> launch();
    Result<void> on_died(const char* which, std::optional<Zygote>& zygote);
    void on_ready();
    Result<Change> check_warming();
    Result<Change> check_current();
    void forget_front();

    KeeperSettings settings_;
    zygote::ZygoteSpec spec_;
    std::optional<Zygote> warming_;  // Started, not ready; ends_at: when we lose patience.
    std::optional<Zygote> current_;  // It serves; ends_at: when it is to be replaced.
    std::vector<Zygote> retired_;    // Their last jobs run; ends_at: when those must have ended.
    RestartBackoff backoff_;
    Clock::time_point due_{};
    std::uint32_t last_front_ = 0;
    int failures_before_ready_ = 0;
    bool has_been_ready_ = false;
};

}  // namespace snapjail::app
