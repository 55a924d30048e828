#pragma once
// The one table of system calls that guests live by: which there are, with which arguments, what a
// refused one answers, and why. The filters, docs/seccomp.md and the tests are made from it.

#include <cerrno>
#include <cstdint>
#include <span>
#include <string_view>

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

}  // namespace snapjail::jail
