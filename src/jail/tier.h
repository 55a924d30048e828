#pragma once
// Tier: the set of walls that a host allows, and what tier `process` needs beside JailPlan's rest.
// Nothing is ever weakened for one job: the tier is chosen once, at start.

#include <array>
#include <cstddef>
#include <cstdint>

namespace snapjail::jail {

enum class Tier : std::uint32_t {
    kFull,     // Namespaces, and a root of the zygote's own.
    kProcess,  // No namespace: ids, chroot, Landlock and seccomp, and a watch from outside.
};

constexpr const char* to_string(Tier tier) {
    return tier == Tier::kFull ? "full" : "process";
}

constexpr std::size_t kPlacePathBytesMax = 256;
constexpr std::size_t kReadablePathsMax = 48;

constexpr std::size_t kPlacesMax = 4096;  // zygote::kSlotsMax.

// Where a guest of tier `process` lives. Slot n has the folder `slots`/`numbers[n]`: the root that
// its guest enters by chroot, or, where that cannot be, the folder that it works in.
struct ProcessPlaces {
    std::uint32_t has_roots = 0;       // 1: it is a root, and its /tmp is the job's.
    std::uint32_t slot_uid_first = 0;  // Slot n's guests run as this + n; 0: as the zygote does.
    std::array<char, kPlacePathBytesMax> slots{};
    std::array<std::uint16_t, kPlacesMax> numbers{};
    // Without roots: what guests may read, by Landlock; everything else is out of reach.
    std::uint32_t readable_count = 0;
    std::array<std::array<char, kPlacePathBytesMax>, kReadablePathsMax> readable{};
    // All that one job may have, its processes together. Watched from outside.
    std::uint64_t memory_bytes_max = 0;
    std::uint64_t processes_max = 0;
};

}  // namespace snapjail::jail
