#include "app/supervisor/zygote_keeper.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/log.h"
#include "base/syscall.h"
#include "zygote/protocol.h"

namespace snapjail::app {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

// So often may the first zygote die before there is no point in another try.
constexpr int kFirstFailuresMax = 5;
// Importing what is preloaded takes a second or two, on a busy and slow machine ten times that.
constexpr std::chrono::seconds kWarmingTimeMax{120};
// Past a job's own limit, so that its answer is still sent.
constexpr milliseconds kGrace{1'000};

// Nothing where it has ended, or speaks another language.
std::optional<zygote::News> read_news(const ChildProcess& zygote) {
    zygote::News news;
    auto received =
        receive_with_fds(zygote.channel().get(), std::as_writable_bytes(std::span(&news, 1)));
    bool is_sound =
        received && received->size == sizeof(news) && news.version == zygote::kProtocolVersion;
    return is_sound ? std::optional(news) : std::nullopt;
}

std::int64_t milliseconds_since(std::chrono::steady_clock::time_point then) {
    return duration_cast<milliseconds>(std::chrono::steady_clock::now() - then).count();
}

}  // namespace

ZygoteKeeper::ZygoteKeeper(KeeperSettings settings, zygote::ZygoteSpec spec)
    : settings_(std::move(settings)), spec_(std::move(spec)) {}

Result<void> ZygoteKeeper::attach_front(UniqueFd socket) {
    TRY(zygote::attach_front(current_->process, std::move(socket), ++last_front_));
    current_->front = last_front_;
    return {};
}

void ZygoteKeeper::on_front_died() {
    retired_.clear();  // Their jobs had nobody else to answer them.
    if (has_front()) {
        current_->idle_by = Clock::now() + settings_.idle_time_max;
    }
}

Result<void> ZygoteKeeper::end_current() {
    if (!current_) {
        return {};
    }
    log::warning("zygote_lost_front",
                 {{"pid", std::int64_t{current_->process.pid()}}, {"profile", settings_.profile}});
    return on_died("current", current_);
}

Result<void> ZygoteKeeper::start_what_is_due(bool may_replace) {
    Clock::time_point now = Clock::now();
    bool wants_one = !current_ || (may_replace && now >= current_->ends_at);
    if (wants_one && !warming_ && now >= due_) {
        TRY(launch());
    }
    return {};
}

Result<void> ZygoteKeeper::launch() {
    Clock::time_point now = Clock::now();
    backoff_.on_start(now);
    auto process = zygote::launch_zygote(spec_);
    if (process) {
        log::info("zygote_started",
                  {{"pid", std::int64_t{process->pid()}}, {"profile", settings_.profile}});
        warming_ = Zygote{std::move(*process), now, now + kWarmingTimeMax};
        return {};
    }
    if (!has_been_ready_) {
        return process.error();  // This host does not allow it, or not with these settings.
    }
    due_ = backoff_.on_death(Clock::now());
    log::error("zygote_not_started",
               {{"profile", settings_.profile}, {"error", process.error().to_string()}});
    return {};
}

ZygoteKeeper::Clock::time_point ZygoteKeeper::next_deadline(bool may_replace) const {
    Clock::time_point next = Clock::time_point::max();
    if (warming_) {
        next = warming_->ends_at;
    } else if (!current_) {
        next = due_;
    } else if (may_replace) {
        next = std::max(current_->ends_at, due_);
    }
    if (current_) {
        next = std::min(next, current_->idle_by);
    }
    for (const Zygote& zygote : retired_) {
        next = std::min(next, zygote.ends_at);
    }
    return next;
}

void ZygoteKeeper::add_sources(std::vector<pollfd>& sources) const {
    auto add = [&](const UniqueFd& fd) { sources.push_back({fd.get(), POLLIN, 0}); };
    for (const auto* zygote : {&warming_, &current_}) {
        if (*zygote) {
            add((*zygote)->process.pidfd());
            add((*zygote)->process.channel());
        }
    }
    for (const Zygote& zygote : retired_) {
        add(zygote.process.pidfd());
    }
}

// What else there is to see after a change is seen the next time.
Result<ZygoteKeeper::Change> ZygoteKeeper::check() {
    Change change = TRY(check_warming());
    if (change == Change::kNone) {
        change = TRY(check_current());
    }
    if (change == Change::kNone) {
        auto ended = std::erase_if(retired_, [](const Zygote& zygote) {
            return Clock::now() >= zygote.ends_at || is_readable(zygote.process.pidfd());
        });
        change = ended > 0 ? Change::kEnded : Change::kNone;
    }
    return change;
}

Result<ZygoteKeeper::Change> ZygoteKeeper::check_warming() {
    if (!warming_) {
        return Change::kNone;
    }
    bool speaks = is_readable(warming_->process.channel());
    auto news = speaks ? read_news(warming_->process) : std::nullopt;
    if (news && news->kind == zygote::NewsKind::kReady) {
        on_ready();
        return Change::kReady;
    }
    if (speaks || is_readable(warming_->process.pidfd()) || Clock::now() >= warming_->ends_at) {
        TRY(on_died("warming", warming_));
        return Change::kEnded;
    }
    return Change::kNone;
}

Result<ZygoteKeeper::Change> ZygoteKeeper::check_current() {
    if (!current_) {
        return Change::kNone;
    }
    bool speaks = is_readable(current_->process.channel());
    auto news = speaks ? read_news(current_->process) : std::nullopt;
    if (news && news->kind == zygote::NewsKind::kIdle) {
        bool is_of_this_front = current_->front == news->front;
        if (is_of_this_front) {
            forget_front();
        }
        return is_of_this_front ? Change::kIdle : Change::kNone;
    }
    bool has_ended = speaks || is_readable(current_->process.pidfd());
    bool is_late = !has_ended && Clock::now() >= current_->idle_by;
    if (is_late) {
        log::warning("zygote_not_idle", {{"pid", std::int64_t{current_->process.pid()}},
                                         {"profile", settings_.profile}});
        forget_front();
    }
    if (has_ended || (is_late && settings_.ends_unless_idle)) {
        TRY(on_died("current", current_));
        return Change::kEnded;
    }
    return Change::kNone;
}

void ZygoteKeeper::forget_front() {
    current_->front.reset();
    current_->idle_by = Clock::time_point::max();
}

void ZygoteKeeper::on_ready() {
    log::info("zygote_ready", {{"pid", std::int64_t{warming_->process.pid()}},
                               {"profile", settings_.profile},
                               {"took_ms", milliseconds_since(warming_->started)}});
    // One whose front has died has no job to finish, only slots to clean.
    bool has_jobs = current_ && current_->idle_by == Clock::time_point::max();
    if (has_jobs) {
        current_->ends_at = Clock::now() + settings_.wall_time_max + kGrace;
        retired_.push_back(std::move(*current_));
    }
    has_been_ready_ = true;
    current_ = std::move(*warming_);
    warming_.reset();
    bool lives_for_ever = settings_.zygote_lifetime.count() == 0;
    current_->ends_at =
        lives_for_ever ? Clock::time_point::max() : Clock::now() + settings_.zygote_lifetime;
}

Result<void> ZygoteKeeper::on_died(const char* which, std::optional<Zygote>& zygote) {
    pid_t pid = zygote->process.pid();
    std::string end = zygote->process.describe_end();
    log::error("zygote_died", {{"pid", std::int64_t{pid}},
                               {"profile", settings_.profile},
                               {"which", which},
                               {"end", end},
                               {"lived_ms", milliseconds_since(zygote->started)}});
    zygote.reset();
    failures_before_ready_ += has_been_ready_ ? 0 : 1;
    if (failures_before_ready_ >= kFirstFailuresMax) {
        return Error{ErrorKind::kSystem, "start a zygote", 0,
                     "the interpreter of profile '" + settings_.profile + "' has ended " +
                         std::to_string(kFirstFailuresMax) + " times before it was ready (" + end +
                         "); its own words stand above"};
    }
    due_ = backoff_.on_death(Clock::now());
    return {};
}

bool ZygoteKeeper::owns(pid_t pid) const {
    auto is_this = [pid](const Zygote& zygote) { return zygote.process.pid() == pid; };
    return (warming_ && is_this(*warming_)) || (current_ && is_this(*current_)) ||
           std::any_of(retired_.begin(), retired_.end(), is_this);
}

void ZygoteKeeper::end_all() {
    warming_.reset();
    current_.reset();
    retired_.clear();
}

}  // namespace snapjail::app
