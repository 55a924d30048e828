#include "zygote/extension/fork_loop.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/syscall.h"
#include "jail/guest/confine_guest.h"
#include "jail/guest/confine_process_guest.h"
#include "jail/privileges.h"
#include "zygote/extension/process_slots.h"
#include "zygote/extension/slot_cgroups.h"
#include "zygote/protocol.h"

namespace snapjail::zygote {
namespace {

// How often to look after jobs, and to try again to clean a slot. Tier `process` only.
constexpr int kLookMs = 20;
constexpr int kCleanAgainMs = 2;
constexpr int kLastRoundsMax = 500;

std::uint64_t to_us(const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(time.tv_usec);
}

Result<UniqueFd> open_own_namespace(const char* name) {
    int fd = ::openat(kProcSelfFd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return Error::from_errno("open own namespace", errno, name);
    }
    return UniqueFd(fd);
}

// fork() copies one thread: another one's locks would stay locked for ever.
Result<void> require_one_thread() {
    int folder = ::openat(kProcSelfFd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    std::unique_ptr<DIR, int (*)(DIR*)> tasks(folder < 0 ? nullptr : ::fdopendir(folder),
                                              ::closedir);
    if (!tasks) {
        return Error::from_errno("open own task folder", errno);
    }
    int threads = 0;
    while (const dirent* entry = ::readdir(tasks.get())) {
        threads += entry->d_name[0] != '.' ? 1 : 0;
    }
    if (threads != 1) {
        return Error{ErrorKind::kInvalid, "check that the zygote has one thread", 0,
                     "it has " + std::to_string(threads) +
                         ": a preloaded module starts threads when it is imported"};
    }
    return {};
}

[[noreturn]] void exec_when_job_arrives(const jail::JailPlan& plan) noexcept {
    pollfd job{jail::kJobFd, POLLIN, 0};
    while (::poll(&job, 1, -1) < 0 && errno == EINTR) {
    }
    std::array<char*, jail::kArgvMax + 1> argv{};
    for (std::size_t i = 0; i < plan.cold_argv.size() && plan.cold_argv[i][0] != '\0'; ++i) {
        // execve() does not write to its arguments; the type lacks the const.
        argv[i] = const_cast<char*>(plan.cold_argv[i].data());
    }
    ::execve(argv[0], argv.data(), environ);
    ::_exit(1);
}

void send_frame(int fd, FrameKind kind, const void* payload, std::uint32_t size) noexcept {
    FrameHeader header{kind, size};
    std::array<iovec, 2> parts{iovec{&header, sizeof(header)},
                               iovec{const_cast<void*>(payload), size}};
    // A front that has gone takes the guest with it: nobody to tell.
    [[maybe_unused]] ssize_t ignored = ::writev(fd, parts.data(), size > 0 ? 2 : 1);
}

class ForkLoop {
  public:
    ForkLoop(const jail::JailPlan& plan, PyObject* on_guest) : plan_(plan), on_guest_(on_guest) {}

    Result<void> run() {
        TRY(require_one_thread());
        TRY(cgroups_.load(plan_));
        TRY(start());
        for (;;) {
            TRY(wait_once());
        }
    }

  private:
    struct GuestPipes {
        Pipe job;
        Pipe output;
        Pipe result;
    };
    struct GuestRecord {
        std::uint64_t id = 0;
        std::uint32_t slot = 0;
        LimitHit limit_hit = LimitHit::kNone;
        bool has_front = true;
    };
    // A guest that is reaped, and its end to be told.
    struct Leaving {
        Event event;
        std::uint32_t slot = 0;
        bool has_front = true;
    };

    Result<void> start() {
        if (has_namespaces()) {
            pid_namespace_ = TRY(open_own_namespace("ns/pid"));
            if (!jail::look_at_zygote(plan_, kProcSelfFd, zygote_view_)) {
                return Error::from_errno("look at own namespaces", errno);
            }
            user_settings_ = UniqueFd(zygote_view_.user_settings);
        } else {
            TRY(retry_eintr("adopt orphans",
                            [] { return ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }));
            slots_.emplace(plan_, [this](pid_t pid) { return guests_.contains(pid); });
        }
        sigset_t child_signal;
        sigemptyset(&child_signal);
        sigaddset(&child_signal, SIGCHLD);
        ::sigprocmask(SIG_BLOCK, &child_signal, &guest_signal_mask_);
        child_events_ = UniqueFd(TRY(retry_eintr("signalfd", [&] {
            return ::signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK);
        })));
        // Here and not in each guest: the kernel walks the whole filter when it is loaded, and a
        // fork inherits it for nothing. no_new_privs was set before exec.
        if (stands(jail::Layer::kSeccomp) && !jail::load_seccomp(plan_.zygote_filter)) {
            return Error::from_errno("load the zygote's seccomp filter", errno);
        }
        return tell_supervisor(NewsKind::kReady);
    }

    Result<void> tell_supervisor(NewsKind kind) const {
        News news{.kind = kind, .front = front_number_};
        TRY(retry_eintr("tell the supervisor",
                        [&] { return ::send(kChannelFd, &news, sizeof(news), MSG_NOSIGNAL); }));
        return {};
    }

    Result<void> wait_once() {
        std::array<pollfd, 4> sources{pollfd{kChannelFd, POLLIN, 0},
                                      pollfd{child_events_.get(), POLLIN, 0},
                                      pollfd{front_.is_open() ? front_.get() : -1, POLLIN, 0},
                                      pollfd{cgroups_.watch(), POLLIN, 0}};
        TRY(retry_eintr("poll",
                        [&] { return ::poll(sources.data(), sources.size(), timeout_ms()); }));
        // Before any slot can have its next guest.
        if (sources[3].revents != 0) {
            cgroups_.end_those_out_of_memory();
        }
        // The ends first: a front that asks for a guest in a slot has been told that it is free.
        if (sources[1].revents != 0) {
            reap();
        }
        if (sources[0].revents != 0) {
            TRY(take_front());
        }
        if (sources[2].revents != 0 && front_.is_open()) {
            obey();
        }
        if (slots_) {
            tend_slots();
        }
        // Slots are everyone's: the next front may give one of ours to another profile's zygote,
        // and in tier `process` our cleaning it would end that one's guest.
        if (has_lost_front_ && guests_.empty() && leaving_.empty()) {
            has_lost_front_ = false;
            TRY(tell_supervisor(NewsKind::kIdle));
        }
        return {};
    }

    int timeout_ms() const {
        return !leaving_.empty() ? kCleanAgainMs : slots_ && slots_->is_watching() ? kLookMs : -1;
    }

    Result<void> take_front() {
        AttachMessage message;
        auto received =
            receive_with_fds(kChannelFd, std::as_writable_bytes(std::span(&message, 1)));
        if (!received || received->size != sizeof(message) || received->fds.size() != 1) {
            end_all_and_exit();  // The supervisor has gone, or lost its mind: nobody needs us.
        }
        drop_front();
        has_lost_front_ = false;
        front_ = std::move(received->fds[0]);
        front_number_ = message.front;
        return {};
    }

    void drop_front() {
        for (auto& [pid, guest] : guests_) {
            ::kill(pid, SIGKILL);
            guest.has_front = false;  // Their ends are reaped, and told to nobody.
        }
        for (Leaving& leaving : leaving_) {
            leaving.has_front = false;
        }
        pids_.clear();
        front_.reset();
        has_lost_front_ = true;
    }

    // In tier `full` the kernel ends all guests with us: we are PID 1 of their namespace.
    [[noreturn]] void end_all_and_exit() {
        drop_front();
        for (int round = 0; slots_ && round < kLastRoundsMax; ++round) {
            reap();
            tend_slots();
            if (guests_.empty() && leaving_.empty()) {
                break;
            }
            ::poll(nullptr, 0, kCleanAgainMs);
        }
        ::_exit(0);
    }

    void obey() {
        Command command;
        auto received =
            receive_with_fds(front_.get(), std::as_writable_bytes(std::span(&command, 1)));
        if (!received || received->size != sizeof(command)) {
            drop_front();
            return;
        }
        switch (command.kind) {
            case CommandKind::kSpawn:
                spawn(command);
                return;
            case CommandKind::kKill:
                // Not reaped yet, or it would not be in the map: the number is still that guest's.
                if (auto guest = pids_.find(command.guest_id); guest != pids_.end()) {
                    ::kill(guest->second, SIGKILL);
                }
                return;
            case CommandKind::kWatch:
                if (auto guest = pids_.find(command.guest_id); slots_ && guest != pids_.end()) {
                    slots_->watch(guests_[guest->second].slot, guest->second);
                }
                return;
        }
        drop_front();
    }

    void spawn(const Command& command) {
        Event event{.kind = EventKind::kSpawned, .guest_id = command.guest_id};
        std::array<int, 3> given{-1, -1, -1};
        auto pipes = fork_guest(command);
        if (pipes) {
            given = {pipes->job.write_end.get(), pipes->output.read_end.get(),
                     pipes->result.read_end.get()};
        } else {
            event.kind = EventKind::kSpawnFailed;
            event.step = static_cast<std::uint32_t>(jail::SetupStep::kFork);
            event.sys_errno = pipes.error().sys_errno;
        }
        auto message = std::as_bytes(std::span(&event, 1));
        auto fds = pipes ? std::span<const int>(given) : std::span<const int>();
        if (!send_with_fds(front_, message, fds)) {
            drop_front();
        }
    }

    Result<GuestPipes> fork_guest(const Command& command) {
        TRY(cgroups_.prepare(command.slot));
        GuestPipes pipes;
        pipes.job = TRY(make_pipe());
        pipes.output = TRY(make_pipe());
        pipes.result = TRY(make_pipe());
        TRY(has_namespaces() ? enter_namespaces(command.slot) : enter_slot(command.slot));
        const char* folder = slots_ ? slots_->folder(command.slot) : nullptr;
        pid_t zygote = ::getpid();
        PyOS_BeforeFork();
        pid_t child = ::fork();
        if (child == 0) {
            become_guest(pipes, command, {command.slot, folder, zygote});
        }
        int fork_errno = errno;
        PyOS_AfterFork_Parent();
        bool has_left = has_namespaces() && stands(jail::Layer::kPidNamespace);
        if (has_left && ::setns(pid_namespace_.get(), CLONE_NEWPID) != 0) {
            ::_exit(1);  // The next guest would land in this one's namespace: be replaced instead.
        }
        if (child < 0) {
            return Error::from_errno("fork", fork_errno);
        }
        cgroups_.on_forked(command.slot, child);
        pids_[command.guest_id] = child;
        guests_[child] = {command.guest_id, command.slot};
        return pipes;
    }

    bool has_namespaces() const { return plan_.tier == jail::Tier::kFull; }

    // The next child becomes PID 1 of a new pid namespace; we stay where we are. By fork() and not
    // by clone(): the C library, OpenSSL and OpenBLAS have hooks on it.
    Result<void> enter_namespaces(std::uint32_t slot) {
        TRY(enter_network(slot));
        if (stands(jail::Layer::kPidNamespace)) {
            TRY(retry_eintr("unshare", [] { return ::unshare(CLONE_NEWPID); }));
        }
        return {};
    }

    // A slot is told free only when it is clean. Still it may hold what another profile's zygote
    // has left that was killed, so that we look each time, whoever had it last.
    Result<void> enter_slot(std::uint32_t slot) {
        if (slot >= kSlotsMax) {
            return Error::from_errno("find slot", EINVAL);
        }
        if (!slots_->clean(slot)) {
            return Error::from_errno("clean slot", EBUSY);
        }
        return {};
    }

    // A network namespace costs most of all to make and nothing to enter, so each slot keeps one.
    // It is empty, and no guest ever has a right over it.
    Result<void> enter_network(std::uint32_t slot) {
        if (slot >= kSlotsMax) {
            return Error::from_errno("find slot", EINVAL);
        }
        if (!stands(jail::Layer::kNetworkNamespace)) {
            return {};
        }
        if (slot >= networks_.size()) {
            networks_.resize(slot + 1);
        }
        if (networks_[slot].is_open()) {
            TRY(retry_eintr("setns", [&] { return ::setns(networks_[slot].get(), CLONE_NEWNET); }));
            return {};
        }
        TRY(retry_eintr("unshare", [] { return ::unshare(CLONE_NEWNET); }));
        networks_[slot] = TRY(open_own_namespace("ns/net"));
        return {};
    }

    [[noreturn]] void become_guest(const GuestPipes& pipes, const Command& command,
                                   const jail::ProcessPlace& place) noexcept {
        ::sigprocmask(SIG_SETMASK, &guest_signal_mask_, nullptr);
        bool has_network = has_namespaces() && stands(jail::Layer::kNetworkNamespace);
        jail::GuestDescriptors given{
            pipes.job.read_end.get(), pipes.output.write_end.get(), pipes.result.write_end.get(),
            has_network ? networks_[command.slot].get() : -1, cgroups_.of(command.slot)};
        jail::SetupFailure failure = has_namespaces()
                                         ? jail::confine_guest(plan_, given, zygote_view_)
                                         : jail::confine_process_guest(plan_, place, given);
        if (failure.has_failed()) {
            SetupFailedPayload payload{static_cast<std::uint32_t>(failure.step), failure.sys_errno};
            // One of the two is the pipe, depending on how far it came; the other is not open.
            send_frame(given.result, FrameKind::kSetupFailed, &payload, sizeof(payload));
            send_frame(plan_.result_fd, FrameKind::kSetupFailed, &payload, sizeof(payload));
            ::_exit(1);
        }
        if (plan_.start == jail::GuestStart::kCold) {
            send_frame(plan_.result_fd, FrameKind::kReady, nullptr, 0);
            exec_when_job_arrives(plan_);
        }
        PyOS_AfterFork_Child();
        PyObject* result = PyObject_CallFunctionObjArgs(
            on_guest_, command.warm_up == WarmUp::kFull ? Py_True : Py_False, nullptr);
        Py_XDECREF(result);
        ::_exit(1);  // It should not have returned.
    }

    void reap() {
        signalfd_siginfo ignored;
        while (::read(child_events_.get(), &ignored, sizeof(ignored)) > 0) {
        }
        for (;;) {
            int status = 0;
            rusage usage{};
            pid_t pid = ::wait4(-1, &status, WNOHANG, &usage);
            if (pid <= 0) {
                return;
            }
            bool is_out_of_memory = cgroups_.on_reaped(pid);
            auto guest = guests_.find(pid);
            if (guest == guests_.end()) {
                continue;  // What a job has left, and we have adopted.
            }
            Leaving leaving{
                {.kind = EventKind::kGone,
                 .guest_id = guest->second.id,
                 .wait_status = status,
                 .limit_hit = is_out_of_memory ? LimitHit::kMemory : guest->second.limit_hit,
                 .cpu_time_us = to_us(usage.ru_utime) + to_us(usage.ru_stime)},
                guest->second.slot,
                guest->second.has_front};
            if (leaving.has_front) {
                pids_.erase(guest->second.id);
            }
            guests_.erase(guest);
            if (slots_) {
                slots_->forget(leaving.slot);
                leaving_.push_back(leaving);
            } else {
                tell_gone(leaving);
            }
        }
    }

    void tell_gone(const Leaving& leaving) {
        if (leaving.has_front && front_.is_open() &&
            !send_with_fds(front_, std::as_bytes(std::span(&leaving.event, 1)), {})) {
            drop_front();
        }
    }

    // Tier `process`: what the kernel does by itself where there are namespaces.
    void tend_slots() {
        std::vector<Leaving> left;
        for (const Leaving& leaving : std::exchange(leaving_, {})) {
            bool is_clean = slots_->clean(leaving.slot);
            if (!is_clean) {
                left.push_back(leaving);
                continue;
            }
            tell_gone(leaving);
        }
        leaving_.insert(leaving_.end(), left.begin(), left.end());
        slots_->look([this](pid_t pid, LimitHit limit) {
            guests_[pid].limit_hit = limit;
            ::kill(pid, SIGKILL);
        });
    }

    bool stands(jail::Layer layer) const { return plan_.layers.stands(layer); }

    const jail::JailPlan& plan_;
    PyObject* on_guest_;
    SlotCgroups cgroups_;
    UniqueFd pid_namespace_;
    jail::ZygoteView zygote_view_;
    UniqueFd user_settings_;  // As zygote_view_ shows it to guests.
    UniqueFd child_events_;
    UniqueFd front_;
    std::uint32_t front_number_ = 0;
    bool has_lost_front_ = false;  // And the supervisor is still to be told that we are idle.
    sigset_t guest_signal_mask_{};
    std::vector<UniqueFd> networks_;                 // By slot.
    std::unordered_map<std::uint64_t, pid_t> pids_;  // Of this front's guests, by their id.
    std::unordered_map<pid_t, GuestRecord> guests_;
    // Tier `process`.
    std::optional<ProcessSlots> slots_;

    std::vector<Leaving> leaving_;  // Reaped; their slots are not clean yet.
};

}  // namespace

void run_fork_loop(const jail::JailPlan& plan, PyObject* on_guest) {
    auto result = ForkLoop(plan, on_guest).run();
    if (!result) {
        PyErr_SetString(PyExc_RuntimeError, result.error().to_string().c_str());
    }
}

}  // namespace snapjail::zygote
