#include "jail/seccomp_policy.h"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/syscall.h"
#include "jail/landlock.h"
#include "jail/seccomp/syscall_table.h"

namespace snapjail::jail {
namespace {

struct ContextRelease {
    void operator()(void* context) const { ::seccomp_release(context); }
};
using Context = std::unique_ptr<void, ContextRelease>;

// libseccomp's level for kernels from 4.14 on: all that the policies use.
constexpr unsigned kLibraryLevel = 3;

Result<Context> make_context(std::uint32_t default_action) {
    // Otherwise the library asks the kernel which actions it has, and gVisor's answers EINVAL
    // although it has them. Where one were missing, loading the filter would fail.
    if (int rc = ::seccomp_api_set(kLibraryLevel); rc != 0) {
        return Error::from_errno("seccomp_api_set", -rc);
    }
    Context context(::seccomp_init(default_action));
    if (!context) {
        return Error::from_errno("seccomp_init", ENOMEM);
    }
    // Level 2 is a binary tree: loading a filter costs the kernel microseconds for every
    // instruction that it walks for each system call number, and a linear list is walked to its
    // end.
    int rc = ::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (rc == 0) {
        // Another architecture, or x32: nothing but an exploit does that here.
        rc = ::seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    }
    if (rc != 0) {
        return Error::from_errno("seccomp_attr_set", -rc);
    }
    return context;
}

Result<void> add_rule(const Context& context, std::uint32_t action, std::string_view name) {
    int number = ::seccomp_syscall_resolve_name(std::string(name).c_str());
    if (number == __NR_SCMP_ERROR || number < 0) {
        return {};  // This library or this architecture does not have it: the default answers.
    }
    int rc = ::seccomp_rule_add(context.get(), action, number, 0);
    return rc == 0 ? Result<void>() : Error::from_errno("seccomp_rule_add", -rc, std::string(name));
}

Result<SeccompProgram> export_program(const Context& context) {
    // libseccomp 2.5 exports to a descriptor only.
    UniqueFd file = TRY(make_memfd("seccomp", {}));
    int rc = ::seccomp_export_bpf(context.get(), file.get());
    if (rc != 0) {
        return Error::from_errno("seccomp_export_bpf", -rc);
    }
    SeccompProgram program;
    ssize_t size = TRY(retry_eintr("pread", [&] {
        return ::pread(file.get(), program.instructions.data(), sizeof(program.instructions), 0);
    }));
    program.count =
        static_cast<std::uint32_t>(static_cast<std::size_t>(size) / sizeof(sock_filter));
    if (program.count == 0 || program.count >= kFilterInstructionsMax) {
        return Error{ErrorKind::kSystem, "seccomp_export_bpf", 0, "filter is empty or too long"};
    }
    return program;
}

// Classic BPF, written by hand: libseccomp cannot say "allow this call with one of these arguments,
// EPERM with any other" under a default that allows.
class Assembler {
  public:
    void load_number() { load(offsetof(seccomp_data, nr)); }
    // Arguments are compared by their low 32 bits: all that the kernel itself reads of an int.
    void load_argument(unsigned index) {
        load(offsetof(seccomp_data, args) + index * sizeof(std::uint64_t) + kLowWordOffset);
    }
    void answer(std::uint32_t action) { code_.push_back(BPF_STMT(BPF_RET | BPF_K, action)); }
    void answer_unless_equal(std::uint32_t value, std::uint32_t action) {
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0));
        answer(action);
    }
    void answer_if_equal(std::uint32_t value, std::uint32_t action) {
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
        answer(action);
    }
    // What is listed goes on behind the answer.
    void answer_unless_one_of(std::span<const ArgumentValue> values, std::uint32_t action) {
        CHECK(values.size() <= 255);  // A BPF jump has eight bits.
        for (std::size_t left = values.size(); const ArgumentValue& one : values) {
            auto past_the_answer = static_cast<unsigned char>(left--);
            code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, one.value, past_the_answer, 0));
        }
        answer(action);
    }
    void keep_bits(std::uint32_t mask) {
        code_.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
    }
    void answer_if_any_bit(std::uint32_t mask, std::uint32_t action) {
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, mask, 0, 1));
        answer(action);
    }
    // `block` runs when the number just loaded is that of `name`; it must end in an answer.
    template <class Block>
    void when_call(const char* name, Block block) {
        int number = ::seccomp_syscall_resolve_name(name);
        if (number < 0) {
            return;
        }
        std::size_t jump = code_.size();
        code_.push_back(
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 0));
        block();
        std::size_t length = code_.size() - jump - 1;
        CHECK(length <= 255);  // A BPF jump has eight bits.
        code_[jump].jf = static_cast<unsigned char>(length);
    }
    Result<SeccompProgram> program() const {
        if (code_.size() >= kFilterInstructionsMax) {
            return Error{ErrorKind::kSystem, "assemble seccomp filter", 0, "too long"};
        }
        SeccompProgram program;
        program.count = static_cast<std::uint32_t>(code_.size());
        std::copy(code_.begin(), code_.end(), program.instructions.begin());
        return program;
    }

  private:
    static constexpr std::size_t kLowWordOffset = __BYTE_ORDER == __LITTLE_ENDIAN ? 0 : 4;

    void load(std::size_t offset) {
        code_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
    }

    std::vector<sock_filter> code_;
};

constexpr std::uint32_t kAllowed = SECCOMP_RET_ALLOW;
constexpr std::uint32_t kEperm = SECCOMP_RET_ERRNO | EPERM;

std::uint32_t all_bits(std::span<const ArgumentValue> values) {
    std::uint32_t bits = 0;
    for (const ArgumentValue& one : values) {
        bits |= one.value;
    }
    return bits;
}

// One call's rules, all of which must hold.
void check_call(Assembler& code, std::span<const ArgumentRule> rules) {
    code.when_call(std::string(rules.front().call).c_str(), [&] {
        for (const ArgumentRule& rule : rules) {
            std::uint32_t refused =
                SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(rule.refusal_errno);
            code.load_argument(rule.argument);
            if (rule.mask != ~0u) {
                code.keep_bits(rule.mask);
            }
            switch (rule.match) {
                case ArgumentMatch::kOneOf:
                    code.answer_unless_one_of(rule.values, refused);
                    break;
                case ArgumentMatch::kNoneOf:
                    for (const ArgumentValue& one : rule.values) {
                        code.answer_if_equal(one.value, refused);
                    }
                    break;
                case ArgumentMatch::kNoBitOf:
                    code.answer_if_any_bit(all_bits(rule.values), refused);
                    break;
            }
        }
        code.answer(kAllowed);
    });
}

// Rules of one call stand side by side.
void check_calls(Assembler& code, std::span<const ArgumentRule> rules) {
    while (!rules.empty()) {
        auto end = std::ranges::find_if(
            rules, [&](const ArgumentRule& rule) { return rule.call != rules.front().call; });
        auto count = static_cast<std::size_t>(end - rules.begin());
        check_call(code, rules.first(count));
        rules = rules.subspan(count);
    }
}

Result<SeccompProgram> to_program(std::span<const sock_filter> code) {
    if (code.size() > kFilterInstructionsMax) {
        return Error{ErrorKind::kInvalid, "join the seccomp policies", 0,
                     std::to_string(code.size()) + " instructions, the kernel takes " +
                         std::to_string(kFilterInstructionsMax)};
    }
    SeccompProgram program;
    program.count = static_cast<std::uint32_t>(code.size());
    std::copy(code.begin(), code.end(), program.instructions.begin());
    return program;
}

// Put a guest of tier `process` into its place, and look after it there. Denied to all others, and
// to each guest by its own filter.
constexpr auto kProcessTierSetup = std::to_array<std::string_view>(
    {"chroot", "setgroups", "setresuid", "setresgid", "setfsuid", "setfsgid"});

bool is_for_process_tier(std::string_view name) {
    return std::find(kProcessTierSetup.begin(), kProcessTierSetup.end(), name) !=
           kProcessTierSetup.end();
}

void check_shared(Assembler& code, std::span<const Shared> shared) {
    std::vector<ArgumentRule> rules;
    for (const SharedRule& rule : shared_rules()) {
        if (std::ranges::find(shared, rule.shared) == shared.end()) {
            continue;
        }
        for (std::string_view call : split_names(rule.calls)) {
            rules.push_back({.call = call,
                             .argument = rule.argument,
                             .match = rule.match,
                             .values = rule.values,
                             .refusal_errno = rule.refusal_errno,
                             .reason = rule.reason});
        }
    }
    check_calls(code, rules);
    if (!shared.empty()) {
        for (std::string_view name : kProcessTierSetup) {
            code.when_call(std::string(name).c_str(), [&] { code.answer(kEperm); });
        }
    }
}

// What `own` allows goes on to `ours`, what it logs to a second copy of ours that logs.
Result<SeccompProgram> join(std::span<const sock_filter> own, const SeccompProgram& ours) {
    constexpr std::uint16_t kReturn = BPF_RET | BPF_K;
    std::vector<sock_filter> code(own.begin(), own.end());
    for (std::size_t i = 0; i < own.size(); ++i) {
        bool allows = own[i].code == kReturn && own[i].k == SECCOMP_RET_ALLOW;
        bool logs = own[i].code == kReturn && own[i].k == SECCOMP_RET_LOG;
        if (allows || logs) {
            std::size_t target = own.size() + (logs ? ours.count : 0);
            code[i] = BPF_STMT(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(target - i - 1));
        }
    }
    for (std::uint32_t action : {SECCOMP_RET_ALLOW, SECCOMP_RET_LOG}) {
        for (std::uint32_t i = 0; i < ours.count; ++i) {
            sock_filter instruction = ours.instructions[i];
            if (instruction.code == kReturn && instruction.k == SECCOMP_RET_ALLOW) {
                instruction.k = action;
            }
            code.push_back(instruction);
        }
        if (own.empty()) {
            break;
        }
    }
    return to_program(code);
}

}  // namespace

Result<SeccompProgram> compile_zygote_filter(Tier tier) {
    Context context = TRY(make_context(SCMP_ACT_ERRNO(ENOSYS)));
    for (const SyscallEntry& entry : guest_syscalls()) {
        bool is_denied = entry.rule == SyscallRule::kDeny &&
                         !(tier == Tier::kProcess && is_for_process_tier(entry.name));
        TRY(add_rule(context, is_denied ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW, entry.name));
    }
    return export_program(context);
}

Result<SeccompProgram> compile_guest_filter(const GuestRules& rules) {
    if (rules.own_policy_use == PolicyUse::kReplace && !rules.own_policy.empty()) {
        return to_program(rules.own_policy);
    }
    // The architecture needs no second look: the zygote's filter stays in force and kills all
    // others.
    Assembler code;
    code.load_number();
    check_calls(code, argument_rules());
    for (const SyscallEntry& entry : guest_syscalls()) {
        if (entry.rule == SyscallRule::kSetupOnly) {
            code.when_call(std::string(entry.name).c_str(), [&] { code.answer(kEperm); });
        }
    }
    if (rules.keeps_affinity) {
        code.when_call("sched_setaffinity", [&] { code.answer(kEperm); });
    }
    check_shared(code, rules.shared);
    code.answer(kAllowed);
    if (std::ranges::any_of(rules.own_policy, compares_with_own_pid)) {
        return Error{ErrorKind::kInvalid, "join the seccomp policies", 0,
                     "the number " + std::to_string(kOwnPidMark) + " is taken"};
    }
    return join(rules.own_policy, TRY(code.program()));
}

std::vector<Shared> what_guests_share(const GuestHost& host) {
    if (host.tier == Tier::kFull) {
        return host.is_gvisor ? std::vector{Shared::kIds, Shared::kTruncation}
                              : std::vector<Shared>();
    }
    std::vector<Shared> shared{Shared::kProcesses};
    if (host.has_own_id) {
        return shared;
    }
    shared.push_back(Shared::kIds);
    if (host.landlock_abi < kLandlockScopes) {
        shared.push_back(Shared::kSignals);
    }
    if (host.landlock_abi < kLandlockTruncation) {
        shared.push_back(Shared::kTruncation);
    }
    return shared;
}

Result<SeccompProgram> compile_front_filter() {
    // A process that already has all its descriptors but those that it accepts or is sent.
    static constexpr auto kNames = std::to_array<std::string_view>({"read",
                                                                    "write",
                                                                    "readv",
                                                                    "writev",
                                                                    "recvfrom",
                                                                    "sendto",
                                                                    "recvmsg",
                                                                    "sendmsg",
                                                                    "accept4",
                                                                    "accept",
                                                                    "shutdown",
                                                                    "close",
                                                                    "getsockname",
                                                                    "getpeername",
                                                                    "getsockopt",
                                                                    "setsockopt",
                                                                    "epoll_ctl",
                                                                    "epoll_wait",
                                                                    "epoll_pwait",
                                                                    "epoll_pwait2",
                                                                    "poll",
                                                                    "ppoll",
                                                                    "timerfd_settime",
                                                                    "timerfd_gettime",
                                                                    "eventfd2",
                                                                    "ioctl",
                                                                    "fcntl",
                                                                    "fstat",
                                                                    "newfstatat",
                                                                    "lseek",
                                                                    "mmap",
                                                                    "munmap",
                                                                    "mremap",
                                                                    "madvise",
                                                                    "brk",
                                                                    "futex",
                                                                    "clock_gettime",
                                                                    "clock_nanosleep",
                                                                    "nanosleep",
                                                                    "gettimeofday",
                                                                    "time",
                                                                    "getrandom",
                                                                    "getpid",
                                                                    "gettid",
                                                                    "rt_sigaction",
                                                                    "rt_sigprocmask",
                                                                    "rt_sigreturn",
                                                                    "sigaltstack",
                                                                    "exit",
                                                                    "exit_group",
                                                                    "restart_syscall",
                                                                    "sched_yield",
                                                                    "getrusage",
                                                                    "membarrier",
                                                                    "rseq",
                                                                    "sysinfo",
                                                                    "sched_getaffinity"});
    Context context = TRY(make_context(SCMP_ACT_ERRNO(EPERM)));
    for (std::string_view name : kNames) {
        TRY(add_rule(context, SCMP_ACT_ALLOW, name));
    }
    // abort() signals its own thread; nobody else's, whatever the kernel would permit.
    scmp_arg_cmp is_own{0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid()), 0};
    int rc = ::seccomp_rule_add_array(context.get(), SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &is_own);
    if (rc != 0) {
        return Error::from_errno("seccomp_rule_add", -rc, "tgkill");
    }
    return export_program(context);
}

}  // namespace snapjail::jail
