#include "jail/root/bind_source.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

// After linux/mount.h both would define MS_*: glibc's prototype is repeated here instead.
extern "C" int mount(const char*, const char*, const char*, unsigned long, const void*) noexcept;

namespace snapjail::jail {
namespace {

// Recursive: a plain MS_REMOUNT leaves what is mounted below (a kubelet's /etc/hosts, say)
// writable.
bool restrict_detached_mount(int mount_fd, std::uint64_t attributes) noexcept {
    mount_attr attr{};
    attr.attr_set = attributes;
    attr.propagation = MS_PRIVATE;
    return ::syscall(SYS_mount_setattr, mount_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
                     sizeof(attr)) == 0;
}

unsigned long mount_flags(std::uint64_t attributes) noexcept {
    unsigned long flags = 0;
    flags |= (attributes & MOUNT_ATTR_RDONLY) != 0 ? MS_RDONLY : 0;
    flags |= (attributes & MOUNT_ATTR_NOSUID) != 0 ? MS_NOSUID : 0;
    flags |= (attributes & MOUNT_ATTR_NODEV) != 0 ? MS_NODEV : 0;
    flags |= (attributes & MOUNT_ATTR_NOEXEC) != 0 ? MS_NOEXEC : 0;
    return flags;
}

// gVisor lets nobody write to a device on a read-only mount; Linux does.
bool is_device(int fd) noexcept {
    struct stat status {};
    return ::fstat(fd, &status) == 0 && S_ISCHR(status.st_mode);
}

bool bind_by_name(int source_fd, const char* path) noexcept {
    std::array<char, 40> name{"/proc/self/fd/"};
    char* digits = name.data() + std::strlen(name.data());
    *std::to_chars(digits, name.data() + name.size() - 1, source_fd).ptr = '\0';
    return ::mount(name.data(), path, nullptr, MS_BIND, nullptr) == 0;
}

}  // namespace

int open_bind_source(const char* path, std::uint64_t attributes) noexcept {
    long fd = ::syscall(SYS_open_tree, AT_FDCWD, path,
                        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | static_cast<unsigned>(AT_RECURSIVE));
    if (fd < 0 && errno == ENOSYS) {
        return ::open(path, O_PATH | O_CLOEXEC);
    }
    if (fd >= 0 && !restrict_detached_mount(static_cast<int>(fd), attributes)) {
        int saved_errno = errno;
        ::close(static_cast<int>(fd));
        errno = saved_errno;
        return -1;
    }
    return static_cast<int>(fd);
}

bool place_bind_source(int source_fd, const char* path, std::uint64_t attributes) noexcept {
    if (::syscall(SYS_move_mount, source_fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) == 0) {
        return true;
    }
    if (errno != ENOSYS || !bind_by_name(source_fd, path)) {
        return false;
    }
    return restrict_mount_point(
        path, is_device(source_fd) ? attributes & ~std::uint64_t{MOUNT_ATTR_RDONLY} : attributes);
}

bool restrict_mount_point(const char* path, std::uint64_t attributes) noexcept {
    mount_attr attr{};
    attr.attr_set = attributes;
    if (::syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &attr, sizeof(attr)) == 0) {
        return true;
    }
    return errno == ENOSYS && ::mount(nullptr, path, nullptr,
                                      MS_BIND | MS_REMOUNT | mount_flags(attributes), nullptr) == 0;
}

}  // namespace snapjail::jail
