// The filters, judged twice: every number and argument by our evaluator of classic BPF, and a
// sample by the kernel, so that the evaluator is known to be right.
#include "jail/seccomp_policy.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <string>

#include "jail/child_for_test.h"
#include "jail/seccomp/filter_evaluator.h"
#include "jail/seccomp/syscall_table.h"

namespace snapjail::jail {
namespace {

constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t kKill = SECCOMP_RET_KILL_PROCESS;
constexpr std::uint32_t errno_of(std::uint32_t number) {
    return SECCOMP_RET_ERRNO | number;
}
constexpr std::uint32_t kEperm = errno_of(EPERM);
constexpr std::uint32_t kEnosys = errno_of(ENOSYS);
constexpr std::uint32_t kX32Bit = 0x40000000;

#if defined(__x86_64__)
constexpr std::uint32_t kNativeArch = AUDIT_ARCH_X86_64;
constexpr std::uint32_t kForeignArch = AUDIT_ARCH_I386;
#elif defined(__aarch64__)
constexpr std::uint32_t kNativeArch = AUDIT_ARCH_AARCH64;
constexpr std::uint32_t kForeignArch = AUDIT_ARCH_ARM;
#endif

using Arguments = std::array<std::uint64_t, 6>;
using Values = std::initializer_list<std::uint64_t>;

// Three filters as their users load them. A guest is under its own and, older, the zygote's.
class SeccompPolicy : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        auto zygote = compile_zygote_filter();
        auto guest = compile_guest_filter();
        auto front = compile_front_filter();
        ASSERT_TRUE(zygote && guest && front);
        zygote_ = *zygote;
        guest_ = *guest;
        front_ = *front;
    }

    static std::uint32_t ask(const SeccompProgram& program, int number, Arguments arguments = {},
                             std::uint32_t arch = kNativeArch) {
        seccomp_data data{number, arch, 0, {}};
        std::copy(arguments.begin(), arguments.end(), data.args);
        auto answer = evaluate_filter(std::span(program.instructions.data(), program.count), data);
        EXPECT_TRUE(answer.has_value()) << "the filter has no answer";
        return answer.value_or(kKill);
    }
    static std::uint32_t ask_zygote(int number, Arguments arguments = {}) {
        return ask(zygote_, number, arguments);
    }
    // As the kernel does: the newest filter first, a later one wins only if it is stricter.
    static std::uint32_t ask_guest(int number, Arguments arguments = {},
                                   std::uint32_t arch = kNativeArch) {
        std::uint32_t own = ask(guest_, number, arguments, arch);
        std::uint32_t inherited = ask(zygote_, number, arguments, arch);
        return stricter_answer(own, inherited);
    }

    static bool load(const SeccompProgram& program) {
        sock_fprog filter{static_cast<unsigned short>(program.count),
                          const_cast<sock_filter*>(program.instructions.data())};
        return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
               ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
    }
    // The errno of one real call in a child under the zygote's filter, or under both; 0 if it
    // works.
    static int errno_in_zygote(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
        return in_child([=] {
            return !load(zygote_) ? 254 : ::syscall(number, a, b, c, d, 0, 0) < 0 ? errno : 0;
        });
    }
    static int errno_in_guest(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
        return in_child([=] {
            bool is_loaded = load(zygote_) && load(guest_);
            return !is_loaded ? 254 : ::syscall(number, a, b, c, d, 0, 0) < 0 ? errno : 0;
        });
    }

    static SeccompProgram zygote_;
    static SeccompProgram guest_;
    static SeccompProgram front_;
};
SeccompProgram SeccompPolicy::zygote_;
SeccompProgram SeccompPolicy::guest_;
SeccompProgram SeccompPolicy::front_;

int number_of(std::string_view name) {
    return ::seccomp_syscall_resolve_name(std::string(name).c_str());
}

// Newer than the oldest libseccomp that we build with: left out of the filter there, on purpose.
constexpr auto kNewerThanLibseccomp = std::to_array<std::string_view>(
    {"fchmodat2", "mseal", "open_tree_attr", "lsm_get_self_attr", "lsm_list_modules",
     "lsm_set_self_attr", "set_mempolicy_home_node", "process_mrelease", "memfd_secret",
     "quotactl_fd"});

TEST_F(SeccompPolicy, TheTableNamesEachCallOnceAndNoneThatDoesNotExist) {
    std::set<std::string_view> seen;
    for (const SyscallEntry& entry : guest_syscalls()) {
        EXPECT_TRUE(seen.insert(entry.name).second) << entry.name << " stands twice";
        if (number_of(entry.name) == __NR_SCMP_ERROR) {
            EXPECT_NE(std::ranges::find(kNewerThanLibseccomp, entry.name),
                      kNewerThanLibseccomp.end())
                << entry.name << " is a typo";
        }
    }
}

TEST_F(SeccompPolicy, EveryEntryOfTheTableIsAnsweredByItsRule) {
    for (const SyscallEntry& entry : guest_syscalls()) {
        int number = number_of(entry.name);
        if (number < 0) {
            continue;  // Not of this architecture.
        }
        bool is_denied = entry.rule == SyscallRule::kDeny;
        EXPECT_EQ(ask_zygote(number), is_denied ? kEperm : kAllow) << entry.name;
        if (entry.rule != SyscallRule::kAllow) {
            EXPECT_EQ(ask_guest(number), kEperm) << entry.name;
        }
    }
}

TEST_F(SeccompPolicy, OnlyCallsWithArgumentsToJudgeAreMoreThanAllowedOrNot) {
    const std::set<std::string_view> judged = {"ioctl", "prctl", "socketpair"};
    for (const SyscallEntry& entry : guest_syscalls()) {
        if (entry.rule == SyscallRule::kAllow && number_of(entry.name) >= 0) {
            // All arguments zero: PR 0, TCGETS is not 0, AF_UNSPEC.
            EXPECT_EQ(ask_guest(number_of(entry.name)) == kAllow, !judged.contains(entry.name))
                << entry.name;
        }
    }
}

// Written by hand and not from the table: these, if ever allowed, undo a layer of the jail.
TEST_F(SeccompPolicy, WhatUndoesTheJailIsDeniedToAGuest) {
    for (const char* name : {"unshare",
                             "setns",
                             "mount",
                             "umount2",
                             "pivot_root",
                             "chroot",
                             "move_mount",
                             "open_tree",
                             "fsopen",
                             "fsmount",
                             "mount_setattr",
                             "open_by_handle_at",
                             "ptrace",
                             "process_vm_readv",
                             "process_vm_writev",
                             "pidfd_getfd",
                             "bpf",
                             "perf_event_open",
                             "io_uring_setup",
                             "io_uring_enter",
                             "userfaultfd",
                             "keyctl",
                             "add_key",
                             "request_key",
                             "socket",
                             "connect",
                             "bind",
                             "listen",
                             "accept",
                             "accept4",
                             "seccomp",
                             "capset",
                             "setuid",
                             "setgid",
                             "setresuid",
                             "setgroups",
                             "init_module",
                             "finit_module",
                             "kexec_load",
                             "reboot",
                             "personality",
                             "modify_ldt",
                             "mknod",
                             "mknodat",
                             "syslog",
                             "splice",
                             "vmsplice",
                             "tee",
                             "inotify_init1",
                             "fanotify_init",
                             "flock",
                             "sethostname",
                             "setdomainname",
                             "settimeofday",
                             "clock_settime",
                             "name_to_handle_at",
                             "landlock_create_ruleset"}) {
        ASSERT_NE(number_of(name), __NR_SCMP_ERROR) << name;
        if (number_of(name) >= 0) {
            EXPECT_EQ(ask_guest(number_of(name)), kEperm) << name;
        }
    }
}

TEST_F(SeccompPolicy, ACallThatNobodyKnowsDoesNotExist) {
    EXPECT_EQ(ask_guest(number_of("clone3")), kEnosys);  // The C library then falls back to clone.
    EXPECT_EQ(ask_zygote(number_of("clone3")), kEnosys);
    for (int number : {600, 9'999, 0x3fffffff}) {
        EXPECT_EQ(ask_guest(number), kEnosys) << number;
    }
}

TEST_F(SeccompPolicy, NoNumberOfThisArchitectureKills) {
    for (int number = 0; number <= 600; ++number) {
        EXPECT_NE(ask_guest(number), kKill) << number;
        EXPECT_NE(ask(front_, number), kKill) << number;
    }
}

TEST_F(SeccompPolicy, AnotherArchitectureKillsWhateverItsNumber) {
    for (int number = 0; number <= 600; ++number) {
        EXPECT_EQ(ask_guest(number, {}, kForeignArch), kKill) << number;
        EXPECT_EQ(ask(front_, number, {}, kForeignArch), kKill) << number;
    }
}

#if defined(__x86_64__)
TEST_F(SeccompPolicy, X32Kills) {
    for (std::uint32_t number = 0; number <= 600; ++number) {
        EXPECT_EQ(ask_guest(static_cast<int>(number | kX32Bit)), kKill) << number;
        EXPECT_EQ(ask(front_, static_cast<int>(number | kX32Bit)), kKill) << number;
    }
}
#endif

TEST_F(SeccompPolicy, CloneTakesFlagsOfProcessesAndThreadsButMakesNoNamespace) {
    int clone = number_of("clone");
    const std::uint64_t fork_flags = CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD;
    const std::uint64_t thread_flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
                                       CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
                                       CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;

    EXPECT_EQ(ask_guest(clone, {SIGCHLD}), kAllow);
    EXPECT_EQ(ask_guest(clone, {fork_flags}), kAllow);
    EXPECT_EQ(ask_guest(clone, {thread_flags}), kAllow);
    EXPECT_EQ(ask_guest(clone, {CLONE_VM | CLONE_VFORK | SIGCHLD}), kAllow);
    for (std::uint64_t flag : Values{CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                     CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET}) {
        EXPECT_EQ(ask_guest(clone, {flag}), kEperm) << flag;
        EXPECT_EQ(ask_guest(clone, {flag | fork_flags}), kEperm) << flag;
        EXPECT_EQ(ask_guest(clone, {flag | thread_flags}), kEperm) << flag;
        EXPECT_EQ(ask_zygote(clone, {flag | fork_flags}), kAllow) << flag;
    }
}

TEST_F(SeccompPolicy, ASocketPairIsOfTheUnixFamilyOrNone) {
    int socketpair = number_of("socketpair");
    for (std::uint64_t family = 0; family <= AF_MAX; ++family) {
        EXPECT_EQ(ask_guest(socketpair, {family, SOCK_STREAM}), family == AF_UNIX ? kAllow : kEperm)
            << family;
    }
}

// One end of a datagram pair can send to any abstract socket by name.
TEST_F(SeccompPolicy, ASocketPairIsAStreamOrKeepsItsPackets) {
    int socketpair = number_of("socketpair");
    for (std::uint64_t type = 0; type <= 15; ++type) {
        bool is_allowed = type == SOCK_STREAM || type == SOCK_SEQPACKET;
        std::uint64_t flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
        EXPECT_EQ(ask_guest(socketpair, {AF_UNIX, type}), is_allowed ? kAllow : kEperm) << type;
        EXPECT_EQ(ask_guest(socketpair, {AF_UNIX, type | flags}), is_allowed ? kAllow : kEperm)
            << type;
    }
}

TEST_F(SeccompPolicy, IoctlsOfTerminalsAndDriversAreNone) {
    int ioctl = number_of("ioctl");
    for (std::uint64_t request : Values{TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX}) {
        EXPECT_EQ(ask_guest(ioctl, {0, request}), kAllow) << request;
    }
    constexpr std::uint64_t kTioclinux = 0x541C;
    constexpr std::uint64_t kFsIocSetflags = 0x40086602;
    for (std::uint64_t request :
         Values{0, TIOCSTI, kTioclinux, kFsIocSetflags, TIOCSCTTY, TIOCSPGRP, TIOCSETD}) {
        EXPECT_EQ(ask_guest(ioctl, {0, request}), errno_of(ENOTTY)) << request;
    }
}

TEST_F(SeccompPolicy, FcntlDeniesWhatReachesBeyondTheDescriptor) {
    int fcntl = number_of("fcntl");
    for (std::uint64_t command : Values{F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD,
                                        F_DUPFD_CLOEXEC, F_SETLK, F_GETPIPE_SZ, F_ADD_SEALS}) {
        EXPECT_EQ(ask_guest(fcntl, {3, command}), kAllow) << command;
    }
    for (std::uint64_t command : Values{F_SETLEASE, F_GETLEASE, F_NOTIFY, F_GETLK, F_OFD_GETLK,
                                        F_SETSIG, F_SETOWN, F_SETOWN_EX, F_SETPIPE_SZ}) {
        EXPECT_EQ(ask_guest(fcntl, {3, command}), kEperm) << command;
    }
}

TEST_F(SeccompPolicy, PrctlReadsMuchAndSetsLittle) {
    int prctl = number_of("prctl");
    for (std::uint64_t option : Values{PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_GET_PDEATHSIG,
                                       PR_GET_SECCOMP, PR_CAPBSET_READ, PR_SET_NO_NEW_PRIVS}) {
        EXPECT_EQ(ask_guest(prctl, {option}), kAllow) << option;
    }
    for (std::uint64_t option :
         Values{PR_SET_DUMPABLE, PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_MM, PR_SET_PTRACER,
                PR_SET_KEEPCAPS, PR_SET_SECUREBITS, PR_CAPBSET_DROP, PR_CAP_AMBIENT,
                PR_SET_SPECULATION_CTRL, PR_SET_TSC, PR_SET_SYSCALL_USER_DISPATCH, PR_SCHED_CORE,
                PR_SET_IO_FLUSHER}) {
        EXPECT_EQ(ask_guest(prctl, {option}), kEperm) << option;
    }
}

TEST_F(SeccompPolicy, ASocketTakesNoProgramForTheKernelAndNoLargerQueue) {
    int setsockopt = number_of("setsockopt");
    for (std::uint64_t option : Values{SO_TYPE, SO_REUSEADDR, SO_PASSCRED, SO_LINGER}) {
        EXPECT_EQ(ask_guest(setsockopt, {3, SOL_SOCKET, option}), kAllow) << option;
    }
    for (std::uint64_t option :
         Values{SO_ATTACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_CBPF, SO_ATTACH_REUSEPORT_EBPF,
                SO_LOCK_FILTER, SO_SNDBUF, SO_RCVBUF, SO_SNDBUFFORCE, SO_RCVBUFFORCE}) {
        EXPECT_EQ(ask_guest(setsockopt, {3, SOL_SOCKET, option}), kEperm) << option;
    }
}

// The kernel reads an int, or the low half of clone's flags: the upper half must change nothing.
TEST_F(SeccompPolicy, AThreadHasNoDescriptorsOfItsOwn) {
    constexpr std::uint64_t kThread = CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD;
    EXPECT_EQ(ask_guest(number_of("clone"), {kThread | CLONE_FILES}), kAllow);
    EXPECT_EQ(ask_guest(number_of("clone"), {kThread}), kEperm);
    EXPECT_EQ(ask_guest(number_of("clone"), {CLONE_VM | CLONE_VFORK | SIGCHLD}), kAllow);
}

TEST_F(SeccompPolicy, NoByteIsSentOrTakenOutOfBand) {
    for (auto [name, at] : {std::pair{"sendto", 3u},
                            {"sendmsg", 2u},
                            {"sendmmsg", 3u},
                            {"recvfrom", 3u},
                            {"recvmsg", 2u},
                            {"recvmmsg", 3u}}) {
        Arguments flags{};
        flags[at] = MSG_DONTWAIT | MSG_NOSIGNAL;
        EXPECT_EQ(ask_guest(number_of(name), flags), kAllow) << name;
        flags[at] |= MSG_OOB;
        EXPECT_EQ(ask_guest(number_of(name), flags), kEperm) << name;
    }
}

TEST_F(SeccompPolicy, TheUpperHalfOfAnArgumentHidesNothing) {
    for (std::uint64_t upper : Values{0x1'0000'0000ull, 0xffff'ffff'0000'0000ull}) {
        EXPECT_EQ(ask_guest(number_of("clone"), {upper | CLONE_NEWUSER | SIGCHLD}), kEperm);
        EXPECT_EQ(ask_guest(number_of("clone"), {upper | SIGCHLD}), kAllow);
        EXPECT_EQ(ask_guest(number_of("ioctl"), {0, upper | TIOCSTI}), errno_of(ENOTTY));
        EXPECT_EQ(ask_guest(number_of("ioctl"), {0, upper | TCGETS}), kAllow);
        EXPECT_EQ(ask_guest(number_of("fcntl"), {0, upper | F_SETLEASE}), kEperm);
        EXPECT_EQ(ask_guest(number_of("prctl"), {upper | PR_SET_DUMPABLE}), kEperm);
        EXPECT_EQ(ask_guest(number_of("socketpair"), {upper | AF_INET}), kEperm);
        EXPECT_EQ(ask_guest(number_of("socketpair"), {upper | AF_UNIX, upper | SOCK_STREAM}),
                  kAllow);
    }
}

TEST_F(SeccompPolicy, TheFrontMayServeItsDescriptorsAndNothingElse) {
    for (const char* name : {"read", "writev", "recvmsg", "sendmsg", "accept4", "epoll_wait",
                             "close", "futex", "mmap", "exit_group", "rt_sigreturn"}) {
        EXPECT_EQ(ask(front_, number_of(name)), kAllow) << name;
    }
    for (const char* name :
         {"open",      "openat",       "openat2", "execve",  "execveat",       "fork",
          "vfork",     "clone",        "clone3",  "socket",  "connect",        "bind",
          "listen",    "ptrace",       "mount",   "unshare", "setns",          "chroot",
          "kill",      "tkill",        "prctl",   "unlink",  "rename",         "mkdir",
          "chmod",     "memfd_create", "seccomp", "bpf",     "io_uring_setup", "process_vm_readv",
          "pidfd_open"}) {
        if (number_of(name) >= 0) {
            EXPECT_EQ(ask(front_, number_of(name)), kEperm) << name;
        }
    }
}

TEST_F(SeccompPolicy, TheKernelDeniesEveryDeniedEntry) {
    for (const SyscallEntry& entry : guest_syscalls()) {
        int number = number_of(entry.name);
        if (number >= 0 && entry.rule == SyscallRule::kDeny) {
            EXPECT_EQ(errno_in_zygote(number, -1, -1, -1, -1), EPERM) << entry.name;
        }
    }
}

TEST_F(SeccompPolicy, TheKernelTakesSetUpCallsFromTheZygoteAndNotFromAGuest) {
    EXPECT_EQ(errno_in_zygote(SYS_unshare, 0), 0);
    EXPECT_EQ(errno_in_zygote(SYS_setns, -1, 0), EBADF);
    EXPECT_EQ(errno_in_zygote(SYS_capset, 0, 0), EFAULT);
    EXPECT_EQ(errno_in_zygote(SYS_seccomp, 99), EINVAL);
    for (long number : {SYS_unshare, SYS_setns, SYS_capset, SYS_seccomp, SYS_mount}) {
        EXPECT_EQ(errno_in_guest(number, -1, -1), EPERM) << number;
    }
}

TEST_F(SeccompPolicy, TheKernelJudgesArgumentsAsTheEvaluatorDoes) {
    EXPECT_EQ(errno_in_guest(SYS_getpid), 0);
    EXPECT_EQ(errno_in_guest(600), ENOSYS);
    EXPECT_EQ(errno_in_guest(SYS_clone3), ENOSYS);
    EXPECT_EQ(errno_in_guest(SYS_fcntl, 0, F_GETFD), 0);
    EXPECT_EQ(errno_in_guest(SYS_fcntl, 0, F_SETLEASE, F_RDLCK), EPERM);
    EXPECT_EQ(errno_in_guest(SYS_fcntl, 0, (1l << 32) | F_SETLEASE, F_RDLCK), EPERM);
    EXPECT_EQ(errno_in_guest(SYS_ioctl, -1, TCGETS), EBADF);
    EXPECT_EQ(errno_in_guest(SYS_ioctl, -1, TIOCSTI), ENOTTY);
    EXPECT_EQ(errno_in_guest(SYS_ioctl, -1, (1l << 32) | TIOCSTI), ENOTTY);
    EXPECT_EQ(errno_in_guest(SYS_clone, CLONE_NEWUSER | SIGCHLD), EPERM);
    EXPECT_EQ(errno_in_guest(SYS_clone, (1l << 40) | CLONE_NEWUSER | SIGCHLD), EPERM);
    EXPECT_EQ(errno_in_guest(SYS_prctl, PR_SET_DUMPABLE, 0), EPERM);
    EXPECT_EQ(errno_in_guest(SYS_prctl, PR_GET_NO_NEW_PRIVS), 0);
    EXPECT_EQ(errno_in_guest(SYS_socketpair, AF_INET, SOCK_STREAM, 0, 0), EPERM);
    EXPECT_EQ(errno_in_guest(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 0), EFAULT);
}

TEST_F(SeccompPolicy, TheKernelDeniesTheFrontAnyFile) {
    auto open_as_front = [](bool is_filtered) {
        return in_child([=] {
            bool is_ready = !is_filtered || load(front_);
            return !is_ready ? 254 : ::open("/dev/null", O_RDONLY) < 0 ? errno : 0;
        });
    };

    EXPECT_EQ(open_as_front(false), 0);
    EXPECT_EQ(open_as_front(true), EPERM);
}

#if defined(__x86_64__)
TEST_F(SeccompPolicy, TheKernelKillsX32) {
    EXPECT_EQ(errno_in_zygote(SYS_getpid), 0);
    EXPECT_EQ(errno_in_zygote(SYS_getpid | kX32Bit), -SIGSYS);
}

TEST_F(SeccompPolicy, TheKernelKillsI386) {
    auto getpid_of_i386 = [] {
        long answer = 20;
        __asm__ volatile("int $0x80" : "+a"(answer)::"memory", "r8", "r9", "r10", "r11");
        return answer > 0 ? 0 : 1;
    };
    if (in_child(getpid_of_i386) != 0) {
        GTEST_SKIP() << "this kernel runs no 32-bit programs";
    }

    EXPECT_EQ(in_child([&] { return load(zygote_) ? getpid_of_i386() : 254; }), -SIGSYS);
}
#endif

}  // namespace
}  // namespace snapjail::jail
