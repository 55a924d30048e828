#pragma once
// KafelPolicy: a seccomp policy as a tree, and what it decides. The tree's own interpreter is the
// meaning of the language; the compiled program is tested against it.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "jail/nsjail/diagnostic.h"

namespace snapjail::jail::nsjail {

// Bits of arguments: a number, an argument, or two of them joined by & or |.
struct BitExpression {
    enum class Kind : unsigned char { kNumber, kArgument, kAnd, kOr };
    Kind kind = Kind::kNumber;
    std::uint64_t number = 0;
    unsigned argument = 0;
    // Of an argument: so many of its bits the kernel reads, and no others are looked at, or else
    // 1<<32 would get past a rule against 0. 64, 32 (int) or 16 (umode_t).
    unsigned bits = 64;
    std::unique_ptr<BitExpression> left, right;
};

struct BoolExpression {
    enum class Kind : unsigned char { kEqual, kLess, kGreater, kNot, kAnd, kOr };
    Kind kind = Kind::kEqual;
    std::unique_ptr<BitExpression> left_bits, right_bits;  // Of a comparison; unsigned, 64 bits.
    std::unique_ptr<BoolExpression> left, right;           // kNot has a left one only.
};

struct KafelFilter {
    std::uint32_t syscall = 0;
    std::shared_ptr<BoolExpression> condition;  // Shared where a policy is used twice.
};

struct KafelRule {
    std::uint32_t action = 0;  // A SECCOMP_RET_ value.
    std::vector<KafelFilter> filters;
};

// The first filter that matches decides.
struct KafelPolicy {
    std::vector<KafelRule> rules;
    std::uint32_t default_action = 0;
};

struct SyscallArguments {
    std::uint32_t number = 0;
    std::array<std::uint64_t, 6> arguments{};
};
std::uint32_t decide(const KafelPolicy& policy, const SyscallArguments& call);

// Numbers from here on are x32's, which no policy for x86-64 means: they are always killed.
constexpr std::uint32_t kForeignSyscalls = 0x40000000;

// The text of a file that #include names; the path is relative to the policy's own folder.
using ReadInclude = std::function<Result<std::string>(const std::string& path)>;

// Nothing where the text has an error; `diagnostics` has it. Without `read_include` there is
// nothing that can be included.
std::optional<KafelPolicy> parse_kafel(std::string_view text, Diagnostics& diagnostics,
                                       const ReadInclude& read_include = {});

}  // namespace snapjail::jail::nsjail
