// The calls themselves, in groups that share a verdict and a reason. docs/seccomp.md is made from
// this file: after a change, `tools/write-seccomp-document`. What was seen to call what is told
// there.
#include "jail/seccomp/syscall_table.h"

#include <array>
#include <vector>

namespace snapjail::jail {
namespace {

using enum SyscallRule;

struct SyscallGroup {
    SyscallRule rule;
    std::string_view reason;
    std::string_view names;  // Separated by spaces; several literals, for the width of a line.
};

constexpr auto kAllowed = std::to_array<SyscallGroup>({
    // Files and directories.
    {kAllow, "reads and writes what is open",
     "read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek _llseek"},
    {kAllow, "opens below the jail's own root, of which only /tmp can be written",
     "open openat openat2 creat close close_range"},
    {kAllow, "tells of files below the jail's own root",
     "stat fstat lstat newfstatat statx stat64 fstat64 lstat64 fstatat64 statfs fstatfs statfs64 "
     "fstatfs64 access faccessat faccessat2 readlink readlinkat getdents getdents64 getcwd "
     "getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr"},
    {kAllow, "changes files in /tmp, the job's own; everything else is read-only",
     "mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat "
     "truncate ftruncate fallocate chmod fchmod fchmodat fchmodat2 utime utimes utimensat "
     "futimesat"},
    {kAllow, "of the process itself", "chdir fchdir umask"},
    {kAllow, "a tmpfs has nothing to write back, and the rest cannot be written",
     "fsync fdatasync sync_file_range"},
    {kAllow, "advice on one's own reading", "fadvise64 readahead"},
    {kAllow, "copies between what is open; shutil uses them",
     "copy_file_range sendfile sendfile64"},
    {kAllow, "descriptors and pipes, as many as RLIMIT_NOFILE allows",
     "dup dup2 dup3 pipe pipe2 fcntl fcntl64 ioctl"},
    {kAllow, "a file without a name, of the job's own memory", "memfd_create"},
    {kAllow, "events and waiting: what asyncio and selectors are made of",
     "eventfd eventfd2 timerfd_create timerfd_settime timerfd_gettime signalfd signalfd4 poll "
     "ppoll "
     "select _newselect pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait "
     "epoll_pwait2"},
    // Memory.
    {kAllow, "the process's own memory, as much as RLIMIT_AS allows",
     "mmap mmap2 munmap mprotect mremap madvise msync brk membarrier mseal pkey_alloc pkey_free "
     "pkey_mprotect"},
    {kAllow, "locks as much as RLIMIT_MEMLOCK allows: next to nothing",
     "mlock mlock2 munlock mlockall munlockall"},
    {kAllow, "reads the process's own policy; libnuma asks", "get_mempolicy"},
    // Signals, threads, processes.
    {kAllow, "the process's own signals",
     "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend "
     "sigaltstack sigreturn pause"},
    {kAllow, "reaches what the jail's pid namespace shows: the job's own processes",
     "kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_open pidfd_send_signal"},
    {kAllow, "locks between threads; see SECURITY.md on those in shared files",
     "futex futex_time64"},
    {kAllow, "what the C library sets up for each thread",
     "set_robust_list get_robust_list rseq set_tid_address set_thread_area arch_prctl"},
    {kAllow, "processes and threads, as many as RLIMIT_NPROC allows",
     "clone fork vfork execve execveat wait4 waitid exit exit_group restart_syscall"},
    {kAllow, "numbers of the job's own processes, groups and sessions",
     "getpid getppid gettid getpgid getpgrp getsid setsid setpgid"},
    {kAllow, "tells ids that are the same in every jail",
     "getuid geteuid getgid getegid getresuid getresgid getgroups getuid32 geteuid32 getgid32 "
     "getegid32 getresuid32 getresgid32 getgroups32 capget"},
    {kAllow, "see the list of its options", "prctl"},
    {kAllow, "among the job's own processes; priority can only go down",
     "getpriority setpriority ioprio_get sched_yield sched_getaffinity sched_setaffinity "
     "sched_getparam sched_getscheduler sched_getattr sched_get_priority_max "
     "sched_get_priority_min sched_rr_get_interval getcpu"},
    {kAllow, "limits can only go down; the hard ones are the jail's",
     "getrlimit ugetrlimit setrlimit prlimit64 getrusage times"},
    // Time.
    {kAllow, "reads clocks and waits",
     "clock_gettime clock_gettime64 clock_getres clock_nanosleep clock_nanosleep_time64 nanosleep "
     "gettimeofday time"},
    {kAllow, "the process's own timers, counted by RLIMIT_SIGPENDING",
     "alarm getitimer setitimer timer_create timer_settime timer_gettime timer_getoverrun "
     "timer_delete"},
    // The machine.
    {kAllow, "the kernel's version and the machine's memory and load", "uname sysinfo"},
    {kAllow, "random bytes", "getrandom"},
    // Socket pairs: asyncio and multiprocessing need them.
    {kAllow, "AF_UNIX pairs of the job's own: asyncio, multiprocessing",
     "socketpair sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg recvmmsg_time64 shutdown "
     "getsockname getpeername getsockopt setsockopt send recv"},
});

constexpr auto kRefused = std::to_array<SyscallGroup>({
    {kSetupOnly, "sets up a guest's namespaces, mounts and host name; undoes them afterwards",
     "unshare setns mount sethostname"},
    {kSetupOnly, "sets up a guest's walls; another filter could fake answers to programs",
     "capset seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self"},

    {kDeny,
     "the network, and through it every protocol of the kernel's: AF_VSOCK and AF_ALG are in "
     "no namespace",
     "socket connect bind listen accept accept4"},
    {kDeny, "mounts and roots: what the jail is made of",
     "umount umount2 pivot_root chroot move_mount open_tree open_tree_attr fsopen fsconfig fsmount "
     "fspick mount_setattr"},
    {kDeny, "opens by inode, past the jail's root", "open_by_handle_at name_to_handle_at"},
    {kDeny, "reads, writes or takes what is another process's",
     "ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd "
     "process_mrelease"},
    {kDeny, "programs for the kernel: more of it to attack than all else here", "bpf"},
    {kDeny, "counters of the whole machine, and a long record of holes", "perf_event_open"},
    {kDeny, "runs other calls where no filter sees them",
     "io_uring_setup io_uring_enter io_uring_register"},
    {kDeny, "asynchronous I/O of the old kind; its contexts are counted for the whole machine",
     "io_setup io_submit io_cancel io_destroy io_getevents io_pgetevents"},
    {kDeny, "stops the kernel at a chosen place: the usual help of exploits", "userfaultfd"},
    {kDeny, "keyrings are in no namespace: jobs would share them", "keyctl add_key request_key"},
    {kDeny, "the machine itself: kernel, modules, swap, accounting, quotas",
     "kexec_load kexec_file_load init_module finit_module delete_module swapon swapoff reboot acct "
     "quotactl quotactl_fd"},
    {kDeny, "the processor's ports and segments", "iopl ioperm modify_ldt"},
    {kDeny, "the kernel's log tells of all the machine", "syslog"},
    {kDeny, "the machine's clocks and names",
     "settimeofday stime clock_settime clock_settime64 clock_adjtime adjtimex setdomainname"},
    {kDeny, "switches address randomization off, and other compatibilities on", "personality"},
    {kDeny,
     "pages moved between pipes and files: where several escapes began; shutil and "
     "subprocess do without",
     "splice tee vmsplice"},
    {kDeny,
     "tells what others do with the files that all jobs share; mincore, which of them are in "
     "memory",
     "mincore inotify_init inotify_init1 inotify_add_watch fanotify_init fanotify_mark "
     "lookup_dcookie"},
    {kDeny, "locks on the files that all jobs share are a way to talk; fcntl's, in /tmp, remain",
     "flock"},
    {kDeny, "places memory on nodes of the machine",
     "mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node"},
    {kDeny, "takes the terminal away", "vhangup"},
    {kDeny, "there is one user, with one group; to change it is the first step of an escape",
     "setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid setuid32 "
     "setgid32 setreuid32 setregid32 setresuid32 setresgid32 setgroups32 setfsuid32 setfsgid32 "
     "chown fchown lchown fchownat"},
    {kDeny, "devices, fifos and socket files; os.mkfifo has os.pipe beside it", "mknod mknodat"},
    {kDeny, "a tmpfs keeps few of them, uncounted by its size",
     "setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr"},
    {kDeny, "makes the whole machine write to its disks", "sync syncfs"},
    {kDeny, "scheduling of a higher class than other jobs have",
     "ioprio_set sched_setparam sched_setscheduler sched_setattr"},
    {kDeny, "System V and POSIX messages: they outlive processes, and threads have better",
     "shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open "
     "mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr"},
    {kDeny, "the security modules' own", "lsm_get_self_attr lsm_set_self_attr lsm_list_modules"},
    {kDeny, "memory that the host's own tools cannot look into", "memfd_secret"},
    {kDeny, "long gone from use, some of it from the kernel",
     "remap_file_pages uselib ustat sysfs nfsservctl"},
});

void append(std::vector<SyscallEntry>& table, std::span<const SyscallGroup> groups) {
    for (const SyscallGroup& group : groups) {
        for (std::string_view name : split_names(group.names)) {
            table.push_back({name, group.rule, group.reason});
        }
    }
}

}  // namespace

std::vector<std::string_view> split_names(std::string_view names) {
    std::vector<std::string_view> split;
    for (std::size_t at = 0; at < names.size();) {
        std::size_t end = std::min(names.find(' ', at), names.size());
        split.push_back(names.substr(at, end - at));
        at = end + 1;
    }
    return split;
}

std::span<const SyscallEntry> guest_syscalls() {
    static const std::vector<SyscallEntry> table = [] {
        std::vector<SyscallEntry> entries;
        append(entries, kAllowed);
        append(entries, kRefused);
        return entries;
    }();
    return table;
}

}  // namespace snapjail::jail
