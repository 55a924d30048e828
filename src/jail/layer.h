#pragma once
// Layer: the walls around a guest, one by one, and the names that /health, the tests and
// docs/walls.md know them by. LayerSet says which of them stand, and which verify_guest expects to
// find standing: all, in every build but one.
//
// Only a build for the tests of the walls (CMake: SNAPJAIL_TEST_LAYERS) can hold a LayerSet that
// lacks one, to see what the others stop. In all others the class is empty, its answers are known
// at compile time, and nothing in the program can say otherwise.

#include <sched.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace snapjail::jail {

enum class Layer : std::uint32_t {
    kUserNamespace,
    kMountNamespace,
    kPidNamespace,
    kNetworkNamespace,
    kIpcNamespace,
    kUtsNamespace,
    kCgroupNamespace,
    kReadOnlyRoot,
    kPrivateTmpfs,
    kPrivateProcfs,
    kClosedDescriptors,
    kNoCapabilities,
    kNoNewPrivs,
    kSeccomp,
    kLandlock,
    kRlimits,
};

// In the order of the enumerators.
constexpr auto kLayerNames = std::to_array<std::string_view>(
    {"user namespace", "mount namespace", "pid namespace", "network namespace", "ipc namespace",
     "uts namespace", "cgroup namespace", "read-only root", "private tmpfs", "private procfs",
     "closed descriptors", "no capabilities", "no_new_privs", "seccomp", "landlock", "rlimits"});

constexpr std::string_view to_string(Layer layer) {
    return kLayerNames[static_cast<std::size_t>(layer)];
}

constexpr std::optional<Layer> find_layer(std::string_view name) {
    for (std::uint32_t i = 0; i < kLayerNames.size(); ++i) {
        if (kLayerNames[i] == name) {
            return static_cast<Layer>(i);
        }
    }
    return std::nullopt;
}

#ifdef SNAPJAIL_TEST_LAYERS
class LayerSet {
  public:
    constexpr bool stands(Layer layer) const {
        return (off_ >> static_cast<std::uint32_t>(layer) & 1) == 0;
    }
    constexpr bool is_expected(Layer layer) const {
        return (unexpected_ >> static_cast<std::uint32_t>(layer) & 1) == 0;
    }
    // Left out, and everybody knows.
    constexpr void switch_off(Layer layer) {
        break_unnoticed(layer);
        unexpected_ |= 1u << static_cast<std::uint32_t>(layer);
    }
    // Left out, and it is for verify_guest to notice.
    constexpr void break_unnoticed(Layer layer) { off_ |= 1u << static_cast<std::uint32_t>(layer); }

  private:
    std::uint32_t off_ = 0;
    std::uint32_t unexpected_ = 0;
};
#else
class LayerSet {
  public:
    // Not static: a call reads the same in both builds.
    // NOLINTNEXTLINE(readability-convert-member-functions-to-static)
    constexpr bool stands(Layer) const { return true; }
    // NOLINTNEXTLINE(readability-convert-member-functions-to-static)
    constexpr bool is_expected(Layer) const { return true; }
};
#endif

// Those of the CLONE_NEW* flags whose layers stand.
constexpr unsigned long standing_namespaces(const LayerSet& layers, unsigned long flags) {
    struct Row {
        Layer layer;
        unsigned long flag;
    };
    constexpr auto kRows = std::to_array<Row>({{Layer::kUserNamespace, CLONE_NEWUSER},
                                               {Layer::kMountNamespace, CLONE_NEWNS},
                                               {Layer::kPidNamespace, CLONE_NEWPID},
                                               {Layer::kNetworkNamespace, CLONE_NEWNET},
                                               {Layer::kIpcNamespace, CLONE_NEWIPC},
                                               {Layer::kUtsNamespace, CLONE_NEWUTS},
                                               {Layer::kCgroupNamespace, CLONE_NEWCGROUP}});
    for (const Row& row : kRows) {
        if (!layers.stands(row.layer)) {
            flags &= ~row.flag;
        }
    }
    return flags;
}

}  // namespace snapjail::jail
