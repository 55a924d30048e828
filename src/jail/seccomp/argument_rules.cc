// The calls that are allowed with some arguments only, everywhere and in tier `process`: see
// syscall_table.h.
#include <asm/termbits.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>

#include "jail/seccomp/syscall_table.h"

namespace snapjail::jail {
namespace {

// CLONE_NEWTIME is 0x80 and lies among clone()'s signal bits: only unshare and clone3 take it.
constexpr auto kCloneFlags = std::to_array<ArgumentValue>({{CLONE_NEWNS, "CLONE_NEWNS"},
                                                           {CLONE_NEWCGROUP, "CLONE_NEWCGROUP"},
                                                           {CLONE_NEWUTS, "CLONE_NEWUTS"},
                                                           {CLONE_NEWIPC, "CLONE_NEWIPC"},
                                                           {CLONE_NEWUSER, "CLONE_NEWUSER"},
                                                           {CLONE_NEWPID, "CLONE_NEWPID"},
                                                           {CLONE_NEWNET, "CLONE_NEWNET"},
                                                           {CLONE_UNTRACED, "CLONE_UNTRACED"}});

// With the first and without the second a thread has descriptors of its own.
constexpr std::uint32_t kThreadOrFiles = CLONE_THREAD | CLONE_FILES;
constexpr auto kOnlyThread =
    std::to_array<ArgumentValue>({{CLONE_THREAD, "CLONE_THREAD without CLONE_FILES"}});

constexpr auto kOutOfBand = std::to_array<ArgumentValue>({{MSG_OOB, "MSG_OOB"}});
constexpr std::string_view kNoOutOfBand =
    "nobody sends a byte out of band over a pair, and the code for it has had holes that led out "
    "of "
    "a browser's sandbox (CVE-2025-38236)";

// One for each call that takes flags of messages, and where they stand.
constexpr ArgumentRule no_out_of_band(std::string_view call, unsigned argument) {
    return {.call = call,
            .argument = argument,
            .match = ArgumentMatch::kNoBitOf,
            .values = kOutOfBand,
            .reason = kNoOutOfBand};
}

constexpr std::uint32_t kSocketTypeMask = 0xf;  // SOCK_TYPE_MASK of the kernel's linux/net.h.
constexpr auto kPairFamilies = std::to_array<ArgumentValue>({{AF_UNIX, "AF_UNIX"}});
constexpr auto kPairTypes = std::to_array<ArgumentValue>(
    {{SOCK_STREAM, "SOCK_STREAM"}, {SOCK_SEQPACKET, "SOCK_SEQPACKET"}});

constexpr auto kSocketOptions =
    std::to_array<ArgumentValue>({{SO_ATTACH_FILTER, "SO_ATTACH_FILTER"},
                                  {SO_ATTACH_BPF, "SO_ATTACH_BPF"},
                                  {SO_ATTACH_REUSEPORT_CBPF, "SO_ATTACH_REUSEPORT_CBPF"},
                                  {SO_ATTACH_REUSEPORT_EBPF, "SO_ATTACH_REUSEPORT_EBPF"},
                                  {SO_LOCK_FILTER, "SO_LOCK_FILTER"},
                                  {SO_SNDBUF, "SO_SNDBUF"},
                                  {SO_RCVBUF, "SO_RCVBUF"},
                                  {SO_SNDBUFFORCE, "SO_SNDBUFFORCE"},
                                  {SO_RCVBUFFORCE, "SO_RCVBUFFORCE"}});

constexpr auto kIoctls = std::to_array<ArgumentValue>({{TCGETS, "TCGETS"},
                                                       {TIOCGWINSZ, "TIOCGWINSZ"},
                                                       {TIOCGPGRP, "TIOCGPGRP"},
                                                       {FIONREAD, "FIONREAD"},
                                                       {FIONBIO, "FIONBIO"},
                                                       {FIOCLEX, "FIOCLEX"},
                                                       {FIONCLEX, "FIONCLEX"},
                                                       {FIOASYNC, "FIOASYNC"}});

constexpr auto kFcntls = std::to_array<ArgumentValue>({{F_SETLEASE, "F_SETLEASE"},
                                                       {F_GETLEASE, "F_GETLEASE"},
                                                       {F_NOTIFY, "F_NOTIFY"},
                                                       {F_GETLK, "F_GETLK"},
                                                       {F_OFD_GETLK, "F_OFD_GETLK"},
                                                       {F_SETSIG, "F_SETSIG"},
                                                       {F_SETOWN, "F_SETOWN"},
                                                       {F_SETOWN_EX, "F_SETOWN_EX"},
                                                       {F_SETPIPE_SZ, "F_SETPIPE_SZ"}});

constexpr auto kPrctls =
    std::to_array<ArgumentValue>({{PR_SET_NAME, "PR_SET_NAME"},
                                  {PR_GET_NAME, "PR_GET_NAME"},
                                  {PR_GET_DUMPABLE, "PR_GET_DUMPABLE"},
                                  {PR_GET_PDEATHSIG, "PR_GET_PDEATHSIG"},
                                  {PR_GET_NO_NEW_PRIVS, "PR_GET_NO_NEW_PRIVS"},
                                  {PR_GET_SECCOMP, "PR_GET_SECCOMP"},
                                  {PR_CAPBSET_READ, "PR_CAPBSET_READ"},
                                  {PR_GET_KEEPCAPS, "PR_GET_KEEPCAPS"},
                                  {PR_GET_SECUREBITS, "PR_GET_SECUREBITS"},
                                  {PR_GET_TIMERSLACK, "PR_GET_TIMERSLACK"},
                                  {PR_SET_TIMERSLACK, "PR_SET_TIMERSLACK"},
                                  {PR_GET_CHILD_SUBREAPER, "PR_GET_CHILD_SUBREAPER"},
                                  {PR_SET_CHILD_SUBREAPER, "PR_SET_CHILD_SUBREAPER"},
                                  {PR_GET_THP_DISABLE, "PR_GET_THP_DISABLE"},
                                  {PR_GET_TID_ADDRESS, "PR_GET_TID_ADDRESS"},
                                  {PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS"}});

constexpr auto kRules = std::to_array<ArgumentRule>({
    {.call = "ioctl",
     .argument = 1,
     .match = ArgumentMatch::kOneOf,
     .values = kIoctls,
     .refusal_errno = ENOTTY,
     .reason = "what CPython, its library and the C library ask of a descriptor; none of what "
               "drivers, terminals (TIOCSTI) and file systems (FS_IOC_*) have. ENOTTY is what a "
               "file without such a request says"},
    {.call = "fcntl",
     .argument = 1,
     .match = ArgumentMatch::kNoneOf,
     .values = kFcntls,
     // A read-only file takes read locks only, which never conflict, so setting one tells nothing;
     // sqlite needs that in /tmp.
     .reason = "leases, F_NOTIFY and F_GETLK tell one job what another does with the files that "
               "all share; F_SETOWN aims signals; F_SETPIPE_SZ takes from pages that are counted "
               "for all jobs together"},
    {.call = "prctl",
     .argument = 0,
     .match = ArgumentMatch::kOneOf,
     .values = kPrctls,
     .reason = "reads much and sets little: nothing that makes the process traceable, moves its "
               "memory map or changes its rights"},
    {.call = "clone",
     .argument = 0,
     .match = ArgumentMatch::kNoBitOf,
     .values = kCloneFlags,
     .reason = "processes and threads, and no namespace: in one of its own a job would be root"},
    {.call = "clone",
     .argument = 0,
     .mask = kThreadOrFiles,
     .match = ArgumentMatch::kNoneOf,
     .values = kOnlyThread,
     .reason = "threads share their descriptors: a table of its own for each would be more of them "
               "than RLIMIT_NOFILE allows, where nobody looks for them"},
    {.call = "socketpair",
     .argument = 0,
     .match = ArgumentMatch::kOneOf,
     .values = kPairFamilies,
     .reason = "the only family that needs no network"},
    {.call = "socketpair",
     .argument = 1,
     .mask = kSocketTypeMask,
     .match = ArgumentMatch::kOneOf,
     .values = kPairTypes,
     .reason = "not SOCK_DGRAM: sendto() from one end of such a pair reaches any abstract socket "
               "by name"},
    {.call = "setsockopt",
     .argument = 2,
     .match = ArgumentMatch::kNoneOf,
     .values = kSocketOptions,
     .reason = "programs for the kernel, by way of a socket pair; and queues of megabytes in the "
               "kernel's memory, where no limit of a process counts them"},
    no_out_of_band("sendto", 3),
    no_out_of_band("send", 3),
    no_out_of_band("sendmmsg", 3),
    no_out_of_band("recvfrom", 3),
    no_out_of_band("recv", 3),
    no_out_of_band("recvmmsg", 3),
    no_out_of_band("recvmmsg_time64", 3),
    no_out_of_band("sendmsg", 2),
    no_out_of_band("recvmsg", 2),
});

constexpr auto kItself =
    std::to_array<ArgumentValue>({{0, "0"}, {kOwnPidMark, "the process's own number"}});
constexpr auto kOwnNumber =
    std::to_array<ArgumentValue>({{kOwnPidMark, "the number of the job's first process"}});
constexpr auto kOfProcess = std::to_array<ArgumentValue>({{PRIO_PROCESS, "PRIO_PROCESS"}});
// Clocks of processes and threads are negative: see clock_getcpuclockid(3).
constexpr auto kOfOthers = std::to_array<ArgumentValue>({{1u << 31, "a process's or thread's"}});
constexpr std::span<const ArgumentValue> kNothing = {};

constexpr auto kShared = std::to_array<SharedRule>({
    {.shared = Shared::kProcesses,
     .calls = "prlimit64 sched_setaffinity",
     .argument = 0,
     .match = ArgumentMatch::kOneOf,
     .values = kItself,
     .reason = "reaches every process of the same user"},
    {.shared = Shared::kProcesses,
     .calls = "setpriority",
     .argument = 0,
     .match = ArgumentMatch::kOneOf,
     .values = kOfProcess,
     .reason = "groups and users are more than the process itself"},
    {.shared = Shared::kProcesses,
     .calls = "setpriority",
     .argument = 1,
     .match = ArgumentMatch::kOneOf,
     .values = kItself,
     .reason = "reaches every process of the same user"},
    {.shared = Shared::kProcesses,
     .calls = "clock_gettime clock_gettime64 clock_getres clock_nanosleep clock_nanosleep_time64 "
              "timer_create",
     .argument = 0,
     .match = ArgumentMatch::kNoBitOf,
     .values = kOfOthers,
     .refusal_errno = EINVAL,
     .reason = "tells how much another process has worked, to the nanosecond"},
    {.shared = Shared::kIds,
     .calls = "chmod fchmod fchmodat fchmodat2 utime utimes utimensat futimesat",
     .argument = 0,
     .match = ArgumentMatch::kOneOf,
     .values = kNothing,
     .refusal_errno = 0,
     .reason = "Landlock knows neither modes nor times, so they could be changed of every file of "
               "that user. It says that it is done because shutil.copy takes a refusal for a "
               "failure"},
    {.shared = Shared::kSignals,
     .calls = "kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo",
     .argument = 0,
     .match = ArgumentMatch::kOneOf,
     .values = kOwnNumber,
     .reason = "nothing else keeps a signal from other jobs and from the service"},
    {.shared = Shared::kSignals,
     .calls = "pidfd_send_signal",
     .argument = 0,
     .match = ArgumentMatch::kOneOf,
     .values = kNothing,
     .reason = "a descriptor does not tell whose it is"},
    {.shared = Shared::kTruncation,
     .calls = "truncate",
     .argument = 0,
     .match = ArgumentMatch::kOneOf,
     .values = kNothing,
     .reason = "by path it would empty any file of that user; ftruncate takes one that is open"},
});

}  // namespace

std::span<const ArgumentRule> argument_rules() {
    return kRules;
}

std::span<const SharedRule> shared_rules() {
    return kShared;
}

}  // namespace snapjail::jail
