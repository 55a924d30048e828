// The table of system calls that guests live by: see seccomp_policy.h.
#include "jail/seccomp_policy.h"

#include <array>

namespace snapjail::jail {
namespace {

using enum SyscallRule;

constexpr auto kTable = std::to_array<SyscallEntry>({
    // Files and directories, below the jail's own root.
    {"read", kAllow}, {"write", kAllow}, {"readv", kAllow}, {"writev", kAllow},
    {"pread64", kAllow}, {"pwrite64", kAllow}, {"preadv", kAllow}, {"pwritev", kAllow},
    {"preadv2", kAllow}, {"pwritev2", kAllow}, {"open", kAllow}, {"openat", kAllow},
    {"openat2", kAllow}, {"creat", kAllow}, {"close", kAllow}, {"close_range", kAllow},
    {"lseek", kAllow}, {"_llseek", kAllow}, {"stat", kAllow}, {"fstat", kAllow},
    {"lstat", kAllow}, {"newfstatat", kAllow}, {"statx", kAllow}, {"stat64", kAllow},
    {"fstat64", kAllow}, {"lstat64", kAllow}, {"fstatat64", kAllow}, {"statfs", kAllow},
    {"fstatfs", kAllow}, {"statfs64", kAllow}, {"fstatfs64", kAllow}, {"access", kAllow},
    {"faccessat", kAllow}, {"faccessat2", kAllow}, {"readlink", kAllow}, {"readlinkat", kAllow},
    {"getdents", kAllow}, {"getdents64", kAllow}, {"getcwd", kAllow}, {"chdir", kAllow},
    {"fchdir", kAllow}, {"mkdir", kAllow}, {"mkdirat", kAllow}, {"rmdir", kAllow},
    {"unlink", kAllow}, {"unlinkat", kAllow}, {"rename", kAllow}, {"renameat", kAllow},
    {"renameat2", kAllow}, {"link", kAllow}, {"linkat", kAllow}, {"symlink", kAllow},
    {"symlinkat", kAllow}, {"truncate", kAllow}, {"ftruncate", kAllow}, {"fallocate", kAllow},
    {"chmod", kAllow}, {"fchmod", kAllow}, {"fchmodat", kAllow}, {"fchmodat2", kAllow},
    {"utime", kAllow}, {"utimes", kAllow}, {"utimensat", kAllow}, {"futimesat", kAllow},
    {"umask", kAllow}, {"fsync", kAllow}, {"fdatasync", kAllow}, {"sync_file_range", kAllow},
    {"fadvise64", kAllow}, {"readahead", kAllow}, {"copy_file_range", kAllow},
    {"sendfile", kAllow}, {"sendfile64", kAllow}, {"getxattr", kAllow}, {"lgetxattr", kAllow},
    {"fgetxattr", kAllow}, {"listxattr", kAllow}, {"llistxattr", kAllow}, {"flistxattr", kAllow},
    {"dup", kAllow}, {"dup2", kAllow}, {"dup3", kAllow}, {"pipe", kAllow}, {"pipe2", kAllow},
    {"fcntl", kAllow}, {"fcntl64", kAllow}, {"ioctl", kAllow}, {"memfd_create", kAllow},
    {"eventfd", kAllow}, {"eventfd2", kAllow}, {"timerfd_create", kAllow},
    {"timerfd_settime", kAllow}, {"timerfd_gettime", kAllow}, {"signalfd", kAllow},
    {"signalfd4", kAllow}, {"poll", kAllow}, {"ppoll", kAllow}, {"select", kAllow},
    {"_newselect", kAllow}, {"pselect6", kAllow}, {"epoll_create", kAllow},
    {"epoll_create1", kAllow}, {"epoll_ctl", kAllow}, {"epoll_wait", kAllow},
    {"epoll_pwait", kAllow}, {"epoll_pwait2", kAllow},
    // Memory.
    {"mmap", kAllow}, {"mmap2", kAllow}, {"munmap", kAllow}, {"mprotect", kAllow},
    {"mremap", kAllow}, {"madvise", kAllow}, {"mincore", kAllow}, {"msync", kAllow},
    {"brk", kAllow}, {"mlock", kAllow}, {"mlock2", kAllow}, {"munlock", kAllow},
    {"mlockall", kAllow}, {"munlockall", kAllow}, {"membarrier", kAllow}, {"mseal", kAllow},
    {"get_mempolicy", kAllow}, {"pkey_alloc", kAllow}, {"pkey_free", kAllow},
    {"pkey_mprotect", kAllow},
    // Signals, threads, processes: below PID 1 of the jail's own pid namespace.
    {"rt_sigaction", kAllow}, {"rt_sigprocmask", kAllow}, {"rt_sigreturn", kAllow},
    {"rt_sigpending", kAllow}, {"rt_sigtimedwait", kAllow}, {"rt_sigsuspend", kAllow},
    {"rt_sigqueueinfo", kAllow}, {"rt_tgsigqueueinfo", kAllow}, {"sigaltstack", kAllow},
    {"sigreturn", kAllow}, {"pause", kAllow}, {"kill", kAllow}, {"tkill", kAllow},
    {"tgkill", kAllow}, {"futex", kAllow}, {"futex_time64", kAllow}, {"futex_waitv", kAllow},
    {"set_robust_list", kAllow}, {"get_robust_list", kAllow}, {"rseq", kAllow},
    {"set_tid_address", kAllow}, {"set_thread_area", kAllow}, {"arch_prctl", kAllow},
    {"clone", kAllow}, {"fork", kAllow}, {"vfork", kAllow}, {"execve", kAllow},
    {"execveat", kAllow}, {"wait4", kAllow}, {"waitid", kAllow}, {"exit", kAllow},
    {"exit_group", kAllow}, {"restart_syscall", kAllow}, {"getpid", kAllow}, {"getppid", kAllow},
    {"gettid", kAllow}, {"getpgid", kAllow}, {"getpgrp", kAllow}, {"getsid", kAllow},
    {"setsid", kAllow}, {"setpgid", kAllow}, {"getuid", kAllow}, {"geteuid", kAllow},
    {"getgid", kAllow}, {"getegid", kAllow}, {"getresuid", kAllow}, {"getresgid", kAllow},
    {"getgroups", kAllow}, {"getuid32", kAllow}, {"geteuid32", kAllow}, {"getgid32", kAllow},
    {"getegid32", kAllow}, {"getresuid32", kAllow}, {"getresgid32", kAllow},
    {"getgroups32", kAllow}, {"capget", kAllow}, {"prctl", kAllow}, {"getpriority", kAllow},
    {"setpriority", kAllow}, {"ioprio_get", kAllow}, {"sched_yield", kAllow},
    {"sched_getaffinity", kAllow}, {"sched_setaffinity", kAllow}, {"sched_getparam", kAllow},
    {"sched_getscheduler", kAllow}, {"sched_getattr", kAllow},
    {"sched_get_priority_max", kAllow}, {"sched_get_priority_min", kAllow},
    {"sched_rr_get_interval", kAllow}, {"getcpu", kAllow}, {"getrlimit", kAllow},
    {"ugetrlimit", kAllow}, {"setrlimit", kAllow}, {"prlimit64", kAllow}, {"getrusage", kAllow},
    {"times", kAllow}, {"pidfd_open", kAllow}, {"pidfd_send_signal", kAllow},
    {"process_mrelease", kAllow},
    // Time.
    {"clock_gettime", kAllow}, {"clock_gettime64", kAllow}, {"clock_getres", kAllow},
    {"clock_nanosleep", kAllow}, {"clock_nanosleep_time64", kAllow}, {"nanosleep", kAllow},
    {"gettimeofday", kAllow}, {"time", kAllow}, {"alarm", kAllow}, {"getitimer", kAllow},
    {"setitimer", kAllow}, {"timer_create", kAllow}, {"timer_settime", kAllow},
    {"timer_gettime", kAllow}, {"timer_getoverrun", kAllow}, {"timer_delete", kAllow},
    // The machine, as far as uname and memory totals go; randomness.
    {"uname", kAllow}, {"sysinfo", kAllow}, {"getrandom", kAllow},
    // Socket pairs (AF_UNIX only, see the guest's filter): asyncio and multiprocessing need them.
    {"socketpair", kAllow}, {"sendto", kAllow}, {"recvfrom", kAllow}, {"sendmsg", kAllow},
    {"recvmsg", kAllow}, {"sendmmsg", kAllow}, {"recvmmsg", kAllow}, {"recvmmsg_time64", kAllow},
    {"shutdown", kAllow}, {"getsockname", kAllow}, {"getpeername", kAllow},
    {"getsockopt", kAllow}, {"setsockopt", kAllow}, {"send", kAllow}, {"recv", kAllow},

    // What confine_guest and the zygote's loop need, and nobody after them.
    {"unshare", kSetupOnly}, {"setns", kSetupOnly}, {"mount", kSetupOnly},
    {"sethostname", kSetupOnly}, {"capset", kSetupOnly}, {"seccomp", kSetupOnly},
    {"landlock_create_ruleset", kSetupOnly}, {"landlock_add_rule", kSetupOnly},
    {"landlock_restrict_self", kSetupOnly},

    // Known and denied, so that a script sees EPERM and not an old kernel.
    {"socket", kDeny}, {"connect", kDeny}, {"bind", kDeny}, {"listen", kDeny},
    {"accept", kDeny}, {"accept4", kDeny}, {"umount", kDeny}, {"umount2", kDeny},
    {"pivot_root", kDeny}, {"chroot", kDeny}, {"move_mount", kDeny}, {"open_tree", kDeny},
    {"open_tree_attr", kDeny}, {"fsopen", kDeny}, {"fsconfig", kDeny}, {"fsmount", kDeny},
    {"fspick", kDeny}, {"mount_setattr", kDeny}, {"open_by_handle_at", kDeny},
    {"name_to_handle_at", kDeny}, {"ptrace", kDeny}, {"process_vm_readv", kDeny},
    {"process_vm_writev", kDeny}, {"process_madvise", kDeny}, {"kcmp", kDeny},
    {"pidfd_getfd", kDeny}, {"bpf", kDeny}, {"perf_event_open", kDeny},
    {"io_uring_setup", kDeny}, {"io_uring_enter", kDeny}, {"io_uring_register", kDeny},
    {"io_setup", kDeny}, {"io_submit", kDeny}, {"io_cancel", kDeny}, {"io_destroy", kDeny},
    {"io_getevents", kDeny}, {"io_pgetevents", kDeny}, {"userfaultfd", kDeny},
    {"keyctl", kDeny}, {"add_key", kDeny}, {"request_key", kDeny}, {"kexec_load", kDeny},
    {"kexec_file_load", kDeny}, {"init_module", kDeny}, {"finit_module", kDeny},
    {"delete_module", kDeny}, {"swapon", kDeny}, {"swapoff", kDeny}, {"reboot", kDeny},
    {"acct", kDeny}, {"quotactl", kDeny}, {"quotactl_fd", kDeny}, {"iopl", kDeny},
    {"ioperm", kDeny}, {"modify_ldt", kDeny}, {"syslog", kDeny}, {"settimeofday", kDeny},
    {"stime", kDeny}, {"clock_settime", kDeny}, {"clock_settime64", kDeny},
    {"clock_adjtime", kDeny}, {"adjtimex", kDeny}, {"setdomainname", kDeny},
    {"personality", kDeny}, {"vmsplice", kDeny}, {"splice", kDeny}, {"tee", kDeny},
    {"fanotify_init", kDeny}, {"fanotify_mark", kDeny}, {"inotify_init", kDeny},
    {"inotify_init1", kDeny}, {"inotify_add_watch", kDeny}, {"lookup_dcookie", kDeny},
    {"mbind", kDeny}, {"migrate_pages", kDeny}, {"move_pages", kDeny},
    {"set_mempolicy", kDeny}, {"set_mempolicy_home_node", kDeny}, {"vhangup", kDeny},
    {"setuid", kDeny}, {"setgid", kDeny}, {"setreuid", kDeny}, {"setregid", kDeny},
    {"setresuid", kDeny}, {"setresgid", kDeny}, {"setgroups", kDeny}, {"setfsuid", kDeny},
    {"setfsgid", kDeny}, {"setuid32", kDeny}, {"setgid32", kDeny}, {"setreuid32", kDeny},
    {"setregid32", kDeny}, {"setresuid32", kDeny}, {"setresgid32", kDeny},
    {"setgroups32", kDeny}, {"setfsuid32", kDeny}, {"setfsgid32", kDeny}, {"chown", kDeny},
    {"fchown", kDeny}, {"lchown", kDeny}, {"fchownat", kDeny}, {"mknod", kDeny},
    {"mknodat", kDeny}, {"setxattr", kDeny}, {"lsetxattr", kDeny}, {"fsetxattr", kDeny},
    {"removexattr", kDeny}, {"lremovexattr", kDeny}, {"fremovexattr", kDeny}, {"flock", kDeny},
    {"sync", kDeny}, {"syncfs", kDeny}, {"ioprio_set", kDeny}, {"sched_setparam", kDeny},
    {"sched_setscheduler", kDeny}, {"sched_setattr", kDeny}, {"shmget", kDeny},
    {"shmat", kDeny}, {"shmctl", kDeny}, {"shmdt", kDeny}, {"semget", kDeny}, {"semop", kDeny},
    {"semctl", kDeny}, {"semtimedop", kDeny}, {"msgget", kDeny}, {"msgsnd", kDeny},
    {"msgrcv", kDeny}, {"msgctl", kDeny}, {"mq_open", kDeny}, {"mq_unlink", kDeny},
    {"mq_timedsend", kDeny}, {"mq_timedreceive", kDeny}, {"mq_notify", kDeny},
    {"mq_getsetattr", kDeny}, {"lsm_get_self_attr", kDeny}, {"lsm_set_self_attr", kDeny},
    {"lsm_list_modules", kDeny}, {"memfd_secret", kDeny}, {"remap_file_pages", kDeny},
    {"uselib", kDeny}, {"ustat", kDeny}, {"sysfs", kDeny}, {"nfsservctl", kDeny},
});

}  // namespace

std::span<const SyscallEntry> guest_syscalls() { return kTable; }

}  // namespace snapjail::jail
