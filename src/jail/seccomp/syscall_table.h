#pragma once
// The one table of system calls that guests live by: which there are, with which arguments, what a
// refused one answers, and why. The filters, docs/seccomp.md and the tests are made from it.

#include <cerrno>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace snapjail::jail {

// What a system call not on the list answers is ENOSYS, so that C libraries newer than this list
// fall back; what is known and denied answers EPERM.
enum class SyscallRule : unsigned char {
    kAllow,
    kSetupOnly,  // The zygote may, a guest may not: EPERM.
    kDeny,       // EPERM.
};

struct SyscallEntry {
    std::string_view name;  // As libseccomp spells it.
    SyscallRule rule;
    std::string_view reason;  // Why it is safe, or why it is refused; calls of a kind share one.
};

// In the table's order. Names that this architecture lacks are left out of the filter.
std::span<const SyscallEntry> guest_syscalls();

enum class ArgumentMatch : unsigned char {
    kOneOf,    // Any value that is not listed is refused.
    kNoneOf,   // Any value that is listed is refused.
    kNoBitOf,  // A value with any of the listed bits is refused.
};

struct ArgumentValue {
    std::uint32_t value;
    std::string_view name;
};

// A call that is allowed, but not with every argument. Where there are several rules for one call
// they stand side by side, and all must hold.
struct ArgumentRule {
    std::string_view call;
    unsigned argument;  // From 0. Compared by its low 32 bits, all that the kernel reads of an int.
    std::uint32_t mask = ~0u;  // Bits that are looked at.
    ArgumentMatch match;
    std::span<const ArgumentValue> values;
    int refusal_errno = EPERM;
    std::string_view reason;
};

std::span<const ArgumentRule> argument_rules();

// What guests have in common with other jobs where no namespace, no id of its own or no read-only
// mount keeps it from them: in tier `process`, and in gVisor.
enum class Shared : unsigned char {
    kProcesses,   // They see each other's numbers.
    kIds,         // One user id for all: to the kernel what belongs to one belongs to all.
    kSignals,     // That, and Landlock does not know signals (before Linux 6.12).
    kTruncation,  // That, and nobody judges truncate() (Landlock before Linux 6.2; gVisor).
};

// Stands for the number of the process that has loaded the filter, where an argument is compared
// with it. Above every number that a process can have (PID_MAX_LIMIT).
constexpr std::uint32_t kOwnPidMark = 0x7fff0000;

// What is judged beside the rules above where guests share something. For calls without rules
// there.
struct SharedRule {
    Shared shared;
    std::string_view calls;  // Separated by spaces: one rule for each.
    unsigned argument;
    ArgumentMatch match;
    std::span<const ArgumentValue> values;  // kOneOf none: refused whatever the argument.
    int refusal_errno = EPERM;              // 0: answers that it is done, and does nothing.
    std::string_view reason;
};

std::span<const SharedRule> shared_rules();

// What stands in `names` between single spaces.
std::vector<std::string_view> split_names(std::string_view names);

}  // namespace snapjail::jail
