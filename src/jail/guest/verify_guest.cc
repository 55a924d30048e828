#include "jail/guest/verify_guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "jail/guest/confine_guest.h"
#include "jail/privileges.h"

namespace snapjail::jail {
namespace {

struct NamespaceRow {
    Layer layer;
    const char* name;
};
constexpr std::array<NamespaceRow, 5> kOwnNamespaces{{{Layer::kUserNamespace, "ns/user"},
                                                      {Layer::kMountNamespace, "ns/mnt"},
                                                      {Layer::kIpcNamespace, "ns/ipc"},
                                                      {Layer::kUtsNamespace, "ns/uts"},
                                                      {Layer::kCgroupNamespace, "ns/cgroup"}}};
constexpr uid_t kOverflowId = 65534;  // What the kernel calls an id that is not mapped.
// Where no procfs lists them. Whatever is inherited lies low: descriptors are given out so.
constexpr int kDescriptorsTriedPastResult = 64;

bool inode_at(int folder, const char* path, ino_t& inode) noexcept {
    struct stat status {};
    if (::fstatat(folder, path, &status, 0) != 0) {
        return false;
    }
    inode = status.st_ino;
    return true;
}

// gVisor has no cgroup namespaces to show: 0, before and after.
bool namespace_at(int proc_self, const char* name, ino_t& inode) noexcept {
    inode = 0;
    return inode_at(proc_self, name, inode) || errno == ENOENT;
}

bool is_planned(const JailPlan& plan, int fd, int listing) noexcept {
    return (fd >= 0 && fd <= kJobFd) || fd == plan.result_fd || fd == listing;
}

struct DirectoryEntry {  // As getdents64(2) has it; the name follows.
    std::uint64_t inode;
    std::int64_t offset;
    std::uint16_t bytes;
    std::uint8_t type;
};
constexpr std::size_t kNameOffset = 19;

bool are_listed_as_planned(const JailPlan& plan, int listing) noexcept {
    int seen = 0;
    for (;;) {
        alignas(std::uint64_t) std::array<char, 2048> buffer{};
        long size = ::syscall(SYS_getdents64, listing, buffer.data(), buffer.size());
        if (size <= 0) {
            // 0 to kJobFd, the result's and this one.
            return size == 0 && seen == kJobFd + 3;
        }
        for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
            DirectoryEntry entry{};
            std::memcpy(&entry, buffer.data() + at, kNameOffset);
            const char* name = buffer.data() + at + kNameOffset;
            int fd = -1;
            bool is_number = std::from_chars(name, name + ::strlen(name), fd).ec == std::errc();
            if (is_number && !is_planned(plan, fd, listing)) {
                return false;
            }
            seen += is_number ? 1 : 0;
            at += entry.bytes;
        }
    }
}

bool are_ids_planned(const JailPlan& plan) noexcept {
    bool is_mapped = plan.has_proc != 0;
    bool has_own = plan.layers.is_expected(Layer::kUserNamespace);
    uid_t uid = !has_own ? 0 : is_mapped ? plan.guest_uid : kOverflowId;
    gid_t gid = !has_own ? 0 : is_mapped ? plan.guest_gid : kOverflowId;
    std::array<uid_t, 3> uids{};
    std::array<gid_t, 3> gids{};
    return ::getresuid(&uids[0], &uids[1], &uids[2]) == 0 &&
           ::getresgid(&gids[0], &gids[1], &gids[2]) == 0 &&
           uids == std::array<uid_t, 3>{uid, uid, uid} &&
           gids == std::array<gid_t, 3>{gid, gid, gid} &&
           // An ordinary user's groups stay: only root may leave them.
           (plan.keeps_groups != 0 || ::getgroups(0, nullptr) == 0);
}

bool is_mounted(const char* path, long type, unsigned long flags) noexcept {
    struct statfs found {};
    return ::statfs(path, &found) == 0 && found.f_type == type &&
           (static_cast<unsigned long>(found.f_flags) & flags) == flags;
}

bool are_mounts_planned(const JailPlan& plan) noexcept {
    constexpr unsigned long kBare = ST_NOSUID | ST_NODEV | ST_NOEXEC;
    auto expects = [&plan](Layer layer) { return plan.layers.is_expected(layer); };
    if (expects(Layer::kReadOnlyRoot) && !is_mounted("/", TMPFS_MAGIC, ST_RDONLY)) {
        return false;
    }
    if (expects(Layer::kPrivateTmpfs) && !is_mounted("/tmp", TMPFS_MAGIC, kBare)) {
        return false;
    }
    // The zygote's shows every guest; ours is told by what it hides, where it can hide it.
    bool has_procfs = plan.has_proc != 0 && plan.shows_proc != 0;
    return !has_procfs || !expects(Layer::kPrivateProcfs) ||
           (is_mounted("/proc", PROC_SUPER_MAGIC, kBare) &&
            (plan.proc_shows_system != 0 ||
             (::access("/proc/version", F_OK) != 0 && errno == ENOENT)));
}

// Writing to one's own name is anybody's right, and Landlock's to refuse. Where no procfs shows it
// there is nothing to try it on.
bool does_landlock_stand(const JailPlan& plan) noexcept {
    if (plan.landlock_abi == 0 || plan.has_proc == 0 || plan.shows_proc == 0) {
        return true;
    }
    int fd = ::open("/proc/self/comm", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == EACCES;
    }
    ::close(fd);
    return false;
}

}  // namespace

bool note_namespaces(int proc_self, NamespaceInodes& own) noexcept {
    for (std::size_t i = 0; i < kOwnNamespaces.size(); ++i) {
        if (!namespace_at(proc_self, kOwnNamespaces[i].name, own.own[i])) {
            return false;
        }
    }
    struct stat proc {};
    bool is_known = ::stat("/proc", &proc) == 0;
    own.procfs = proc.st_dev;
    return is_known;
}

bool are_namespaces_own(const JailPlan& plan, int proc_self, const NamespaceInodes& zygotes,
                        int network) noexcept {
    if (plan.layers.is_expected(Layer::kPidNamespace) && ::getpid() != 1) {
        return false;
    }
    if (plan.has_proc == 0) {
        return true;
    }
    NamespaceInodes now{};
    if (!note_namespaces(proc_self, now)) {
        return false;
    }
    for (std::size_t i = 0; i < kOwnNamespaces.size(); ++i) {
        if ((now.own[i] == 0) != (zygotes.own[i] == 0) ||
            (now.own[i] != 0 && now.own[i] == zygotes.own[i] &&
             plan.layers.is_expected(kOwnNamespaces[i].layer))) {
            return false;
        }
    }
    if (now.procfs == zygotes.procfs && plan.layers.is_expected(Layer::kPrivateProcfs)) {
        return false;
    }
    if (!plan.layers.is_expected(Layer::kNetworkNamespace)) {
        return true;
    }
    struct stat slots {};
    ino_t own_network = 0;
    return ::fstat(network, &slots) == 0 && inode_at(proc_self, "ns/net", own_network) &&
           own_network == slots.st_ino;
}

bool are_descriptors_as_planned(const JailPlan& plan, int listing) noexcept {
    if (!plan.layers.is_expected(Layer::kClosedDescriptors)) {
        return true;
    }
    if (listing >= 0) {
        return are_listed_as_planned(plan, listing);
    }
    for (int fd = 0; fd < plan.result_fd + kDescriptorsTriedPastResult; ++fd) {
        if ((::fcntl(fd, F_GETFD) >= 0) != is_planned(plan, fd, listing)) {
            return false;
        }
    }
    return true;
}

bool are_rlimits_set(const JailPlan& plan) noexcept {
    for (std::uint32_t i = 0; i < plan.rlimit_count; ++i) {
        const RlimitRule& rule = plan.rlimits[i];
        rlimit value{};
        if (::getrlimit(static_cast<__rlimit_resource_t>(rule.resource), &value) != 0 ||
            value.rlim_cur != rule.soft || value.rlim_max != rule.hard) {
            return false;
        }
    }
    return true;
}

bool do_walls_stand(const JailPlan& plan) noexcept {
    auto expects = [&plan](Layer layer) { return plan.layers.is_expected(layer); };
    if (expects(Layer::kNoNewPrivs) && ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
        return false;
    }
    if (expects(Layer::kNoCapabilities) && (has_capabilities() || has_bounding_capabilities())) {
        return false;
    }
    int death_signal = 0;
    return ::prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0) == 0 && death_signal == SIGKILL &&
           are_ids_planned(plan) && (!expects(Layer::kRlimits) || are_rlimits_set(plan)) &&
           are_mounts_planned(plan) && (!expects(Layer::kLandlock) || does_landlock_stand(plan));
}

bool do_filters_stand(const JailPlan& plan) noexcept {
    if (!plan.layers.is_expected(Layer::kSeccomp)) {
        return true;
    }
    if (::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_FILTER) {
        return false;
    }
    // Not on the zygote's list, so answered ENOSYS; the kernel itself would say EINVAL.
    if (::syscall(SYS_clone3, nullptr, 0) != -1 || errno != ENOSYS) {
        return false;
    }
    // Denied by the second filter; were it not loaded, an unprivileged process could do just this.
    return ::unshare(CLONE_NEWUSER) == -1 && errno == EPERM;
}

}  // namespace snapjail::jail
