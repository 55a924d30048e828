#include "jail/seccomp/filter_evaluator.h"

#include <cstring>

namespace snapjail::jail {

std::optional<std::uint32_t> evaluate_filter(std::span<const sock_filter> filter,
                                             const seccomp_data& call) {
    std::uint32_t accumulator = 0;
    for (std::size_t at = 0; at < filter.size(); ++at) {
        const sock_filter& step = filter[at];
        bool is_true = false;
        switch (step.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                if (step.k + sizeof(accumulator) > sizeof(call)) {
                    return std::nullopt;
                }
                std::memcpy(&accumulator, reinterpret_cast<const char*>(&call) + step.k,
                            sizeof(accumulator));
                continue;
            case BPF_ALU | BPF_AND | BPF_K:
                accumulator &= step.k;
                continue;
            case BPF_JMP | BPF_JA:
                at += step.k;
                continue;
            case BPF_RET | BPF_K:
                return step.k;
            case BPF_JMP | BPF_JEQ | BPF_K:
                is_true = accumulator == step.k;
                break;
            case BPF_JMP | BPF_JGT | BPF_K:
                is_true = accumulator > step.k;
                break;
            case BPF_JMP | BPF_JGE | BPF_K:
                is_true = accumulator >= step.k;
                break;
            case BPF_JMP | BPF_JSET | BPF_K:
                is_true = (accumulator & step.k) != 0;
                break;
            default:
                return std::nullopt;
        }
        at += is_true ? step.jt : step.jf;
    }
    return std::nullopt;
}

std::uint32_t stricter_answer(std::uint32_t newer, std::uint32_t older) {
    // The kernel compares the actions as signed numbers; of equals, the newer filter's stands.
    auto rank = [](std::uint32_t answer) {
        return static_cast<std::int32_t>(answer & SECCOMP_RET_ACTION_FULL);
    };
    return rank(older) < rank(newer) ? older : newer;
}

}  // namespace snapjail::jail
