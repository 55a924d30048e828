#pragma once
// A file or folder of the host on its way into a new root: opened as the user who may read it, put
// in place by the user who owns the tree. Between fork and exec: nothing here allocates.

#include <cstdint>

namespace snapjail::jail {

// A descriptor, -1 with errno. As a detached mount with `attributes` (MOUNT_ATTR_*), for itself and
// all that is mounted below. Where the kernel has no open_tree (gVisor), as the mere place: then
// the attributes are set when it is put into the tree.
int open_bind_source(const char* path, std::uint64_t attributes) noexcept;

// Mounts it on `path`. Without open_tree, what is mounted below the source is left out, so that no
// part of it stays writable.
bool place_bind_source(int source_fd, const char* path, std::uint64_t attributes) noexcept;

// Sets attributes of what is mounted on `path`, and of nothing below.
bool restrict_mount_point(const char* path, std::uint64_t attributes) noexcept;

}  // namespace snapjail::jail
