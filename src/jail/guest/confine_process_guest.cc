#include "jail/guest/confine_process_guest.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "jail/guest/guest_steps.h"
#include "jail/guest/verify_guest.h"
#include "jail/landlock.h"
#include "jail/privileges.h"
#include "jail/seccomp_policy.h"

namespace snapjail::jail {
namespace {

constexpr SetupFailure kBroken{SetupStep::kVerify, EPERM};

bool dies_with(pid_t zygote) noexcept {
    // It may have died before the first line: then somebody else is our parent already.
    return ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && ::getppid() == zygote;
}

bool raise_oom_score(const JailPlan& plan) noexcept {
    // A zygote that is not root has lost this by its file system ids (setfsuid), and the file would
    // be root's.
    (void)::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    ShortText score;
    score << static_cast<std::uint64_t>(plan.oom_score_adj);
    // Best effort: a container's /proc may be read-only, and nothing else depends on it.
    (void)write_text_at(AT_FDCWD, "/proc/self/oom_score_adj", score.view());
    return true;
}

uid_t own_uid(const JailPlan& plan, std::uint32_t slot) noexcept {
    return plan.places.slot_uid_first + slot;
}

bool has_own_uid(const JailPlan& plan) noexcept {
    return plan.places.slot_uid_first != 0;
}

bool enter_root(const JailPlan& plan, const ProcessPlace& place) noexcept {
    // Descriptors of folders outside would lead out again: arrange_descriptors has closed them all.
    return plan.places.has_roots == 0 || (::chroot(place.folder) == 0 && ::chdir("/") == 0);
}

bool enter_job_folder(const JailPlan& plan, const ProcessPlace& place) noexcept {
    return ::chdir(plan.places.has_roots != 0 ? plan.cwd.data() : place.folder) == 0;
}

bool take_own_uid(const JailPlan& plan, std::uint32_t slot) noexcept {
    if (!has_own_uid(plan)) {
        return true;
    }
    uid_t id = own_uid(plan, slot);
    return ::setgroups(0, nullptr) == 0 && ::setresgid(id, id, id) == 0 &&
           ::setresuid(id, id, id) == 0;
}

// Zero or an errno.
int restrict_by_landlock(const JailPlan& plan, const ProcessPlace& place) noexcept {
    if (plan.landlock_abi == 0) {
        return 0;
    }
    return restrict_placed_guest_by_landlock(plan,
                                             plan.places.has_roots != 0 ? "/tmp" : place.folder);
}

// With this process's number in place of the mark. A copy: the plan is not ours to change.
bool load_own_filter(const JailPlan& plan) noexcept {
    static SeccompProgram own;
    auto number = static_cast<std::uint32_t>(::getpid());
    own.count = plan.guest_filter.count;
    for (std::uint32_t i = 0; i < own.count; ++i) {
        sock_filter instruction = plan.guest_filter.instructions[i];
        instruction.k = compares_with_own_pid(instruction) ? number : instruction.k;
        own.instructions[i] = instruction;
    }
    return load_seccomp(own);
}

bool has_expected_ids(const JailPlan& plan, std::uint32_t slot) noexcept {
    uid_t real = 0;
    uid_t effective = 0;
    uid_t saved = 0;
    gid_t real_group = 0;
    gid_t effective_group = 0;
    gid_t saved_group = 0;
    if (::getresuid(&real, &effective, &saved) != 0 ||
        ::getresgid(&real_group, &effective_group, &saved_group) != 0) {
        return false;
    }
    if (!has_own_uid(plan)) {
        return real != 0 && real == effective && real == saved;
    }
    uid_t id = own_uid(plan, slot);
    return real == id && effective == id && saved == id && real_group == id &&
           effective_group == id && saved_group == id && ::getgroups(0, nullptr) == 0;
}

// What is asked before the guest's own filter, which forbids these questions.
bool do_process_walls_stand(const JailPlan& plan) noexcept {
    int death_signal = 0;
    return ::prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0) == 0 && death_signal == SIGKILL &&
           // An id of its own takes capabilities, and with those the bounding set can be emptied.
           !(has_own_uid(plan) && has_bounding_capabilities()) && are_rlimits_set(plan);
}

SetupFailure verify(const JailPlan& plan, const ProcessPlace& place) noexcept {
    if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || !do_filters_stand(plan) ||
        has_capabilities() || !has_expected_ids(plan, place.slot)) {
        return kBroken;
    }
    struct stat status {};
    // In a root of its own there is no procfs; outside one, Landlock keeps it out of reach.
    bool is_out = plan.places.has_roots != 0 ? ::stat("/proc/self", &status) == 0
                                             : ::open("/proc/self/status", O_RDONLY) >= 0;
    if (is_out) {
        return kBroken;
    }
    // Free for anybody; denied by the guest's own filter, which has thus been loaded.
    if (::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != -1 || errno != EPERM) {
        return kBroken;
    }
    return {};
}

}  // namespace

SetupFailure confine_process_guest(const JailPlan& plan, const ProcessPlace& place,
                                   const GuestDescriptors& descriptors) noexcept {
    SetupFailure failed;
    auto require = [&failed](SetupStep step, bool ok) {
        if (!ok && !failed.has_failed()) {
            failed = {step, errno};
        }
        return ok;
    };
    ::umask(0022);
    bool ok =
        require(SetupStep::kParentDeath, dies_with(place.zygote)) &&
        require(SetupStep::kSession, ::setsid() >= 0) &&
        require(SetupStep::kCgroup, cgroup::join(descriptors.cgroup)) &&
        // What the script leaves behind stays below it, and is found from outside.
        require(SetupStep::kSubreaper, ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0) &&
        require(SetupStep::kOomScore, raise_oom_score(plan)) &&
        require(SetupStep::kAffinity, choose_processors(plan)) &&
        require(SetupStep::kPriority, lower_priority(plan)) &&
        // Before the chroot: /dev/null, and nothing that leads out is open any more. Before
        // the rlimits: the result's descriptor lies past RLIMIT_NOFILE.
        require(SetupStep::kDescriptors, arrange_descriptors(plan, descriptors)) &&
        require(SetupStep::kChroot, enter_root(plan, place)) &&
        require(SetupStep::kRlimits, set_rlimits(plan)) &&
        // Before the id: it wants CAP_SETPCAP. What is effective stays until then.
        require(SetupStep::kCapabilities, !has_own_uid(plan) || empty_bounding_set()) &&
        require(SetupStep::kCredentials, take_own_uid(plan, place.slot)) &&
        // After the id: the folder is nobody else's, not even of a root that has few capabilities.
        require(SetupStep::kWorkingDirectory, enter_job_folder(plan, place)) &&
        require(SetupStep::kCapabilities, drop_capabilities());
    if (ok) {
        errno = restrict_by_landlock(plan, place);
        ok = require(SetupStep::kLandlock, errno == 0);
    }
    // Changing the id has cleared both: see prctl(2). Dumpable, so that the zygote may read how
    // much memory is the job's own; other jobs have another id, or Landlock between.
    ok = ok && require(SetupStep::kParentDeath, dies_with(place.zygote)) &&
         require(SetupStep::kParentDeath, ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
    if (ok && !do_process_walls_stand(plan)) {
        return kBroken;
    }
    ok = ok &&
         // Last: it forbids the calls above.
         require(SetupStep::kSeccomp, load_own_filter(plan));
    return ok ? verify(plan, place) : failed;
}

}  // namespace snapjail::jail
