// What is judged beside all else where a guest shares with others: by the evaluator, and by the
// kernel in a child.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>

#include "jail/child_for_test.h"
#include "jail/landlock.h"
#include "jail/privileges.h"
#include "jail/seccomp/filter_evaluator.h"
#include "jail/seccomp_policy.h"

namespace snapjail::jail {
namespace {

using Arguments = std::array<std::uint64_t, 6>;

constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t kEperm = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kEinval = SECCOMP_RET_ERRNO | EINVAL;
constexpr std::uint32_t kSaysDone = SECCOMP_RET_ERRNO | 0;
constexpr std::uint64_t kAnybody = 4242;

#if defined(__x86_64__)
constexpr std::uint32_t kNativeArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kNativeArch = AUDIT_ARCH_AARCH64;
#endif

std::vector<Shared> shared_in_process(bool has_own_id, std::uint32_t landlock) {
    return what_guests_share(
        {.tier = Tier::kProcess, .has_own_id = has_own_id, .landlock_abi = landlock});
}

SeccompProgram filter_of(bool has_own_id, std::uint32_t landlock) {
    auto shared = shared_in_process(has_own_id, landlock);
    auto filter = compile_guest_filter({.shared = shared});
    EXPECT_TRUE(filter);
    return filter ? *filter : SeccompProgram{};
}

std::uint32_t ask(const SeccompProgram& filter, const char* name, Arguments arguments = {}) {
    seccomp_data data{::seccomp_syscall_resolve_name(name), kNativeArch, 0, {}};
    std::copy(arguments.begin(), arguments.end(), data.args);
    auto answer = evaluate_filter(std::span(filter.instructions.data(), filter.count), data);
    EXPECT_TRUE(answer.has_value()) << name;
    return answer.value_or(SECCOMP_RET_KILL_PROCESS);
}

TEST(SharedRules, WithoutAnIdOfItsOwnAGuestSharesMoreTheOlderTheKernel) {
    using enum Shared;
    EXPECT_EQ(shared_in_process(true, 0), std::vector{kProcesses});
    EXPECT_EQ(shared_in_process(false, kLandlockScopes), (std::vector{kProcesses, kIds}));
    EXPECT_EQ(shared_in_process(false, kLandlockScopes - 1),
              (std::vector{kProcesses, kIds, kSignals}));
    EXPECT_EQ(shared_in_process(false, kLandlockTruncation),
              (std::vector{kProcesses, kIds, kSignals}));
    EXPECT_EQ(shared_in_process(false, kLandlockTruncation - 1),
              (std::vector{kProcesses, kIds, kSignals, kTruncation}));
}

TEST(SharedRules, InTierFullNothingIsSharedButWhatGvisorsMountsLetBeChanged) {
    EXPECT_TRUE(what_guests_share({.landlock_abi = 0}).empty());
    EXPECT_EQ(what_guests_share({.landlock_abi = 0, .is_gvisor = true}),
              (std::vector{Shared::kIds, Shared::kTruncation}));
}

TEST(SharedRules, NobodyAsksAnythingOfAnotherProcess) {
    SeccompProgram filter = filter_of(true, 0);

    for (const char* name : {"prlimit64", "sched_setaffinity"}) {
        EXPECT_EQ(ask(filter, name, {0}), kAllow) << name;
        EXPECT_EQ(ask(filter, name, {kOwnPidMark}), kAllow) << name;
        EXPECT_EQ(ask(filter, name, {kAnybody}), kEperm) << name;
    }
    EXPECT_EQ(ask(filter, "setpriority", {PRIO_PROCESS, 0}), kAllow);
    EXPECT_EQ(ask(filter, "setpriority", {PRIO_PROCESS, kAnybody}), kEperm);
    EXPECT_EQ(ask(filter, "setpriority", {PRIO_USER, 0}), kEperm);
    EXPECT_EQ(ask(filter, "setpriority", {PRIO_PGRP, 0}), kEperm);
    for (const char* name : {"clock_gettime", "clock_getres", "clock_nanosleep", "timer_create"}) {
        EXPECT_EQ(ask(filter, name, {CLOCK_PROCESS_CPUTIME_ID}), kAllow) << name;
        // ~1 << 3: how clock_getcpuclockid(3) spells process 1.
        EXPECT_EQ(ask(filter, name, {static_cast<std::uint32_t>(~1u << 3)}), kEinval) << name;
    }
}

TEST(SharedRules, WithAnIdOfItsOwnModesTimesAndSignalsAreTheKernelsToJudge) {
    SeccompProgram filter = filter_of(true, 0);

    for (const char* name : {"chmod", "fchmodat", "utimensat", "truncate", "kill", "tgkill"}) {
        EXPECT_EQ(ask(filter, name, {kAnybody}), kAllow) << name;
    }
}

TEST(SharedRules, WithoutModesAndTimesStayAsTheyAre) {
    for (std::uint32_t landlock : {1u, kLandlockScopes}) {
        SeccompProgram filter = filter_of(false, landlock);
        for (const char* name : {"chmod", "fchmod", "fchmodat", "utime", "utimes", "utimensat"}) {
            EXPECT_EQ(ask(filter, name), kSaysDone) << name;
        }
    }
}

TEST(SharedRules, WhereLandlockKnowsSignalsAndTruncationItJudges) {
    SeccompProgram filter = filter_of(false, kLandlockScopes);

    for (const char* name : {"kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
                             "pidfd_send_signal", "truncate"}) {
        EXPECT_EQ(ask(filter, name, {kAnybody}), kAllow) << name;
    }
}

TEST(SharedRules, WhereItDoesNotAGuestSignalsItselfAlone) {
    SeccompProgram filter = filter_of(false, kLandlockScopes - 1);

    for (const char* name : {"kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"}) {
        EXPECT_EQ(ask(filter, name, {kOwnPidMark}), kAllow) << name;
        // Its group, everybody, some group, somebody.
        for (std::uint64_t target :
             {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t(-7), std::uint64_t{1}, kAnybody}) {
            EXPECT_EQ(ask(filter, name, {target}), kEperm) << name << " " << target;
        }
    }
    EXPECT_EQ(ask(filter, "pidfd_send_signal"), kEperm);
    EXPECT_EQ(ask(filter, "truncate"), kAllow);
    EXPECT_EQ(ask(filter_of(false, kLandlockTruncation - 1), "truncate"), kEperm);
}

TEST(SharedRules, APolicyOfTheOperatorsMayNotHoldTheMark) {
    for (auto [number, is_taken] : {std::pair{kOwnPidMark, true}, {kOwnPidMark - 1, false}}) {
        auto own = std::to_array<sock_filter>(
            {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 0), BPF_STMT(BPF_RET | BPF_K, kAllow)});
        EXPECT_EQ(!compile_guest_filter({.own_policy = own}), is_taken);
    }
}

// As confine_process_guest() loads it.
bool load_with_own_number(SeccompProgram filter) {
    for (std::uint32_t i = 0; i < filter.count; ++i) {
        if (compares_with_own_pid(filter.instructions[i])) {
            filter.instructions[i].k = static_cast<std::uint32_t>(::getpid());
        }
    }
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && load_seccomp(filter);
}

TEST(SharedRules, TheKernelJudgesSignalsByTheNumberOfWhoLoadedTheFilter) {
    SeccompProgram filter = filter_of(false, 1);
    int failed_at = in_child([&] {
        pid_t self = ::getpid();
        if (!load_with_own_number(filter)) {
            return 1;
        }
        if (::kill(self, 0) != 0 || ::syscall(SYS_tgkill, self, self, 0) != 0) {
            return 2;
        }
        for (pid_t other : {::getppid(), 0, -1, -self}) {
            if (::kill(other, 0) != -1 || errno != EPERM) {
                return 3;
            }
        }
        return 0;
    });
    EXPECT_EQ(failed_at, 0);
    // The control: without the filter its parent can be asked for.
    EXPECT_EQ(in_child([] { return ::kill(::getppid(), 0); }), 0);
}

TEST(SharedRules, TheKernelSaysThatAModeIsChangedAndLeavesIt) {
    std::string path = testing::TempDir() + "/mode-XXXXXX";
    int file = ::mkstemp(path.data());
    ASSERT_GE(file, 0);
    SeccompProgram filter = filter_of(false, kLandlockScopes);
    auto mode = [&] {
        struct stat status {};
        ::stat(path.c_str(), &status);
        return status.st_mode & 0777;
    };

    EXPECT_EQ(in_child([&] {
                  return load_with_own_number(filter) && ::chmod(path.c_str(), 0111) == 0 &&
                                 ::fchmod(file, 0111) == 0
                             ? 0
                             : 1;
              }),
              0);
    EXPECT_EQ(mode(), 0600u);
    EXPECT_EQ(in_child([&] { return ::chmod(path.c_str(), 0640); }), 0);
    EXPECT_EQ(mode(), 0640u);  // The control.
    ::unlink(path.c_str());
    ::close(file);
}

}  // namespace
}  // namespace snapjail::jail
