#pragma once
// link_roots: a planned RootTree laid out on disk, once for each slot, as hard links to one set of
// files. For tier `process`, which may not mount: a guest enters its slot's copy by chroot. Made
// ahead, when a container's image is built: links to files of a lower layer would copy them.

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "jail/root/interpreter.h"
#include "jail/root/root_tree.h"

namespace snapjail::jail {

// Says for which interpreter a folder of roots was made; roots for another are of no use.
std::string roots_stamp(const Interpreter& interpreter);
constexpr const char* kRootsStampName = "interpreter";

struct LinkedRoots {
    std::uint32_t count = 0;
    std::uint64_t entries_each = 0;
};

// Makes `folder`/0 to `folder`/count-1, in place of what is there. Files on another file system are
// copied, once. Devices are left out where they may not be made: who serves makes up for it.
// `on_progress` is called after each root.
Result<LinkedRoots> link_roots(const RootTree& tree, const std::string& stamp,
                               const std::string& folder, std::uint32_t count,
                               const std::function<void(std::uint32_t)>& on_progress);

// Gives the root its device nodes, in place of whatever else has their names. False: not here.
bool make_devices(const std::string& root) noexcept;

}  // namespace snapjail::jail
