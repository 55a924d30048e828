#pragma once
// Limits: what one job's cgroup bounds, over all its processes together, and by which controller.

#include <array>
#include <cstdint>
#include <string_view>

namespace snapjail::jail::cgroup {

enum class Controller : unsigned char { kMemory, kPids, kCpu };
inline constexpr std::array kControllers{Controller::kMemory, Controller::kPids, Controller::kCpu};

// As the kernel spells it.
constexpr std::string_view name_of(Controller controller) {
    switch (controller) {
        case Controller::kMemory:
            return "memory";
        case Controller::kPids:
            return "pids";
        case Controller::kCpu:
            return "cpu";
    }
    return "";
}

enum class Version : unsigned char { kV1, kV2 };

struct Limits {
    // Anonymous memory, /tmp, page tables, pipes: all that the kernel charges. What a guest shares
    // with its zygote is not charged to it.
    std::uint64_t memory_bytes_max = 1024ull << 20;
    std::uint64_t swap_bytes_max = 0;     // A job that needs swap is slower than its time allows.
    std::uint64_t pids_max = 64;          // Processes and threads.
    std::uint32_t cpu_ms_per_second = 0;  // Of processor time, over all processors; 0: no limit.
};

}  // namespace snapjail::jail::cgroup
