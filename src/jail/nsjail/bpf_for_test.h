#pragma once
// For tests: what the kernel does with a seccomp filter, and whether it takes one at all.

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "jail/nsjail/kafel_policy.h"

namespace snapjail::jail::nsjail {

// The program's answer to a call. Any instruction that none of our programs has is a CHECK.
inline std::uint32_t run_bpf(std::span<const sock_filter> code, const SyscallArguments& call) {
    seccomp_data data{};
    data.nr = static_cast<int>(call.number);
    std::copy(call.arguments.begin(), call.arguments.end(), std::begin(data.args));
    std::uint32_t a = 0;
    std::uint32_t x = 0;
    std::array<std::uint32_t, BPF_MEMWORDS> memory{};
    for (std::size_t pc = 0;; ++pc) {
        CHECK(pc < code.size());
        const sock_filter& one = code[pc];
        std::uint32_t operand = BPF_SRC(one.code) == BPF_X ? x : one.k;
        auto branch = [&](bool taken) { pc += taken ? one.jt : one.jf; };
        switch (one.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                CHECK(one.k + sizeof(a) <= sizeof(data));
                std::memcpy(&a, reinterpret_cast<const char*>(&data) + one.k, sizeof(a));
                break;
            case BPF_LD | BPF_IMM:
                a = one.k;
                break;
            case BPF_LD | BPF_MEM:
                a = memory.at(one.k);
                break;
            case BPF_LDX | BPF_MEM:
                x = memory.at(one.k);
                break;
            case BPF_ST:
                memory.at(one.k) = a;
                break;
            case BPF_ALU | BPF_AND | BPF_K:
            case BPF_ALU | BPF_AND | BPF_X:
                a &= operand;
                break;
            case BPF_ALU | BPF_OR | BPF_X:
                a |= x;
                break;
            case BPF_JMP | BPF_JA:
                pc += one.k;
                break;
            case BPF_JMP | BPF_JEQ | BPF_K:
            case BPF_JMP | BPF_JEQ | BPF_X:
                branch(a == operand);
                break;
            case BPF_JMP | BPF_JGT | BPF_K:
            case BPF_JMP | BPF_JGT | BPF_X:
                branch(a > operand);
                break;
            case BPF_JMP | BPF_JGE | BPF_K:
                branch(a >= operand);
                break;
            case BPF_JMP | BPF_JSET | BPF_K:
                branch((a & operand) != 0);
                break;
            case BPF_RET | BPF_K:
                return one.k;
            default:
                check_failed("run_bpf", "an instruction that is not known here");
        }
    }
}

// Why seccomp(2) would not take the program, or nothing: the kernel's bpf_check_classic(),
// check_load_and_stores() and seccomp_check_filter(), for the instructions of run_bpf().
inline std::string find_bpf_fault(std::span<const sock_filter> code) {
    if (code.empty() || code.size() > BPF_MAXINSNS) {
        return "length";
    }
    if (BPF_CLASS(code.back().code) != BPF_RET) {
        return "it does not end in an answer";
    }
    constexpr std::uint16_t kAll = 0xffff;
    std::vector<std::uint16_t> stored(code.size(), kAll);  // On every way to an instruction.
    std::uint16_t now = 0;
    auto flow_to = [&](std::size_t target) {
        bool is_inside = target < code.size();
        if (is_inside) {
            stored[target] = static_cast<std::uint16_t>(stored[target] & now);
        }
        return is_inside;
    };
    for (std::size_t pc = 0; pc < code.size(); ++pc) {
        const sock_filter& one = code[pc];
        now = static_cast<std::uint16_t>(now & stored[pc]);
        bool uses_memory =
            one.code == BPF_ST || one.code == (BPF_LD | BPF_MEM) || one.code == (BPF_LDX | BPF_MEM);
        if (uses_memory && one.k >= BPF_MEMWORDS) {
            return "a slot of memory that there is not";
        }
        if (one.code == BPF_ST) {
            now = static_cast<std::uint16_t>(now | (1u << one.k));
        } else if (uses_memory && (now & (1u << one.k)) == 0) {
            return "a slot of memory is read before it is written";
        } else if (one.code == (BPF_LD | BPF_W | BPF_ABS) &&
                   (one.k % 4 != 0 || one.k >= sizeof(seccomp_data))) {
            return "a load from beside the call's data";
        } else if (one.code == (BPF_JMP | BPF_JA)) {
            if (!flow_to(pc + 1 + one.k)) {
                return "a jump past the end";
            }
            now = kAll;
        } else if (BPF_CLASS(one.code) == BPF_JMP) {
            if (!flow_to(pc + 1 + one.jt) || !flow_to(pc + 1 + one.jf)) {
                return "a branch past the end";
            }
            now = kAll;
        }
    }
    return "";
}

}  // namespace snapjail::jail::nsjail
