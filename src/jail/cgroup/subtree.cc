#include "jail/cgroup/subtree.h"

#include <grp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/syscall.h"
#include "jail/cgroup/slot_cgroup.h"

namespace snapjail::jail::cgroup {
namespace {

constexpr std::string_view kPrefix = "snapjail-";
constexpr std::string_view kService = "/service";  // Where we stand aside, in version 2.
// Names to try: ours may be taken by a process with our number in another pid namespace.
constexpr int kNamesMax = 16;

// A tenth of a second at a time: over a whole one, a job would stand still for most of it. The
// kernel takes no quota below 1 ms.
constexpr std::uint64_t kCpuPeriodUs = 100'000;
constexpr std::uint64_t kCpuPeriodLongUs = 1'000'000;
constexpr std::uint32_t kCpuShortPeriodMs = 10;  // From here on a tenth of it is 1 ms or more.

Result<UniqueFd> lock_folder(const std::string& folder) {
    UniqueFd lock = TRY(open_file(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    TRY(retry_eintr("lock a cgroup", [&] { return ::flock(lock.get(), LOCK_EX | LOCK_NB); }));
    return lock;
}

bool is_still_at(const UniqueFd& folder, const std::string& path) {
    struct stat held {};
    struct stat found {};
    return ::fstat(folder.get(), &held) == 0 && ::stat(path.c_str(), &found) == 0 &&
           held.st_ino == found.st_ino && held.st_dev == found.st_dev;
}

// What cannot be removed, because somebody is in it, stays.
void remove_tree(Files& files, const std::string& folder) {
    for (const std::string& name : files.folders_in(folder)) {
        (void)files.remove_folder(folder + "/" + name);
    }
    (void)files.remove_folder(folder);
}

// Whether a text of words has this one.
bool has_word(std::string text, std::string_view word) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return (" " + text + " ").find(" " + std::string(word) + " ") != text.npos;
}

[[noreturn]] void move_and_exit(int procs, std::optional<uid_t> guest_id) noexcept {
    bool is_guest = !guest_id || (::setgroups(0, nullptr) == 0 &&
                                  ::setresgid(*guest_id, *guest_id, *guest_id) == 0 &&
                                  ::setresuid(*guest_id, *guest_id, *guest_id) == 0);
    SlotCgroup cgroup;
    cgroup.procs[0] = procs;
    ::_exit(is_guest && join(cgroup) ? 0 : errno);
}

// A child of ours moves itself as a guest will, and ends.
Result<void> try_move(const std::string& folder, std::optional<uid_t> guest_id) {
    UniqueFd procs = TRY(open_file(folder + "/cgroup.procs", O_WRONLY | O_CLOEXEC));
    pid_t child = TRY(retry_eintr("fork", [] { return ::fork(); }));
    if (child == 0) {
        move_and_exit(procs.get(), guest_id);
    }
    int status = 0;
    TRY(retry_eintr("waitpid", [&] { return ::waitpid(child, &status, 0); }));
    if (status != 0) {
        return Error::from_errno("move a process into a cgroup",
                                 WIFEXITED(status) ? WEXITSTATUS(status) : EINTR, folder);
    }
    return {};
}

}  // namespace

Subtree::Subtree(Files& files, OwnCgroup own, const SubtreeSettings& settings)
    : files_(files), own_(std::move(own)), settings_(settings) {}

Result<std::unique_ptr<Subtree>> Subtree::make(Files& files, const OwnCgroup& own,
                                               const SubtreeSettings& settings) {
    // Its end undoes what has been done, on every path.
    std::unique_ptr<Subtree> subtree(new Subtree(files, own, settings));
    subtree->sweep_leftovers();
    TRY(subtree->make_own_folder());
    TRY(subtree->choose_controllers());
    TRY(subtree->try_slot());
    return subtree;
}

Subtree::~Subtree() {
    if (folder_.empty()) {
        return;
    }
    for (const std::string& name : files_.folders_in(folder_)) {
        if ("/" + name != kService) {
            (void)files_.remove_folder(folder_ + "/" + name);
        }
    }
    // In this order: no process may be in a cgroup that has controllers for those below it, and
    // none can be taken away while one below uses it.
    for (Controller controller : controllers_) {
        if (own_.version == Version::kV2) {
            (void)files_.write(folder_ + "/cgroup.subtree_control",
                               "-" + std::string(name_of(controller)));
        }
    }
    for (Controller controller : enabled_) {
        (void)files_.write(own_.folder + "/cgroup.subtree_control",
                           "-" + std::string(name_of(controller)));
    }
    if (has_stepped_aside_) {
        (void)files_.write(own_.folder + "/cgroup.procs", "0");
    }
    remove_tree(files_, folder_);
}

bool Subtree::bounds(Controller controller) const {
    return std::find(controllers_.begin(), controllers_.end(), controller) != controllers_.end();
}

// A supervisor that was killed could not clean up. Its lock went with it.
void Subtree::sweep_leftovers() {
    for (const std::string& name : files_.folders_in(own_.folder)) {
        if (name.starts_with(kPrefix)) {
            std::string leftover = own_.folder + "/" + name;
            if (auto lock = lock_folder(leftover)) {
                remove_tree(files_, leftover);
            }
        }
    }
}

Result<void> Subtree::make_own_folder() {
    std::string base = own_.folder + "/" + std::string(kPrefix) + std::to_string(::getpid());
    Error error = Error::from_errno("make a cgroup", EEXIST, base);
    for (int attempt = 0; attempt < kNamesMax; ++attempt) {
        std::string path = attempt == 0 ? base : base + "-" + std::to_string(attempt);
        auto made = files_.make_folder(path);
        if (!made && made.error().sys_errno != EEXIST) {
            return made.error();
        }
        if (!made) {
            continue;
        }
        // Another one that starts at this moment may take it for a leftover before it is locked.
        auto lock = lock_folder(path);
        if (lock && is_still_at(*lock, path)) {
            lock_ = std::move(*lock);
            folder_ = path;
            return {};
        }
    }
    return error;
}

// Version 2 lends a controller to the cgroups below by a line in their parent.
Result<void> Subtree::choose_controllers() {
    std::vector<Controller> candidates;
    std::string available;
    if (own_.version == Version::kV2) {
        available = TRY(files_.read(own_.folder + "/cgroup.controllers"));
    }
    Error error{ErrorKind::kUnsupported, "use cgroups", 0,
                own_.folder + " has none of the controllers"};
    for (Controller controller : settings_.controllers) {
        bool is_here = own_.version == Version::kV1
                           ? std::find(own_.controllers.begin(), own_.controllers.end(),
                                       controller) != own_.controllers.end()
                           : has_word(available, name_of(controller));
        if (!is_here) {
            continue;
        }
        auto enabled =
            own_.version == Version::kV1 ? Result<void>() : enable_below(own_.folder, controller);
        if (enabled && own_.version == Version::kV2) {
            enabled = files_.write(folder_ + "/cgroup.subtree_control",
                                   "+" + std::string(name_of(controller)));
        }
        if (enabled) {
            controllers_.push_back(controller);
        } else {
            error = enabled.error();
        }
    }
    return controllers_.empty() ? Result<void>(error) : Result<void>();
}

Result<void> Subtree::enable_below(const std::string& folder, Controller controller) {
    std::string control = folder + "/cgroup.subtree_control";
    std::string name(name_of(controller));
    if (has_word(TRY(files_.read(control)), name)) {
        return {};
    }
    auto written = files_.write(control, "+" + name);
    if (!written && written.error().sys_errno == EBUSY && !has_stepped_aside_) {
        // No process may be in a cgroup that lends controllers. If we are the only one, it helps
        // to go; those of others are not ours to move.
        TRY(step_aside());
        written = files_.write(control, "+" + name);
    }
    if (!written) {
        return written.error();
    }
    enabled_.push_back(controller);
    return {};
}

Result<void> Subtree::step_aside() {
    std::string service = folder_ + std::string(kService);
    TRY(files_.make_folder(service));
    TRY(files_.write(service + "/cgroup.procs", "0"));
    has_stepped_aside_ = true;
    return {};
}

Result<void> Subtree::try_slot() {
    std::string trial = folder_ + "/trial";
    TRY(files_.make_folder(trial));
    Error error;
    std::erase_if(controllers_, [&](Controller controller) {
        auto written = write_limits(trial, controller);
        if (!written) {
            error = written.error();
        }
        return !written.has_value();
    });
    auto moved = controllers_.empty() ? Result<void>(error) : try_move(trial, settings_.guest_id);
    (void)files_.remove_folder(trial);
    return moved;
}

Result<std::string> Subtree::make_slot(std::uint32_t slot) {
    std::string folder = folder_ + "/slot-" + std::to_string(slot);
    TRY(files_.make_folder(folder));
    for (Controller controller : controllers_) {
        TRY(write_limits(folder, controller));
    }
    return folder;
}

Result<void> Subtree::write_limits(const std::string& folder, Controller controller) {
    switch (controller) {
        case Controller::kMemory:
            return write_memory_limits(folder);
        case Controller::kPids:
            return files_.write(folder + "/pids.max", std::to_string(settings_.limits.pids_max));
        case Controller::kCpu:
            return write_cpu_limit(folder);
    }
    return {};
}

Result<void> Subtree::write_memory_limits(const std::string& folder) {
    const Limits& limits = settings_.limits;
    if (own_.version == Version::kV2) {
        TRY(files_.write(folder + "/memory.max", std::to_string(limits.memory_bytes_max)));
        // A job ends whole, or it goes on without one of its processes as if nothing were.
        TRY(files_.write(folder + "/memory.oom.group", "1"));
        return write_if_there(folder + "/memory.swap.max", limits.swap_bytes_max);
    }
    TRY(files_.write(folder + "/memory.limit_in_bytes", std::to_string(limits.memory_bytes_max)));
    // After the other: it may not be smaller. It counts both together.
    TRY(write_if_there(folder + "/memory.memsw.limit_in_bytes",
                       limits.memory_bytes_max + limits.swap_bytes_max));
    return limits.swap_bytes_max == 0 ? write_if_there(folder + "/memory.swappiness", 0)
                                      : Result<void>();
}

// A kernel that does not count swap has no file for it.
Result<void> Subtree::write_if_there(const std::string& path, std::uint64_t value) {
    auto written = files_.write(path, std::to_string(value));
    return written || written.error().sys_errno == ENOENT ? Result<void>() : written;
}

Result<void> Subtree::write_cpu_limit(const std::string& folder) {
    std::uint64_t share_ms = settings_.limits.cpu_ms_per_second;
    std::uint64_t period_us = share_ms >= kCpuShortPeriodMs ? kCpuPeriodUs : kCpuPeriodLongUs;
    std::uint64_t quota_us = share_ms * period_us / 1000;
    if (own_.version == Version::kV2) {
        return files_.write(folder + "/cpu.max",
                            std::to_string(quota_us) + " " + std::to_string(period_us));
    }
    TRY(files_.write(folder + "/cpu.cfs_period_us", std::to_string(period_us)));
    return files_.write(folder + "/cpu.cfs_quota_us", std::to_string(quota_us));
}

}  // namespace snapjail::jail::cgroup
