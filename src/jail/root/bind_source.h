#pragma once
// A file or folder of the host on its way into a new root: opened as the user who may read it, put
// in place by the user who owns the tree. Between fork and exec: nothing here allocates.

#include <cstdint>
#include <string_view>

namespace snapjail::jail {

// A descriptor (O_PATH), -1 with errno. No link is followed, on the way or at the end: ELOOP.
// `folder` is where a relative path begins, as of openat(2); it has no "..".
int open_without_links(int folder, std::string_view path) noexcept;

// A descriptor, -1 with errno: ELOOP where a link is on the way, which whoever planned the tree has
// followed and judged; EPERM where it is of a file system that shows the host's own state. As a
// detached mount with `attributes` (MOUNT_ATTR_*), for itself and
// all that is mounted below. Where the kernel has no open_tree (gVisor), as the mere place: then
// the attributes are set when it is put into the tree.
int open_bind_source(const char* path, std::uint64_t attributes) noexcept;

// Leaves errno as it was.
void close_quietly(int fd) noexcept;

// Mounts it on `name` in `folder`. Without open_tree on `path`, the same place by its name, and
// what is mounted below the source is left out, so that no part of it stays writable.
struct BindTarget {
    int folder;
    const char* name;
    const char* path;
};
bool place_bind_source(int source_fd, const BindTarget& target, std::uint64_t attributes) noexcept;

// Sets attributes of what is mounted on `path`, and of nothing below.
bool restrict_mount_point(const char* path, std::uint64_t attributes) noexcept;

}  // namespace snapjail::jail
