#include "jail/nsjail/kafel_policy.h"

#include <linux/seccomp.h>

namespace snapjail::jail::nsjail {
namespace {

std::uint64_t value_of(const BitExpression& bits, const SyscallArguments& call) {
    switch (bits.kind) {
        case BitExpression::Kind::kNumber:
            return bits.number;
        case BitExpression::Kind::kArgument: {
            std::uint64_t value = call.arguments[bits.argument];
            return bits.bits == 64 ? value : value & ((1ull << bits.bits) - 1);
        }
        case BitExpression::Kind::kAnd:
            return value_of(*bits.left, call) & value_of(*bits.right, call);
        case BitExpression::Kind::kOr:
            return value_of(*bits.left, call) | value_of(*bits.right, call);
    }
    return 0;
}

bool is_true(const BoolExpression& expression, const SyscallArguments& call) {
    switch (expression.kind) {
        case BoolExpression::Kind::kEqual:
            return value_of(*expression.left_bits, call) == value_of(*expression.right_bits, call);
        case BoolExpression::Kind::kLess:
            return value_of(*expression.left_bits, call) < value_of(*expression.right_bits, call);
        case BoolExpression::Kind::kGreater:
            return value_of(*expression.left_bits, call) > value_of(*expression.right_bits, call);
        case BoolExpression::Kind::kNot:
            return !is_true(*expression.left, call);
        case BoolExpression::Kind::kAnd:
            return is_true(*expression.left, call) && is_true(*expression.right, call);
        case BoolExpression::Kind::kOr:
            return is_true(*expression.left, call) || is_true(*expression.right, call);
    }
    return false;
}

}  // namespace

std::uint32_t decide(const KafelPolicy& policy, const SyscallArguments& call) {
    if (call.number >= kForeignSyscalls) {
        return SECCOMP_RET_KILL_PROCESS;
    }
    for (const KafelRule& rule : policy.rules) {
        for (const KafelFilter& filter : rule.filters) {
            if (filter.syscall == call.number &&
                (!filter.condition || is_true(*filter.condition, call))) {
                return rule.action;
            }
        }
    }
    return policy.default_action;
}

}  // namespace snapjail::jail::nsjail
