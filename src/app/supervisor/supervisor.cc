#include "app/supervisor/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <span>
#include <utility>

#include "base/log.h"
#include "base/syscall.h"
#include "sched/profile_pool.h"
#include "zygote/protocol.h"
#include "zygote/strays.h"

namespace snapjail::app {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

// So often may the first front die before there is no point in another try.
constexpr int kFirstFailuresMax = 5;
// Past the end of what the front may take to drain: its last answers are still sent.
constexpr milliseconds kGrace{1'000};
// A killed process is gone within milliseconds, unless it sits in the kernel.
constexpr milliseconds kStrayPatience{2'000};

}  // namespace

Result<UniqueFd> make_signal_fd() {
    sigset_t wanted;
    sigemptyset(&wanted);
    for (int signal : {SIGTERM, SIGINT, SIGCHLD}) {
        sigaddset(&wanted, signal);
    }
    TRY(retry_eintr("sigprocmask", [&] { return ::sigprocmask(SIG_BLOCK, &wanted, nullptr); }));
    return UniqueFd(TRY(retry_eintr(
        "signalfd", [&] { return ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK); })));
}

Supervisor::Supervisor(SupervisorSettings settings, std::vector<ZygoteKeeper> keepers,
                       jail::Tier tier, Listener listener, UniqueFd signals)
    : settings_(std::move(settings)),
      keepers_(std::move(keepers)),
      tier_(tier),
      listener_(std::move(listener)),
      signals_(std::move(signals)) {}

Result<void> Supervisor::run() {
    read_signals();  // One that came while we got ready.
    while (!is_over_) {
        TRY(start_what_is_due());
        wait_for_events();
        read_signals();
        TRY(check_front());
        TRY(check_zygotes());
        reap_strangers();
        end_the_stopped();
        if (Clock::now() >= drain_deadline_) {
            log::warning("drain_cut_short", {});
            is_over_ = true;
        }
    }
    // What is left ends with its owner, in this order: no guest is blamed for its zygote's death.
    front_.reset();
    for (ZygoteKeeper& keeper : keepers_) {
        keeper.end_all();
    }
    end_strays();
    log::info("stopped");
    return {};
}

// Tier `process`: the kernel ends guests with their zygote, but not what these have started. It is
// ours by then, or will be with the next one's end.
void Supervisor::end_strays() {
    if (tier_ == jail::Tier::kProcess &&
        !zygote::end_strays([this](pid_t pid) { return is_ours(pid); }, kStrayPatience)) {
        log::error("strays_left", {});
    }
}

Result<void> Supervisor::start_what_is_due() {
    for (ZygoteKeeper& keeper : keepers_) {
        // One at a time are replaced: warming up takes a core for a second.
        TRY(keeper.start_what_is_due(!is_any_warming()));
    }
    if (wants_front() && Clock::now() >= front_due_) {
        TRY(launch_front());
    }
    return {};
}

// Not while a zygote has guests of the last one: the next would use their slots.
bool Supervisor::wants_front() const {
    return !front_ && !is_draining_ &&
           std::none_of(keepers_.begin(), keepers_.end(),
                        [](const ZygoteKeeper& keeper) { return keeper.has_front(); });
}

bool Supervisor::is_any_warming() const {
    return std::any_of(keepers_.begin(), keepers_.end(),
                       [](const ZygoteKeeper& keeper) { return keeper.is_warming(); });
}

Result<void> Supervisor::launch_front() {
    front_backoff_.on_start(Clock::now());
    auto process = app::launch_front(listener_.socket, settings_.front);
    if (!process) {
        front_due_ = front_backoff_.on_death(Clock::now());
        log::error("front_not_started", {{"error", process.error().to_string()}});
        return {};
    }
    log::info("front_started", {{"pid", std::int64_t{process->pid()}}});
    front_ = std::move(*process);
    attach_all();
    return {};
}

// Gives the front and a profile's current zygote a socket to each other. Where one of them has died
// in the meantime its death is still to be read, and its successor is attached anew.
void Supervisor::attach(std::size_t profile) {
    ZygoteKeeper& keeper = keepers_[profile];
    if (!front_ || !keeper.is_ready()) {
        return;
    }
    auto pair = make_seqpacket_pair();
    if (!pair) {
        log::error("not_attached", {{"error", pair.error().to_string()}});
        return;
    }
    FrontMessage message{.kind = FrontMessageKind::kAttachZygote,
                         .profile = static_cast<std::uint32_t>(profile)};
    auto told_zygote = keeper.attach_front(std::move(pair->first));
    auto told_front = send_to_front(*front_, message, std::move(pair->second));
    if (!told_zygote || !told_front) {
        const Error& error = told_zygote ? told_front.error() : told_zygote.error();
        log::warning("not_attached", {{"error", error.to_string()}});
    }
}

// A zygote may see the end of a front that dies a moment before we do.
bool Supervisor::is_front_well() const {
    if (!front_) {
        return false;
    }
    pollfd channel{front_->channel().get(), 0, 0};  // Its hanging up is told unasked.
    return ::poll(&channel, 1, kLastBreathMs) == 0;
}

void Supervisor::attach_all() {
    for (std::size_t profile = 0; profile < keepers_.size(); ++profile) {
        attach(profile);
    }
}

Supervisor::Clock::time_point Supervisor::next_deadline() const {
    Clock::time_point next = drain_deadline_;
    if (wants_front()) {
        next = std::min(next, front_due_);
    }
    bool may_replace = !is_any_warming();
    for (const ZygoteKeeper& keeper : keepers_) {
        next = std::min(next, keeper.next_deadline(may_replace));
    }
    return next;
}

void Supervisor::wait_for_events() {
    std::vector<pollfd> sources{{signals_.get(), POLLIN, 0}};
    auto add = [&](const UniqueFd& fd) { sources.push_back({fd.get(), POLLIN, 0}); };
    if (front_) {
        add(front_->pidfd());
        add(front_->channel());
    }
    for (const ZygoteKeeper& keeper : keepers_) {
        keeper.add_sources(sources);
    }
    Clock::time_point next = next_deadline();
    int timeout_ms = -1;
    if (next != Clock::time_point::max()) {
        auto left = std::chrono::ceil<milliseconds>(next - Clock::now());
        // A minute at most, so that it fits an int whatever the lifetime.
        timeout_ms = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
    }
    // What fails here (EINTR) only makes us look once more.
    (void)::poll(sources.data(), sources.size(), timeout_ms);
}

void Supervisor::read_signals() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
        int signal = static_cast<int>(info.ssi_signo);
        if (signal != SIGCHLD) {  // That one only wakes us.
            begin_to_end(signal);
        }
    }
}

void Supervisor::begin_to_end(int signal) {
    if (is_draining_ || !front_) {
        is_over_ = true;  // Told twice, or nobody is being served.
        return;
    }
    is_draining_ = true;
    drain_deadline_ = Clock::now() + settings_.front.drain_time_max + kGrace;
    log::info("draining", {{"signal", std::int64_t{signal}}});
    // The front's own goes a moment later: the socket refuses clients once nobody has it open.
    listener_.socket.reset();
    if (!send_to_front(*front_, {.kind = FrontMessageKind::kDrain})) {
        is_over_ = true;  // It has died this moment, and with it all that was to be finished.
    }
}

Result<void> Supervisor::check_front() {
    if (front_ && is_readable(front_->channel())) {
        FrontMessage message;
        auto received = receive_with_fds(front_->channel().get(),
                                         std::as_writable_bytes(std::span(&message, 1)));
        if (!received || received->size != sizeof(message)) {
            return on_front_died();  // Or it will, as soon as we let go of it.
        }
        if (message.kind == FrontMessageKind::kNoneStarts) {
            TRY(on_none_starts(message));
        }
        bool is_first = message.kind == FrontMessageKind::kListening && !has_listened_;
        if (is_first) {
            has_listened_ = true;
            log::info("listening", {{"url", settings_.url}});
            if (::isatty(STDERR_FILENO) == 1) {
                std::fprintf(stderr, "snapjail listening on %s\n", settings_.url.c_str());
            }
        }
    }
    if (front_ && is_readable(front_->pidfd())) {
        return on_front_died();
    }
    return {};
}

// As with an interpreter that dies before it is ready: a service that will never answer a job says
// so and ends. Not so once it has been well: a later front begins anew to count.
Result<void> Supervisor::on_none_starts(const FrontMessage& message) {
    bool is_first_front = front_deaths_ == 0;
    if (!is_first_front || is_draining_ || message.profile >= keepers_.size()) {
        return {};
    }
    return Error{
        ErrorKind::kSystem, "start a guest", 0,
        "the first " + std::to_string(sched::kFirstGuestsTried) + " of profile '" +
            keepers_[message.profile].profile() + "' have all failed (" +
            std::string(message.why.data(), ::strnlen(message.why.data(), message.why.size())) +
            ")"};
}

Result<void> Supervisor::on_front_died() {
    std::string end = front_->describe_end();
    pid_t pid = front_->pid();
    front_.reset();
    if (is_draining_) {
        log::info("drained", {{"end", end}});
        is_over_ = true;
        return {};
    }
    log::error("front_died", {{"pid", std::int64_t{pid}}, {"end", end}});
    ++front_deaths_;
    front_failures_before_listening_ += has_listened_ ? 0 : 1;
    if (front_failures_before_listening_ >= kFirstFailuresMax) {
        return Error{ErrorKind::kSystem, "start the front", 0,
                     "it has ended " + std::to_string(kFirstFailuresMax) + " times (" + end + ")"};
    }
    for (ZygoteKeeper& keeper : keepers_) {
        keeper.on_front_died();
    }
    end_strays();
    front_due_ = front_backoff_.on_death(Clock::now());
    return {};
}

Result<void> Supervisor::check_zygotes() {
    for (std::size_t profile = 0; profile < keepers_.size(); ++profile) {
        switch (TRY(keepers_[profile].check())) {
            case ZygoteKeeper::Change::kNone:
                break;
            case ZygoteKeeper::Change::kReady:
                if (!front_) {
                    end_strays();  // It may have taken the place of one that was not clean.
                }
                attach(profile);
                break;
            case ZygoteKeeper::Change::kIdle:
                if (is_front_well()) {
                    TRY(keepers_[profile].end_current());
                    end_strays();
                }
                break;  // Else that is what the next front waits for.
            case ZygoteKeeper::Change::kEnded:
                end_strays();
                break;
        }
    }
    return {};
}

bool Supervisor::is_ours(pid_t pid) const {
    return (front_ && front_->pid() == pid) ||
           std::any_of(keepers_.begin(), keepers_.end(),
                       [pid](const ZygoteKeeper& keeper) { return keeper.owns(pid); });
}

// As PID 1 of a container, and as a subreaper, we are given orphans: they would stay zombies.
void Supervisor::reap_strangers() {
    for (;;) {
        siginfo_t info{};
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0 ||
            is_ours(info.si_pid)) {
            return;  // Ours are reaped by their owners, and then we look again.
        }
        (void)::waitpid(info.si_pid, nullptr, WNOHANG);
    }
}

// Nobody is meant to stop one of ours; one that is stopped serves nobody and would not die of it.
void Supervisor::end_the_stopped() {
    siginfo_t info{};
    while (::waitid(P_ALL, 0, &info, WSTOPPED | WNOHANG) == 0 && info.si_pid != 0) {
        log::warning("child was stopped, and is ended", {{"pid", std::int64_t{info.si_pid}}});
        // Not reaped yet, or it would not have been told: the number is still that child's.
        ::kill(info.si_pid, SIGKILL);
        info = {};
    }
}

}  // namespace snapjail::app
