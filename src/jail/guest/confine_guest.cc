#include "jail/guest/confine_guest.h"

#include <fcntl.h>
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
#include "jail/guest/verify_guest.h"
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

bool make_namespaces(const JailPlan& plan) noexcept {
    unsigned long flags = standing_namespaces(
        plan.layers, CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP);
    return ::unshare(static_cast<int>(flags)) == 0;
}

bool set_hostname(const JailPlan& plan) noexcept {
    return ::sethostname(plan.hostname.data(), ::strlen(plan.hostname.data())) == 0;
}

// Over the zygote's own procfs, which stays below and out of reach: nothing here can unmount.
bool mount_proc(const JailPlan& plan) noexcept {
    return plan.has_proc == 0 || !plan.layers.stands(Layer::kPrivateProcfs) ||
           ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
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
    if (plan.has_proc == 0 || !plan.layers.stands(Layer::kUserNamespace)) {
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

// Should the filter fall: in the guest's own user namespace no other can be made, and so no other
// namespace of any kind. The file is looked up anew, for it is a different one in each.
bool forbid_user_namespaces(const JailPlan& plan, int settings) noexcept {
    return plan.has_proc == 0 || settings < 0 || !plan.layers.stands(Layer::kUserNamespace) ||
           write_text_at(settings, "max_user_namespaces", "0");
}

bool set_oom_score(const JailPlan& plan) noexcept {
    ShortText score;
    score << static_cast<std::uint64_t>(plan.oom_score_adj);
    return plan.has_proc == 0 || write_text_at(AT_FDCWD, "/proc/self/oom_score_adj", score.view());
}

// The steps, in order: the first that fails is the one that is told.
class Steps {
  public:
    bool require(SetupStep step, bool ok) noexcept {
        if (!ok && !failed_.has_failed()) {
            failed_ = {step, errno};
        }
        return ok;
    }
    // An answer that is wrong has no errno.
    bool verify(bool ok) noexcept {
        errno = ok ? errno : ENOTRECOVERABLE;
        return require(SetupStep::kVerify, ok);
    }
    const SetupFailure& failed() const { return failed_; }

  private:
    SetupFailure failed_;
};

// `proc_self` goes with all other descriptors, further down.
bool enter_own_namespaces(const JailPlan& plan, const GuestDescriptors& descriptors,
                          const ZygoteView& zygote, Steps& steps, int& proc_self) noexcept {
    auto stands = [&plan](Layer layer) { return plan.layers.stands(layer); };
    return steps.require(SetupStep::kParentDeath,
                         ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0) &&
           steps.require(SetupStep::kSession, ::setsid() >= 0) &&
           // Before all that costs memory, and before the cgroup namespace, of which it is the
           // root.
           steps.require(SetupStep::kCgroup, cgroup::join(descriptors.cgroup)) &&
           steps.require(SetupStep::kNamespaces, make_namespaces(plan)) &&
           steps.require(SetupStep::kHostname,
                         !stands(Layer::kUtsNamespace) || set_hostname(plan)) &&
           steps.require(SetupStep::kTmp,
                         !stands(Layer::kPrivateTmpfs) ||
                             mount_tmpfs("/tmp", plan.tmp_bytes_max, plan.tmp_inodes_max, 0)) &&
           steps.require(SetupStep::kTmpfs, mount_all_tmpfs(plan)) &&
           steps.require(SetupStep::kProc, mount_proc(plan)) &&
           // Before the id changes: afterwards the file belongs to somebody else.
           steps.require(SetupStep::kOomScore, set_oom_score(plan)) &&
           steps.require(SetupStep::kProc,
                         plan.has_proc == 0 || (proc_self = hide_proc(plan)) >= 0) &&
           steps.require(SetupStep::kAffinity, choose_processors(plan)) &&
           steps.require(SetupStep::kPriority, lower_priority(plan)) &&
           // After the mounts, so that the guest holds no right over its own mount namespace, and
           // before the rlimits: the kernel counts NPROC per user namespace, against the creator's
           // limit.
           steps.require(SetupStep::kUserNamespace,
                         !stands(Layer::kUserNamespace) || ::unshare(CLONE_NEWUSER) == 0) &&
           steps.require(SetupStep::kIdMap, map_ids(plan, proc_self)) &&
           steps.require(SetupStep::kUserNamespace,
                         forbid_user_namespaces(plan, zygote.user_settings)) &&
           steps.verify(
               are_namespaces_own(plan, proc_self, zygote.namespaces, descriptors.network));
}

bool give_up_rights(const JailPlan& plan, Steps& steps) noexcept {
    auto stands = [&plan](Layer layer) { return plan.layers.stands(layer); };
    bool ok =
        steps.require(SetupStep::kRlimits, !stands(Layer::kRlimits) || set_rlimits(plan)) &&
        steps.require(SetupStep::kCapabilities, !stands(Layer::kNoCapabilities) ||
                                                    (empty_bounding_set() && drop_capabilities()));
    // After the mounts: a Landlock domain forbids mount(2).
    if (ok && plan.landlock_abi > 0 && stands(Layer::kLandlock)) {
        errno = restrict_guest_by_landlock(plan);
        ok = steps.require(SetupStep::kLandlock, errno == 0);
    }
    // Changing credentials has cleared it: see prctl(2).
    return ok &&
           steps.require(SetupStep::kParentDeath, ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0);
}

}  // namespace

bool look_at_zygote(const JailPlan& plan, int proc_self, ZygoteView& view) noexcept {
    if (plan.has_proc == 0) {
        return true;
    }
    // The zygote's procfs has them, a guest's own has not.
    view.user_settings = ::open("/proc/sys/user", O_PATH | O_DIRECTORY | O_CLOEXEC);
    // A kernel without sysctls, or without a procfs to show them.
    bool is_settled = view.user_settings >= 0 || errno == ENOENT;
    return is_settled && note_namespaces(proc_self, view.namespaces);
}

SetupFailure confine_guest(const JailPlan& plan, const GuestDescriptors& descriptors,
                           const ZygoteView& zygote) noexcept {
    Steps steps;
    int proc_self = -1;
    bool ok =
        enter_own_namespaces(plan, descriptors, zygote, steps, proc_self) &&
        steps.require(SetupStep::kWorkingDirectory, ::chdir(plan.cwd.data()) == 0) &&
        // Before the rlimits: the result's descriptor lies past RLIMIT_NOFILE.
        steps.require(SetupStep::kDescriptors, arrange_descriptors(plan, descriptors, proc_self)) &&
        give_up_rights(plan, steps) && steps.verify(do_walls_stand(plan)) &&
        // Last: it forbids the calls above.
        steps.require(SetupStep::kSeccomp,
                      !plan.layers.stands(Layer::kSeccomp) || load_seccomp(plan.guest_filter));
    // The operator's policy may forbid to ask. What it lets through meets our own filter, which is
    // a part of the same program: one that loads is one that stands.
    if (ok && plan.has_own_policy == 0) {
        steps.verify(do_filters_stand(plan));
    }
    return steps.failed();
}

}  // namespace snapjail::jail
