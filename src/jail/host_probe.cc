#include "jail/host_probe.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/syscall.h"
#include "jail/cgroup/slots.h"
#include "jail/landlock.h"
#include "jail/privileges.h"
#include "jail/seccomp_policy.h"

namespace snapjail::jail {
namespace {

constexpr int kTried = 0;
// An errno that no kernel returns: the child was ended by a signal, a seccomp filter's most likely.
constexpr int kKilled = 4096;

// The remedies. A container's own seccomp filter forbids namespaces; with CAP_SYS_ADMIN it allows
// them, and still no pivot_root: docs/adr/011.
constexpr std::string_view kAllowNamespaces =
    "docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined, and "
    "--security-opt apparmor=unconfined where AppArmor is in force; "
    "Kubernetes: hostUsers: false with seccompProfile Unconfined";
constexpr std::string_view kUnmaskProc =
    "docker run --security-opt systempaths=unconfined; Kubernetes: procMount: Unmasked";
constexpr std::string_view kUseKernelSeccomp = "a kernel with CONFIG_SECCOMP_FILTER";

// The image's program has them as file capabilities, for those who are not root: docs/adr/009.
constexpr std::string_view kGiveSlotKeepers =
    "start as root, or the image as anybody, with the capabilities SETUID, SETGID and SYS_CHROOT "
    "(Docker gives them, --cap-drop takes them) and without no-new-privileges";

constexpr std::string_view kAllowCgroups =
    "docker run --privileged --cgroupns=host; systemd: Delegate=memory pids cpu";

// What a probe does in its child, with all namespaces that a zygote has. Not one of them allocates.
using Attempt = int (*)() noexcept;

int outcome(bool ok) noexcept {
    return ok ? kTried : errno;
}

int try_nothing() noexcept {
    return kTried;
}

bool mount_private_tmpfs() noexcept {
    return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=4k") == 0;
}

int try_tmpfs() noexcept {
    return outcome(mount_private_tmpfs());
}

int try_pivot_root() noexcept {
    return outcome(mount_private_tmpfs() && ::chdir("/tmp") == 0 &&
                   ::syscall(SYS_pivot_root, ".", ".") == 0 && ::umount2(".", MNT_DETACH) == 0);
}

int try_proc() noexcept {
    return outcome(mount_private_tmpfs() && ::chdir("/tmp") == 0 && ::mkdir("proc", 0555) == 0 &&
                   ::mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0);
}

// unshare, not clone: gVisor takes the flag only here.
int try_cgroup_namespace() noexcept {
    return outcome(::unshare(CLONE_NEWCGROUP) == 0);
}

// As bind_source.cc does it where the kernel has no open_tree.
int try_read_only_bind() noexcept {
    constexpr unsigned long kReadOnly = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;
    return outcome(mount_private_tmpfs() && ::mkdir("/tmp/usr", 0755) == 0 &&
                   ::mount("/usr", "/tmp/usr", nullptr, MS_BIND, nullptr) == 0 &&
                   ::mount(nullptr, "/tmp/usr", nullptr, kReadOnly, nullptr) == 0);
}

int try_read_only_tree() noexcept {
    // open_tree, OPEN_TREE_CLONE | AT_RECURSIVE of /usr: as build_root.cc does with what it binds.
    long tree = ::syscall(SYS_open_tree, AT_FDCWD, "/usr", 1 | AT_RECURSIVE);
    if (tree < 0) {
        return errno == ENOSYS ? try_read_only_bind() : errno;
    }
    struct {
        std::uint64_t set = 1;  // MOUNT_ATTR_RDONLY
        std::uint64_t clear = 0;
        std::uint64_t propagation = 0;
        std::uint64_t user_namespace = 0;
    } attributes;
    return outcome(::syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                             sizeof(attributes)) == 0);
}

int try_no_new_privs() noexcept {
    return outcome(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

int try_landlock() noexcept {
    (void)try_no_new_privs();
    std::uint32_t abi = landlock_abi();
    return abi == 0 ? ENOSYS : restrict_all_by_landlock(abi);
}

int try_rlimits() noexcept {
    for (auto resource : {RLIMIT_AS, RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NPROC, RLIMIT_NOFILE,
                          RLIMIT_CORE, RLIMIT_MEMLOCK}) {
        rlimit limit{};
        if (::getrlimit(resource, &limit) != 0 || ::setrlimit(resource, &limit) != 0) {
            return errno;
        }
    }
    return kTried;
}

int try_own_uid() noexcept {
    constexpr uid_t kSome = 65502;  // Mapped in every container, and nobody's: see launcher.cc.
    return outcome(::syscall(SYS_setgroups, 0, nullptr) == 0 &&
                   ::syscall(SYS_setresgid, kSome, kSome, kSome) == 0 &&
                   ::syscall(SYS_setresuid, kSome, kSome, kSome) == 0);
}

int try_chroot() noexcept {
    return outcome(::chroot("/") == 0);
}

struct MappedIds {
    std::string uid_map;
    std::string gid_map;
};

// Inside root, outside whoever asks; by the parent, as the launcher does it.
int map_ids(pid_t child) {
    std::string folder = "/proc/" + std::to_string(child);
    // gVisor has no such file.
    if (::geteuid() != 0 && ::access((folder + "/setgroups").c_str(), F_OK) == 0) {
        auto denied = write_file(folder + "/setgroups", "deny");
        if (!denied) {
            return denied.error().sys_errno;
        }
    }
    auto uids = write_file(folder + "/uid_map", "0 " + std::to_string(::geteuid()) + " 1");
    auto gids = write_file(folder + "/gid_map", "0 " + std::to_string(::getegid()) + " 1");
    return !uids ? uids.error().sys_errno : !gids ? gids.error().sys_errno : kTried;
}

[[noreturn]] void attempt_in_child(int go_pipe, int report_pipe, Attempt attempt) noexcept {
    char go = 0;
    int result = ECHILD;
    if (::read(go_pipe, &go, 1) == 1) {
        result = attempt();
    }
    [[maybe_unused]] ssize_t ignored = ::write(report_pipe, &result, sizeof(result));
    ::_exit(0);
}

// 0, or the errno of the first thing that failed, in a child with `namespaces` of its own.
Result<int> try_in_child(unsigned long namespaces, Attempt attempt) {
    Pipe go = TRY(make_pipe());
    Pipe report = TRY(make_pipe());
    // Not glibc's fork(): it takes no flags. One thread, and the child allocates nothing.
    pid_t child = static_cast<pid_t>(
        ::syscall(SYS_clone, namespaces | SIGCHLD, nullptr, nullptr, nullptr, 0));
    if (child < 0) {
        return errno;
    }
    if (child == 0) {
        attempt_in_child(go.read_end.get(), report.write_end.get(), attempt);
    }
    report.write_end.reset();
    int mapped = (namespaces & CLONE_NEWUSER) != 0 ? map_ids(child) : kTried;
    if (mapped == kTried) {
        (void)retry_eintr("write", [&] { return ::write(go.write_end.get(), "g", 1); });
    } else {
        ::kill(child, SIGKILL);
    }
    int result = kKilled;
    auto size =
        retry_eintr("read", [&] { return ::read(report.read_end.get(), &result, sizeof(result)); });
    (void)retry_eintr("waitpid", [&] { return ::waitpid(child, nullptr, 0); });
    if (mapped != kTried) {
        return mapped;
    }
    return size && *size == sizeof(result) ? result : kKilled;
}

struct ProbeRow {
    const char* name;
    unsigned long namespaces;
    Attempt attempt;
    std::string_view remedy;
    Need need = Need::kRequired;
};

constexpr unsigned long kUser = CLONE_NEWUSER;
constexpr unsigned long kMounts = CLONE_NEWUSER | CLONE_NEWNS;

// The user namespace first: most others need it.
constexpr ProbeRow kRows[] = {
    {"user namespace", kUser, try_nothing, kAllowNamespaces},
    {"mount namespace", kMounts, try_nothing, kAllowNamespaces},
    {"pid namespace", kUser | CLONE_NEWPID, try_nothing, kAllowNamespaces},
    {"network namespace", kUser | CLONE_NEWNET, try_nothing, kAllowNamespaces},
    {"ipc namespace", kUser | CLONE_NEWIPC, try_nothing, kAllowNamespaces},
    {"uts namespace", kUser | CLONE_NEWUTS, try_nothing, kAllowNamespaces},
    {"cgroup namespace", kUser, try_cgroup_namespace, kAllowNamespaces},
    {"private tmpfs", kMounts, try_tmpfs,
     "docker run --security-opt apparmor=unconfined; Ubuntu 23.10 and later: the package's "
     "AppArmor profile (docs/systemd.md)"},
    {"read-only binds", kMounts, try_read_only_tree,
     "a kernel from 5.12 on, and a container's seccomp filter that allows mount_setattr"},
    {"pivot_root", kMounts, try_pivot_root,
     "docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined (Docker's "
     "own filter has no pivot_root, whatever the capabilities)"},
    {"procfs", kMounts | CLONE_NEWPID, try_proc, kUnmaskProc, Need::kInformative},
    {"no_new_privs", 0, try_no_new_privs, "a kernel from 3.5 on"},
    {"rlimits", 0, try_rlimits, "a container's seccomp filter that allows setrlimit"},
    {"landlock", 0, try_landlock,
     "a kernel from 5.13 on, with lsm=landlock,... on its command line", Need::kInformative},
};

constexpr ProbeRow kProcessRows[] = {
    {kOwnUidsLayer, 0, try_own_uid, kGiveSlotKeepers, Need::kInformative},
    {kOwnRootsLayer, 0, try_chroot, kGiveSlotKeepers, Need::kInformative},
    {"no_new_privs", 0, try_no_new_privs, "a kernel from 3.5 on"},
    {"rlimits", 0, try_rlimits, "a container's seccomp filter that allows setrlimit"},
    {"landlock", 0, try_landlock,
     "a kernel from 5.13 on, with lsm=landlock,... on its command line", Need::kInformative},
};

std::string why_failed(int error) {
    return error == kKilled ? "the attempt was killed, by a seccomp filter most likely"
                            : std::strerror(error);
}

std::optional<std::string> sysctl_value(const char* path) {
    auto text = read_file(path, 64);
    if (!text) {
        return std::nullopt;
    }
    return text->substr(0, text->find('\n'));
}

// A setting that forbids an ordinary user's namespaces where it has the value `bad`.
struct Sysctl {
    const char* path;
    const char* name;
    const char* bad;
    std::string_view remedy;
};
constexpr Sysctl kSysctls[] = {
    {"/proc/sys/user/max_user_namespaces", "user.max_user_namespaces", "0",
     "sysctl -w user.max_user_namespaces=65536"},
    {"/proc/sys/kernel/unprivileged_userns_clone", "kernel.unprivileged_userns_clone", "0",
     "sysctl -w kernel.unprivileged_userns_clone=1"},
};
// This one lets them be made, and worth nothing; a profile lifts it for one program.
constexpr Sysctl kRestriction = {
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    "kernel.apparmor_restrict_unprivileged_userns", "1",
    "the package's AppArmor profile (docs/systemd.md); with sysctl -w "
    "kernel.apparmor_restrict_unprivileged_userns=0 every program may make them"};

const Sysctl* find_forbidding_sysctl(const ProbeRow& row, int error) {
    for (const Sysctl& sysctl : kSysctls) {
        if (sysctl_value(sysctl.path) == sysctl.bad) {
            return &sysctl;
        }
    }
    // Where the namespace itself is refused with EPERM it is a container's filter that does so.
    bool can_be_restriction = row.namespaces != kUser || error == EACCES;
    return can_be_restriction && sysctl_value(kRestriction.path) == kRestriction.bad ? &kRestriction
                                                                                     : nullptr;
}

HostLayer examine(const ProbeRow& row) {
    HostLayer layer{.name = row.name, .need = row.need, .detail = {}, .remedy = {}};
    auto tried = try_in_child(row.namespaces, row.attempt);
    int error = tried ? *tried : tried.error().sys_errno;
    layer.stands = error == kTried;
    if (layer.stands) {
        layer.detail = row.attempt == try_landlock ? "ABI " + std::to_string(landlock_abi()) : "";
        return layer;
    }
    layer.detail = why_failed(error);
    layer.remedy = row.remedy;
    const Sysctl* sysctl = find_forbidding_sysctl(row, error);
    if ((row.namespaces & CLONE_NEWUSER) != 0 && sysctl != nullptr) {
        layer.detail += std::string("; ") + sysctl->name + " is " + sysctl->bad;
        layer.remedy = sysctl->remedy;
    }
    return layer;
}

// Not tried: it would only say once more what the user namespace has said.
HostLayer in_want_of_user_namespace(const ProbeRow& row) {
    return {.name = row.name,
            .need = row.need,
            .detail = "it needs a user namespace",
            .remedy = "as for that"};
}

// Set before the fork, for a child that must not allocate.
SeccompProgram program_to_try;

int try_seccomp() noexcept {
    (void)try_no_new_privs();
    return outcome(load_seccomp(program_to_try));
}

HostLayer examine_seccomp() {
    auto program = compile_guest_filter();
    if (!program) {
        return {.name = "seccomp",
                .detail = program.error().to_string(),
                .remedy = std::string(kUseKernelSeccomp)};
    }
    program_to_try = *program;
    return examine({"seccomp", 0, try_seccomp, kUseKernelSeccomp});
}

// Makes one slot's cgroups, moves a process into them, and removes them.
HostLayer examine_cgroups() {
    cgroup::Limits all;
    all.cpu_ms_per_second = 1000;  // Only tried where somebody wants it.
    cgroup::Slots cgroups = cgroup::make_slots({.limits = all, .slots = 1, .guest_id = {}});
    HostLayer layer{.name = "cgroup limits",
                    .need = Need::kInformative,
                    .stands = !cgroups.bounds_nothing(),
                    .detail = cgroups.summary(),
                    .remedy = {}};
    if (!layer.stands) {
        layer.detail = "rlimits bound each process, nothing their sum" +
                       (cgroups.obstacles().empty() ? "" : ": " + cgroups.obstacles());
        layer.remedy = kAllowCgroups;
    }
    return layer;
}

}  // namespace

bool stands(const std::vector<HostLayer>& layers, std::string_view name) {
    return std::any_of(layers.begin(), layers.end(),
                       [&](const HostLayer& layer) { return layer.name == name && layer.stands; });
}

std::vector<HostLayer> probe_process_host() {
    std::vector<HostLayer> layers;
    for (const ProbeRow& row : kProcessRows) {
        layers.push_back(examine(row));
    }
    layers.push_back(examine_seccomp());
    return layers;
}

std::vector<HostLayer> probe_host() {
    std::vector<HostLayer> layers;
    for (const ProbeRow& row : kRows) {
        bool wants_user_namespace = (row.namespaces & CLONE_NEWUSER) != 0 && !layers.empty();
        layers.push_back(wants_user_namespace && !layers.front().stands
                             ? in_want_of_user_namespace(row)
                             : examine(row));
    }
    layers.push_back(examine_seccomp());
    layers.push_back(examine_cgroups());
    return layers;
}

}  // namespace snapjail::jail
