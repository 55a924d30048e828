#pragma once
// For fuzz targets: what must hold of a Kafel policy. Its program decides as its tree does, the
// kernel takes the program, and joined with Snapjail's own filter it is never weaker than that.

#include <array>
#include <string>

#include "base/check.h"
#include "jail/nsjail/bpf_for_test.h"
#include "jail/nsjail/kafel_compiler.h"
#include "jail/seccomp_policy.h"
#include "tests/fuzz/pieces.h"

namespace snapjail::fuzz {

using jail::nsjail::KafelPolicy;
using jail::nsjail::SyscallArguments;

constexpr int kCallsTried = 48;
constexpr std::uint64_t kJoinedOneOf = 16;

inline void collect_numbers(const jail::nsjail::BitExpression* bits,
                            std::vector<std::uint64_t>& to) {
    if (bits != nullptr) {
        to.push_back(bits->number);
        collect_numbers(bits->left.get(), to);
        collect_numbers(bits->right.get(), to);
    }
}
inline void collect_numbers(const jail::nsjail::BoolExpression* expression,
                            std::vector<std::uint64_t>& to) {
    if (expression != nullptr) {
        collect_numbers(expression->left_bits.get(), to);
        collect_numbers(expression->right_bits.get(), to);
        collect_numbers(expression->left.get(), to);
        collect_numbers(expression->right.get(), to);
    }
}

// Calls of the policy's own numbers and of others, with arguments on both sides of its own bounds.
class CallMaker {
  public:
    CallMaker(const KafelPolicy& policy, std::string_view input) : chance_(input) {
        for (const auto& rule : policy.rules) {
            for (const auto& filter : rule.filters) {
                calls_.push_back(filter.syscall);
                collect_numbers(filter.condition.get(), numbers_);
            }
        }
        numbers_.insert(numbers_.end(), {0, 1, ~0ull, 1ull << 32});
    }

    SyscallArguments next() {
        SyscallArguments call;
        call.number = static_cast<std::uint32_t>(chance_.below(600));
        if (!calls_.empty() && chance_.below(8) != 0) {
            call.number = calls_[chance_.below(calls_.size())];
        } else if (chance_.below(8) == 0) {
            call.number = static_cast<std::uint32_t>(chance_.number());
        }
        for (std::uint64_t& argument : call.arguments) {
            argument = numbers_[chance_.below(numbers_.size())];
            switch (chance_.below(6)) {
                case 0:
                    argument = chance_.number();
                    break;
                case 1:
                    argument += 1;
                    break;
                case 2:
                    argument -= 1;
                    break;
                case 3:
                    argument |= 1ull << (32 + chance_.below(32));
                    break;
                default:
                    break;
            }
        }
        return call;
    }

  private:
    Chance chance_;
    std::vector<std::uint32_t> calls_;
    std::vector<std::uint64_t> numbers_;
};

inline std::span<const sock_filter> as_span(const jail::SeccompProgram& program) {
    return {program.instructions.data(), program.count};
}

inline void check_policy(const KafelPolicy& policy, std::string_view input) {
    static const jail::SeccompProgram kOurs = jail::compile_guest_filter().value();
    auto code = jail::nsjail::compile_kafel(policy);
    if (!code) {
        CHECK(!code.error().detail.empty());  // Too long or too deep, and said so.
        return;
    }
    CHECK(jail::nsjail::find_bpf_fault(*code).empty());
    // Joining is what takes the time: libseccomp looks every name of our own filter up again.
    auto joined = Chance(input).below(kJoinedOneOf) == 0
                      ? jail::compile_guest_filter({.own_policy = *code})
                      : Result<jail::SeccompProgram>(Error{ErrorKind::kBusy, "join"});
    CHECK(!joined || jail::nsjail::find_bpf_fault(as_span(*joined)).empty());
    CallMaker maker(policy, input);
    for (int i = 0; i < kCallsTried; ++i) {
        SyscallArguments call = maker.next();
        std::uint32_t own = jail::nsjail::run_bpf(*code, call);
        CHECK(own == jail::nsjail::decide(policy, call));
        if (!joined) {
            continue;
        }
        std::uint32_t our = jail::nsjail::run_bpf(as_span(kOurs), call);
        bool is_let_through = own == SECCOMP_RET_ALLOW || own == SECCOMP_RET_LOG;
        std::uint32_t expected = !is_let_through ? own : our == SECCOMP_RET_ALLOW ? own : our;
        CHECK(jail::nsjail::run_bpf(as_span(*joined), call) == expected);
    }
}

}  // namespace snapjail::fuzz
