#include "jail/guest/confine_guest.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "jail/guest/guest_steps.h"
#include "jail/landlock.h"
#include "jail/privileges.h"

namespace snapjail::jail {
namespace {

bool mount_tmpfs(const char* path, std::uint64_t bytes_max, std::uint64_t inodes_max,
                 unsigned long more_flags) noexcept {
    ShortText options;
    options << "mode=1777,size=" << bytes_max << ",nr_inodes=" << inodes_max;
    return ::mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | more_flags,
                   options.c_str()) == 0;
}

bool mount_all_tmpfs(const JailPlan& plan) noexcept {
    for (std::uint32_t i = 0; i < plan.tmpfs_count; ++i) {
        const TmpfsRule& rule = plan.tmpfs[i];
        if (!mount_tmpfs(rule.path.data(), rule.bytes_max, rule.inodes_max,
                         rule.is_read_only != 0 ? MS_RDONLY : 0)) {
            return false;
        }
    }
    return true;
}

// Over the zygote's own procfs, which stays below and out of reach: nothing here can unmount.
bool mount_proc(const JailPlan& plan) noexcept {
    return plan.has_proc == 0 || ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                                         "subset=pid,hidepid=invisible") == 0;
}

// After what is written to it. The descriptor still leads below what now covers it.
int hide_proc(const JailPlan& plan) noexcept {
    int self = ::open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool is_hidden = plan.shows_proc != 0 || mount_tmpfs("/proc", 4096, 1, MS_RDONLY);
    return is_hidden ? self : -1;
}

// The jail's root is the one guest uid. Without a procfs nothing can be written to uid_map: the
// guest then runs as the overflow uid (65534), with as few rights.
bool map_ids(const JailPlan& plan, int proc_self) noexcept {
    if (plan.has_proc == 0) {
        return true;
    }
    ShortText uid_map;
    uid_map << plan.guest_uid << " 0 1";
    ShortText gid_map;
    gid_map << plan.guest_gid << " 0 1";
    // gVisor has no such file; all capabilities go further down.
    return (write_text_at(proc_self, "setgroups", "deny") || errno == ENOENT) &&
           write_text_at(proc_self, "gid_map", gid_map.view()) &&
           write_text_at(proc_self, "uid_map", uid_map.view());
}

bool set_oom_score(const JailPlan& plan) noexcept {
    ShortText score;
    score << static_cast<std::uint64_t>(plan.oom_score_adj);
    return plan.has_proc == 0 || write_text_at(AT_FDCWD, "/proc/self/oom_score_adj", score.view());
}

SetupFailure verify_credentials(const JailPlan& plan) noexcept {
    auto broken = SetupFailure{SetupStep::kVerify, EPERM};
    if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
        ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_FILTER) {
        return broken;
    }
    if (has_capabilities()) {
        return broken;
    }
    uid_t expected = plan.has_proc != 0 ? plan.guest_uid : 65534;
    if (::getuid() != expected || ::geteuid() != expected || ::getpid() != 1) {
        return broken;
    }
    return {};
}

}  // namespace

SetupFailure confine_guest(const JailPlan& plan, const GuestDescriptors& descriptors) noexcept {
    SetupFailure failed;
    auto require = [&failed](SetupStep step, bool ok) {
        if (!ok && !failed.has_failed()) {
            failed = {step, errno};
        }
        return ok;
    };
    int proc_self = -1;  // Goes with all other descriptors, further down.
    bool ok =
        require(SetupStep::kParentDeath, ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0) &&
        require(SetupStep::kSession, ::setsid() >= 0) &&
        // Before all that costs memory, and before the cgroup namespace, of which it is the root.
        require(SetupStep::kCgroup, cgroup::join(descriptors.cgroup)) &&
        require(SetupStep::kNamespaces,
                ::unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) == 0) &&
        require(SetupStep::kHostname,
                ::sethostname(plan.hostname.data(), ::strlen(plan.hostname.data())) == 0) &&
        require(SetupStep::kTmp, mount_tmpfs("/tmp", plan.tmp_bytes_max, plan.tmp_inodes_max, 0)) &&
        require(SetupStep::kTmpfs, mount_all_tmpfs(plan)) &&
        require(SetupStep::kProc, mount_proc(plan)) &&
        // Before the id changes: afterwards the file belongs to somebody else.
        require(SetupStep::kOomScore, set_oom_score(plan)) &&
        require(SetupStep::kProc, plan.has_proc == 0 || (proc_self = hide_proc(plan)) >= 0) &&
        require(SetupStep::kAffinity, choose_processors(plan)) &&
        require(SetupStep::kPriority, lower_priority(plan)) &&
        // After the mounts, so that the guest holds no right over its own mount namespace, and
        // before the rlimits: the kernel counts NPROC per user namespace, against the creator's
        // limit.
        require(SetupStep::kUserNamespace, ::unshare(CLONE_NEWUSER) == 0) &&
        require(SetupStep::kIdMap, map_ids(plan, proc_self)) &&
        require(SetupStep::kWorkingDirectory, ::chdir(plan.cwd.data()) == 0) &&
        // Before the rlimits: the result's descriptor lies past RLIMIT_NOFILE.
        require(SetupStep::kDescriptors, arrange_descriptors(plan, descriptors)) &&
        require(SetupStep::kRlimits, set_rlimits(plan)) &&
        require(SetupStep::kCapabilities, empty_bounding_set() && drop_capabilities());
    // After the mounts: a Landlock domain forbids mount(2).
    if (ok && plan.landlock_abi > 0) {
        errno = restrict_guest_by_landlock(plan);
        ok = require(SetupStep::kLandlock, errno == 0);
    }
    // Changing credentials has cleared it: see prctl(2).
    ok = ok && require(SetupStep::kParentDeath, ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0);
    if (ok && plan.has_own_policy != 0) {
        // The operator's policy may forbid to ask. What it lets through meets our own filter, which
        // is a part of the same program: one that loads is one that stands.
        failed = verify_credentials(plan);
        ok = !failed.has_failed();
    }
    // Last: it forbids the calls above.
    ok = ok && require(SetupStep::kSeccomp, load_seccomp(plan.guest_filter));
    return !ok || plan.has_own_policy != 0 ? failed : verify_guest(plan);
}

SetupFailure verify_guest(const JailPlan& plan) noexcept {
    if (auto broken = verify_credentials(plan); broken.has_failed()) {
        return broken;
    }
    // Denied by the second filter; were it not loaded, an unprivileged process could do just this.
    if (::unshare(CLONE_NEWUSER) != -1 || errno != EPERM) {
        return {SetupStep::kVerify, EPERM};
    }
    return {};
}

}  // namespace snapjail::jail
