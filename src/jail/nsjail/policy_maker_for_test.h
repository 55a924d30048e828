#pragma once
// For tests: Kafel policies by chance, with nested conditions and few distinct numbers, so that
// rules do match.

#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <utility>

namespace snapjail::jail::nsjail {

constexpr std::uint32_t kSyscallsTried = 512;

class PolicyMaker {
  public:
    // `random` is asked for every choice; zero for ever makes the smallest policy.
    explicit PolicyMaker(std::function<std::uint64_t()> random) : random_(std::move(random)) {}

    std::uint64_t below(std::uint64_t end) { return random_() % end; }
    std::uint64_t value() {
        constexpr std::uint64_t kValues[] = {0,          1,          2,           7,
                                             0xffffffff, 1ull << 31, 1ull << 32,  (1ull << 32) + 1,
                                             ~0ull,      1ull << 63, 0x100000007, 0xfffffffe};
        return below(3) == 0 ? random_() : kValues[below(std::size(kValues))];
    }
    std::string bits(int depth) {
        static constexpr const char* kNames[] = {"a", "b", "c", "d", "e", "f"};
        switch (depth > 3 ? below(2) : below(4)) {
            case 0:
                return std::to_string(value());
            case 1:
                return kNames[below(6)];
            case 2:
                return "(" + bits(depth + 1) + " & " + bits(depth + 1) + ")";
            default:
                return "(" + bits(depth + 1) + " | " + bits(depth + 1) + ")";
        }
    }
    std::string condition(int depth) {
        static constexpr const char* kSigns[] = {" == ", " != ", " < ", " > ", " <= ", " >= "};
        static constexpr const char* kJoints[] = {" && ", " || ", ", "};
        if (depth > 3 || below(2) == 0) {
            return bits(0) + kSigns[below(6)] + bits(0);
        }
        if (below(4) == 0) {
            return "!(" + condition(depth + 1) + ")";
        }
        return "(" + condition(depth + 1) + kJoints[below(3)] + condition(depth + 1) + ")";
    }
    std::string policy() {
        static constexpr const char* kActions[] = {"ALLOW", "LOG",     "KILL_PROCESS",
                                                   "DENY",  "TRAP(3)", "ERRNO(13)"};
        std::string text;
        for (std::uint64_t rules = 1 + below(6); rules > 0; --rules) {
            text += std::string(kActions[below(6)]) + " {";
            for (std::uint64_t filters = 1 + below(8); filters > 0; --filters) {
                text += " SYSCALL[" + std::to_string(below(kSyscallsTried)) + "](a,b,c,d,e,f)";
                text += below(2) == 0 ? "" : " { " + condition(0) + " }";
                text += filters > 1 ? "," : " }\n";
            }
        }
        return text + "DEFAULT " + kActions[below(6)];
    }

  private:
    std::function<std::uint64_t()> random_;
};

}  // namespace snapjail::jail::nsjail
