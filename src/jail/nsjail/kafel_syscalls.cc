#include "jail/nsjail/kafel_syscalls.h"

#include <seccomp.h>

#include <array>
#include <cstdlib>

#include "jail/nsjail/spelling.h"

namespace snapjail::jail::nsjail {
namespace {

constexpr std::uint32_t kSyscallsMax = 1024;  // Far above the last one, of any architecture.

struct Alias {
    const char* kernel;
    const char* usual;
};
constexpr auto kAliases = std::to_array<Alias>({{"newstat", "stat"},
                                                {"newfstat", "fstat"},
                                                {"newlstat", "lstat"},
                                                {"newuname", "uname"},
                                                {"sendfile64", "sendfile"},
                                                {"umount", "umount2"},
                                                {"fstatat", "newfstatat"}});

// "name: arguments"; a star marks those that the kernel reads as 32 bits.
constexpr auto kArguments = std::to_array<std::string_view>({
    "read: fd* buf count",
    "write: fd* buf count",
    "open: filename flags* mode*",
    "openat: dfd* filename flags* mode*",
    "close: fd*",
    "creat: pathname mode*",
    "lseek: fd* offset whence*",
    "mmap: addr len prot flags fd off",
    "mprotect: start len prot",
    "munmap: addr len",
    "mremap: addr old_len new_len flags new_addr",
    "madvise: start len behavior*",
    "ioctl: fd* cmd* arg",
    "fcntl: fd* cmd* arg",
    "dup: fildes*",
    "dup2: oldfd* newfd*",
    "dup3: oldfd* newfd* flags*",
    "pipe2: fildes flags*",
    "socket: family* type* protocol*",
    "socketpair: family* type* protocol* usockvec",
    "connect: fd* uservaddr addrlen*",
    "bind: fd* umyaddr addrlen*",
    "listen: fd* backlog*",
    "accept4: fd* upeer_sockaddr upeer_addrlen flags*",
    "setsockopt: fd* level* optname* optval optlen*",
    "getsockopt: fd* level* optname* optval optlen",
    "sendto: fd* buff len flags* addr addr_len*",
    "recvfrom: fd* ubuf size flags* addr addr_len",
    "sendmsg: fd* msg flags*",
    "recvmsg: fd* msg flags*",
    "clone: clone_flags newsp parent_tidptr child_tidptr tls",
    "clone3: uargs size",
    "unshare: unshare_flags",
    "setns: fd* nstype*",
    "prctl: option* arg2 arg3 arg4 arg5",
    "arch_prctl: option* arg2",
    "ptrace: request pid addr data",
    "kill: pid* sig*",
    "tkill: pid* sig*",
    "tgkill: tgid* pid* sig*",
    "rt_sigaction: sig* act oact sigsetsize",
    "rt_sigprocmask: how* set oset sigsetsize",
    "personality: personality*",
    "setpriority: which* who* niceval*",
    "getpriority: which* who*",
    "setrlimit: resource* rlim",
    "getrlimit: resource* rlim",
    "prlimit64: pid* resource* new_rlim old_rlim",
    "setuid: uid*",
    "setgid: gid*",
    "exit: error_code*",
    "exit_group: error_code*",
    "execve: filename argv envp",
    "execveat: fd* filename argv envp flags*",
    "wait4: upid* stat_addr options* ru",
    "mount: dev_name dir_name type flags data",
    "umount2: name flags*",
    "chmod: filename mode*",
    "fchmod: fd* mode*",
    "mkdir: pathname mode*",
    "mkdirat: dfd* pathname mode*",
    "unlinkat: dfd* pathname flag*",
    "access: filename mode*",
    "faccessat: dfd* filename mode*",
    "fallocate: fd* mode* offset len",
    "futex: uaddr op* val* utime uaddr2 val3*",
    "getrandom: buf count flags*",
    "memfd_create: uname flags*",
    "seccomp: op* flags* uargs",
    "bpf: cmd* uattr size*",
    "perf_event_open: attr_uptr pid* cpu* group_fd* flags",
    "sched_setaffinity: pid* len* user_mask_ptr",
    "sched_setscheduler: pid* policy* param",
    "clock_settime: which_clock* tp",
    "epoll_create1: flags*",
    "epoll_ctl: epfd* op* fd* event",
    "eventfd2: count* flags*",
    "timerfd_create: clockid* flags*",
    "splice: fd_in* off_in fd_out* off_out len flags*",
    "umask: mask*",
    "keyctl: cmd* arg2 arg3 arg4 arg5",
});

std::vector<std::string> all_syscall_names() {
    std::vector<std::string> known;
    for (std::uint32_t number = 0; number < kSyscallsMax; ++number) {
        if (std::string one = syscall_name(number); !one.empty()) {
            known.push_back(one);
        }
    }
    return known;
}

}  // namespace

std::optional<std::uint32_t> find_syscall(const std::string& name) {
    const char* usual = name.c_str();
    for (const Alias& alias : kAliases) {
        usual = name == alias.kernel ? alias.usual : usual;
    }
    int number = ::seccomp_syscall_resolve_name(usual);
    // Negative: another architecture has it.
    return number < 0 ? std::nullopt : std::optional(static_cast<std::uint32_t>(number));
}

std::string syscall_name(std::uint32_t number) {
    char* name = ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(number));
    std::string text = name != nullptr ? name : "";
    std::free(name);
    return text;
}

std::string nearest_syscall(const std::string& name) {
    // Once: a policy for another machine has hundreds of names to look for.
    static const std::vector<std::string> known = all_syscall_names();
    return std::string(nearest_word(name, known));
}

std::vector<SyscallArgument> syscall_arguments(std::uint32_t number) {
    std::vector<SyscallArgument> arguments;
    std::string head = syscall_name(number) + ":";
    for (std::string_view row : kArguments) {
        if (!row.starts_with(head)) {
            continue;
        }
        for (std::size_t begin = head.size() + 1; begin < row.size();) {
            std::size_t end = std::min(row.find(' ', begin), row.size());
            std::string word(row.substr(begin, end - begin));
            bool is_int = word.back() == '*';
            arguments.push_back({is_int ? word.substr(0, word.size() - 1) : word, is_int});
            begin = end + 1;
        }
    }
    return arguments;
}

}  // namespace snapjail::jail::nsjail
