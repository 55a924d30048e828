#include "jail/nsjail/kafel_compiler.h"

#include <linux/bpf_common.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>
#include <initializer_list>

#include "jail/jail_plan.h"

namespace snapjail::jail::nsjail {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the low word of an argument comes first");

constexpr std::uint16_t kJumpAlways = BPF_JMP | BPF_JA;
constexpr std::uint32_t kMemorySlots = BPF_MEMWORDS;

// A place in the program, jumped to before it is known where it is.
struct Label {
    std::vector<std::size_t> jumps;
};

class Compiler {
  public:
    Result<std::vector<sock_filter>> run(const KafelPolicy& policy) && {
        load(offsetof(seccomp_data, nr));
        emit(BPF_JMP | BPF_JGE | BPF_K, kForeignSyscalls, 0, 1);
        emit(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
        for (const KafelRule& rule : policy.rules) {
            for (const KafelFilter& filter : rule.filters) {
                add(filter, rule.action);
                if (code_.size() > kFilterInstructionsMax) {
                    return too_long();
                }
            }
        }
        emit(BPF_RET | BPF_K, policy.default_action);
        if (is_too_deep_) {
            return Error{ErrorKind::kInvalid, "compile the policy", 0,
                         "an expression of & and | is nested too deep"};
        }
        return std::move(code_);
    }

  private:
    static Error too_long() {
        return {ErrorKind::kInvalid, "compile the policy", 0, "it is longer than the kernel takes"};
    }

    void emit(unsigned code, std::uint32_t k, unsigned char yes = 0, unsigned char no = 0) {
        code_.push_back({static_cast<std::uint16_t>(code), yes, no, k});
    }
    void load(std::size_t offset) {
        emit(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
    }
    void jump(Label& label) {
        label.jumps.push_back(code_.size());
        emit(kJumpAlways, 0);
    }
    void place(Label& label) {
        for (std::size_t from : label.jumps) {
            code_[from].k = static_cast<std::uint32_t>(code_.size() - from - 1);
        }
    }

    // Each filter begins with the number in the accumulator, and leaves it there.
    void add(const KafelFilter& filter, std::uint32_t action) {
        if (!filter.condition) {
            emit(BPF_JMP | BPF_JEQ | BPF_K, filter.syscall, 0, 1);
            emit(BPF_RET | BPF_K, action);
            return;
        }
        Label next;
        Label matches;
        Label differs;
        emit(BPF_JMP | BPF_JEQ | BPF_K, filter.syscall, 1, 0);
        jump(next);
        add_condition(*filter.condition, matches, differs);
        place(matches);
        emit(BPF_RET | BPF_K, action);
        place(differs);
        load(offsetof(seccomp_data, nr));
        place(next);
    }

    // Ends with a jump to one of the two.
    void add_condition(const BoolExpression& expression, Label& yes, Label& no) {
        using enum BoolExpression::Kind;
        if (expression.kind == kNot) {
            add_condition(*expression.left, no, yes);
        } else if (expression.kind == kAnd || expression.kind == kOr) {
            Label second;
            bool is_and = expression.kind == kAnd;
            add_condition(*expression.left, is_and ? second : yes, is_and ? no : second);
            place(second);
            add_condition(*expression.right, yes, no);
        } else {
            add_comparison(expression, yes, no);
        }
    }

    // Slots 0 to 3: the two sides, each as low and high word.
    void add_comparison(const BoolExpression& comparison, Label& yes, Label& no) {
        for (unsigned half : {0u, 1u}) {
            add_bits(*comparison.left_bits, half, 4);
            emit(BPF_ST, half);
            add_bits(*comparison.right_bits, half, 4);
            emit(BPF_ST, 2 + half);
        }
        switch (comparison.kind) {
            case BoolExpression::Kind::kGreater:
                add_greater(0, 2, yes, no);
                return;
            case BoolExpression::Kind::kLess:
                add_greater(2, 0, yes, no);
                return;
            case BoolExpression::Kind::kEqual:
            case BoolExpression::Kind::kNot:
            case BoolExpression::Kind::kAnd:
            case BoolExpression::Kind::kOr:
                break;
        }
        for (unsigned half : {0u, 1u}) {
            load_pair(half, 2 + half);
            emit(BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0);
            jump(no);
        }
        jump(yes);
    }

    void load_pair(unsigned accumulator, unsigned index) {
        emit(BPF_LDX | BPF_MEM, index);
        emit(BPF_LD | BPF_MEM, accumulator);
    }

    // The numbers at slots `left` and `right`: the high words decide, or else the low ones.
    void add_greater(unsigned left, unsigned right, Label& yes, Label& no) {
        load_pair(left + 1, right + 1);
        emit(BPF_JMP | BPF_JGT | BPF_X, 0, 0, 1);
        jump(yes);
        emit(BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0);
        jump(no);
        load_pair(left, right);
        emit(BPF_JMP | BPF_JGT | BPF_X, 0, 1, 0);
        jump(no);
        jump(yes);
    }

    // One half of the value, into the accumulator. Slots from `free` on are for what is in between.
    void add_bits(const BitExpression& bits, unsigned half, std::uint32_t free) {
        switch (bits.kind) {
            case BitExpression::Kind::kNumber:
                emit(BPF_LD | BPF_IMM, static_cast<std::uint32_t>(bits.number >> (32 * half)));
                return;
            case BitExpression::Kind::kArgument:
                if (bits.bits < 64 && half == 1) {
                    emit(BPF_LD | BPF_IMM, 0);
                    return;
                }
                load(offsetof(seccomp_data, args) + bits.argument * sizeof(std::uint64_t) +
                     half * sizeof(std::uint32_t));
                if (bits.bits < 32) {
                    emit(BPF_ALU | BPF_AND | BPF_K, (1u << bits.bits) - 1);
                }
                return;
            case BitExpression::Kind::kAnd:
            case BitExpression::Kind::kOr:
                break;
        }
        if (free >= kMemorySlots) {
            is_too_deep_ = true;
            return;
        }
        add_bits(*bits.left, half, free);
        emit(BPF_ST, free);
        add_bits(*bits.right, half, free + 1);
        emit(BPF_LDX | BPF_MEM, free);
        bool is_and = bits.kind == BitExpression::Kind::kAnd;
        emit(BPF_ALU | (is_and ? BPF_AND : BPF_OR) | BPF_X, 0);
    }

    std::vector<sock_filter> code_;
    bool is_too_deep_ = false;
};

}  // namespace

Result<std::vector<sock_filter>> compile_kafel(const KafelPolicy& policy) {
    auto code = TRY(Compiler().run(policy));
    if (code.size() > kFilterInstructionsMax) {
        return Error{ErrorKind::kInvalid, "compile the policy", 0,
                     "it is longer than the kernel takes"};
    }
    return code;
}

}  // namespace snapjail::jail::nsjail
