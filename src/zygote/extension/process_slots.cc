#include "zygote/extension/process_slots.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <memory>
#include <span>
#include <utility>

#include "jail/privileges.h"
#include "jail/root/job_folder.h"
#include "zygote/strays.h"

namespace snapjail::zygote {
namespace {

// A job that fills memory as fast as it can gets some 50 MB further between two looks.
constexpr std::chrono::milliseconds kLookEvery{20};
// A look may cost this part of our time; where there are many processes they are looked at less
// often.
constexpr int kShareOfTime = 20;
// The costly part of a look is for what stays as it is once it is there; shared memory excepted.
constexpr int kLooksForMappings = 5;
constexpr std::uint64_t kFolderSlackMin = std::uint64_t{1} << 20;

struct CleanOrders {
    uid_t id;
    const char* folder;
    bool is_clean;
};

// With the slot's id, so that the kernel itself says what is the slot's. Raw calls: the C library's
// would want to change all threads of what it takes for its process.
int clean_as_owner(void* argument) {
    auto& orders = *static_cast<CleanOrders*>(argument);
    if (::syscall(SYS_setgroups, 0, nullptr) != 0 ||
        ::syscall(SYS_setresgid, orders.id, orders.id, orders.id) != 0 ||
        ::syscall(SYS_setresuid, orders.id, orders.id, orders.id) != 0 ||
        ::syscall(SYS_geteuid) != static_cast<long>(orders.id) ||
        // A change from root has done so already; one from another user keeps them all.
        !jail::drop_capabilities()) {
        return 1;  // Never on: what follows would hit others.
    }
    // The kernel holds its list of processes meanwhile: no fork() escapes.
    ::kill(-1, SIGKILL);
    orders.is_clean = jail::empty_job_folder(orders.folder);
    return 0;
}

// A child that shares our memory and suspends us: a fork would copy some 50 MB of page tables.
bool run_clean_as_owner(CleanOrders& orders) {
    constexpr std::size_t kStackBytes = 128 * 1024;
    static std::unique_ptr<std::array<char, kStackBytes>> stack(new std::array<char, kStackBytes>);
    // No signal at its end: it is not one of those that reap() waits for.
    pid_t child =
        ::clone(clean_as_owner, stack->data() + stack->size(), CLONE_VM | CLONE_VFORK, &orders);
    if (child < 0) {
        return false;
    }
    while (::waitpid(child, nullptr, __WALL) < 0 && errno == EINTR) {
    }
    return orders.is_clean;
}

// For as long as it lives we are the slot's owner where files are concerned, /proc included.
class FileOwner {
  public:
    FileOwner(uid_t id, bool applies) : applies_(applies) {
        if (applies_) {
            ::setfsgid(id);
            ::setfsuid(id);
        }
    }
    FileOwner(const FileOwner&) = delete;
    FileOwner& operator=(const FileOwner&) = delete;
    ~FileOwner() {
        if (applies_) {
            ::setfsuid(::geteuid());
            ::setfsgid(::getegid());
        }
    }

  private:
    bool applies_;
};

// Not the wall clock: on a busy machine a look that had to wait would put off the next one by
// twenty times as long, and jobs can make a machine busy.
std::chrono::nanoseconds own_cpu_time() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::uint64_t largest_file(const jail::JailPlan& plan) {
    for (std::uint32_t i = 0; i < plan.rlimit_count; ++i) {
        if (plan.rlimits[i].resource == RLIMIT_FSIZE) {
            return std::min(plan.rlimits[i].soft, plan.tmp_bytes_max);
        }
    }
    return plan.tmp_bytes_max;
}

}  // namespace

ProcessSlots::ProcessSlots(const jail::JailPlan& plan, std::function<bool(pid_t)> is_guest)
    : plan_(plan), is_guest_(std::move(is_guest)) {}

uid_t ProcessSlots::uid_of(std::uint32_t slot) const {
    return plan_.places.slot_uid_first + slot;
}

const char* ProcessSlots::folder(std::uint32_t slot) {
    std::string& folder = folders_[slot];
    if (folder.empty()) {
        folder = std::string(plan_.places.slots.data()) + "/" +
                 std::to_string(plan_.places.numbers[slot]);
    }
    return folder.c_str();
}

std::string ProcessSlots::job_folder(std::uint32_t slot) {
    return plan_.places.has_roots != 0 ? std::string(folder(slot)) + "/tmp" : folder(slot);
}

bool ProcessSlots::clean(std::uint32_t slot) {
    std::string folder = job_folder(slot);
    if (!has_own_uids()) {
        return end_strays(is_guest_, {}) && jail::empty_job_folder(folder.c_str());
    }
    CleanOrders orders{uid_of(slot), folder.c_str(), false};
    return run_clean_as_owner(orders) && end_strays(is_guest_, {});
}

void ProcessSlots::watch(std::uint32_t slot, pid_t guest) {
    // Our own, and not the guest's: by now it may have begun, and what it has taken already would
    // never be counted, for none of its processes.
    watched_[slot] = {guest, read_process(::getpid()).anonymous_bytes};
}

void ProcessSlots::forget(std::uint32_t slot) {
    watched_.erase(slot);
}

ProcessSlots::Use ProcessSlots::use_of(const Watched& watched) {
    Use use;
    for (const ProcessRow& row : read_process_tree(watched.guest)) {
        use.holders.push_back(row.holder);
        use.threads += row.threads;
        use.anonymous_bytes +=
            row.anonymous_bytes - std::min(row.anonymous_bytes, watched.anonymous_at_start);
        use.shared_bytes = std::max(use.shared_bytes, row.shared_bytes);
    }
    return use;
}

bool ProcessSlots::is_past_memory(const Use& use, const NamelessFiles& nameless) const {
    std::uint64_t limit = plan_.places.memory_bytes_max;
    // Of what is shared a process's count shows no more than it has mapped and touched; some of it
    // may have been given up in between, and is allocated still. Few scripts share many pieces.
    constexpr std::uint64_t kPiecesMax = 16;
    constexpr std::uint64_t kFurtherPieceBytes = std::uint64_t{32} << 20;
    std::uint64_t pieces = nameless.shared_memory_count();
    std::uint64_t shared = nameless.shared_memory_bytes() +
                           (pieces - std::min(pieces, kPiecesMax)) * kFurtherPieceBytes;
    if (use.anonymous_bytes + std::max(use.shared_bytes, shared) <= limit) {
        return false;
    }
    // That counts a page once for each process that has it since a fork. So ask more exactly, which
    // costs more.
    ProportionalBytes exact;
    for (pid_t pid : use.holders) {
        ProportionalBytes of_process = proportional_bytes(pid);
        exact.anonymous += of_process.anonymous;
        exact.shared += of_process.shared;
    }
    return exact.anonymous == 0 || exact.anonymous + std::max(exact.shared, shared) > limit;
}

std::uint64_t ProcessSlots::hidden_count(const NamelessFiles& nameless) {
    if (nameless.hidden_count(known_) > 0) {
        known_ = {};
        known_.add_mapped(::getpid());  // A library may have been replaced on disk since.
    }
    return nameless.hidden_count(known_);
}

bool ProcessSlots::is_past_folder(std::uint32_t slot, std::uint64_t nameless_bytes) {
    jail::FolderUse folder =
        jail::measure_job_folder(job_folder(slot).c_str(), plan_.tmp_inodes_max);
    // One file of the largest size that RLIMIT_FSIZE allows, and a script, must have room.
    std::uint64_t slack = std::max(kFolderSlackMin, plan_.tmp_bytes_max / 16);
    return !folder.is_whole || folder.bytes + nameless_bytes > plan_.tmp_bytes_max + slack;
}

LimitHit ProcessSlots::judge(std::uint32_t slot, Watched& watched) {
    Use use = use_of(watched);
    FileOwner owner(uid_of(slot), has_own_uids());
    NamelessFiles nameless;
    for (pid_t pid : use.holders) {
        nameless.add_open(pid);
    }
    // What is merely on its way through a socket has been received before the next look.
    std::uint64_t unseen = std::min(nameless.in_flight(), watched.in_flight);
    std::uint64_t open_bytes = nameless.open_bytes();
    watched.in_flight = nameless.in_flight();
    // Shared memory can be mapped, filled and mostly given up again between two of those.
    bool has_shared =
        use.shared_bytes != watched.shared_bytes || watched.nameless.shared_memory_count() > 0;
    watched.shared_bytes = use.shared_bytes;
    if (++watched.looks % kLooksForMappings == 0 || has_shared) {
        for (pid_t pid : use.holders) {
            nameless.add_mapped(pid);
        }
        nameless.remember(watched.nameless);
        unseen += hidden_count(nameless);
        watched.nameless = std::move(nameless);
    }
    if (!watched.nameless.is_whole() || is_past_memory(use, watched.nameless)) {
        return LimitHit::kMemory;
    }
    // Nothing tells the size of a file that nobody has open: it may be the largest there can be.
    if (is_past_folder(slot, open_bytes + unseen * largest_file(plan_))) {
        return LimitHit::kFolder;
    }
    return use.threads > plan_.places.processes_max ? LimitHit::kProcesses : LimitHit::kNone;
}

void ProcessSlots::look(const std::function<void(pid_t, LimitHit)>& on_overrun) {
    if (watched_.empty() || Clock::now() < next_look_) {
        return;
    }
    Clock::duration before = own_cpu_time();
    // A process that refuses to be found below its guest (PR_SET_CHILD_SUBREAPER off, then
    // orphaned) is ours now.
    (void)end_strays(is_guest_, {});
    for (auto& [slot, watched] : watched_) {
        LimitHit hit = judge(slot, watched);
        if (hit != LimitHit::kNone) {
            on_overrun(watched.guest, hit);
        }
    }
    next_look_ = Clock::now() +
                 std::max<Clock::duration>(kLookEvery, kShareOfTime * (own_cpu_time() - before));
}

}  // namespace snapjail::zygote
