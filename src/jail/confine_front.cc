#include "jail/confine_front.h"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/syscall.h"
#include "jail/jail_plan.h"
#include "jail/landlock.h"
#include "jail/privileges.h"
#include "jail/seccomp_policy.h"

namespace snapjail::jail {
namespace {

// Not the zygote's 65500: a process may signal others of its own user.
constexpr uid_t kFrontId = 65501;
constexpr int kNamespaces =
    CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

// An empty directory that nothing can be created in becomes the root. Sockets that are open keep
// the network namespace that they were made in.
bool enter_empty_root() {
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
        return false;
    }
    for (const char* folder : {"/tmp", "/mnt", "/var", "/usr"}) {
        if (::mount("tmpfs", folder, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                    "mode=0555,size=4k,nr_inodes=2") == 0) {
            // As in build_root.cc: the old root ends up on top of the new one, and goes.
            return ::chdir(folder) == 0 && ::syscall(SYS_pivot_root, ".", ".") == 0 &&
                   ::umount2(".", MNT_DETACH) == 0 && ::chdir("/") == 0;
        }
    }
    return false;
}

bool become_another_user() {
    return ::setgroups(0, nullptr) == 0 && ::setresgid(kFrontId, kFrontId, kFrontId) == 0 &&
           ::setresuid(kFrontId, kFrontId, kFrontId) == 0;
}

bool forbid_new_processes_and_cores() {
    rlimit none{0, 0};
    // Not RLIMIT_FSIZE: the log may be a file.
    return ::setrlimit(RLIMIT_NPROC, &none) == 0 && ::setrlimit(RLIMIT_CORE, &none) == 0 &&
           ::setrlimit(RLIMIT_MEMLOCK, &none) == 0;
}

Result<void> require(const char* step, bool ok) {
    return ok ? Result<void>() : Error::from_errno(step, errno, "while confining the front");
}

// Takes away what belongs to a user and to namespaces; the names of those layers that stand.
Result<std::vector<std::string>> leave_the_host() {
    bool is_root = ::geteuid() == 0;
    // Root, or by way of file capabilities.
    bool may_change_user =
        is_root || hold_capabilities(capability_set(CAP_SETUID) | capability_set(CAP_SETGID));
    bool has_namespaces = is_root && ::unshare(kNamespaces) == 0;
    bool has_empty_root = has_namespaces && enter_empty_root();
    if (may_change_user) {
        empty_bounding_set();
        TRY(require("change the user", become_another_user()));
    }
    if (!has_namespaces) {
        has_namespaces = ::unshare(CLONE_NEWUSER | kNamespaces) == 0;
        has_empty_root = has_namespaces && enter_empty_root();
        empty_bounding_set();
    }
    std::vector<std::string> layers;
    if (may_change_user) {
        layers.emplace_back("own user");
    }
    if (has_namespaces) {
        layers.emplace_back("namespaces");
    }
    if (has_empty_root) {
        layers.emplace_back("empty root");
    }
    return layers;
}

}  // namespace

Result<std::vector<std::string>> confine_front() {
    // First: it wants memory, and a memfd.
    SeccompProgram filter = TRY(compile_front_filter());
    std::uint32_t abi = landlock_abi();

    TRY(require("take up capabilities", take_up_capabilities()));
    std::vector<std::string> layers = TRY(leave_the_host());
    TRY(require("drop capabilities", drop_capabilities()));
    TRY(require("set rlimits", forbid_new_processes_and_cores()));
    // Changing the user has set both anew: see prctl(2).
    TRY(require("forbid to be traced", ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0));
    TRY(require("die with the parent", ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0));
    TRY(require("set no_new_privs", ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0));
    // After no_new_privs, which it wants, and after the mounts, which it forbids.
    if (abi > 0 && restrict_all_by_landlock(abi) == 0) {
        layers.emplace_back("landlock");
    }
    // Last: it forbids the calls above.
    TRY(require("load the seccomp filter", load_seccomp(filter)));
    // unshare() is free for anybody: that it is refused shows that the filter is in force.
    if (::unshare(0) == 0 || errno != EPERM) {
        return Error::from_errno("verify the seccomp filter", ENOTRECOVERABLE);
    }
    layers.insert(layers.end(), {"no capabilities", "no_new_privs", "rlimits", "seccomp"});
    return layers;
}

}  // namespace snapjail::jail
