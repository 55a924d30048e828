#include "jail/root/bind_source.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>

#include "jail/root/host_path.h"

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

// -1 with errno, ELOOP for a link.
int open_part(int folder, std::string_view name) noexcept {
    std::array<char, NAME_MAX + 1> text{};
    if (name.size() > NAME_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    std::memcpy(text.data(), name.data(), name.size());
    int fd = ::openat(folder, text.data(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat status {};
    if (fd < 0 || (::fstat(fd, &status) == 0 && !S_ISLNK(status.st_mode))) {
        return fd;
    }
    ::close(fd);
    errno = ELOOP;
    return -1;
}

}  // namespace

void close_quietly(int fd) noexcept {
    int saved_errno = errno;
    ::close(fd);
    errno = saved_errno;
}

// Part by part, because openat2(2) with RESOLVE_NO_SYMLINKS is not in every kernel (gVisor's).
int open_without_links(int folder, std::string_view path) noexcept {
    int at = path.starts_with('/') ? ::open("/", O_PATH | O_CLOEXEC)
                                   : ::openat(folder, ".", O_PATH | O_CLOEXEC);
    while (at >= 0 && !path.empty()) {
        std::size_t end = path.find('/');
        std::string_view name = path.substr(0, end);
        path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
        if (name.empty()) {
            continue;
        }
        int next = open_part(at, name);
        close_quietly(at);
        at = next;
    }
    return at;
}

int open_bind_source(const char* path, std::uint64_t attributes) noexcept {
    int place = open_without_links(AT_FDCWD, path);
    if (place < 0) {
        return -1;
    }
    if (is_kernels_own(place)) {
        ::close(place);
        errno = EPERM;
        return -1;
    }
    constexpr auto kFlags =
        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | static_cast<unsigned>(AT_RECURSIVE | AT_EMPTY_PATH);
    auto fd = static_cast<int>(::syscall(SYS_open_tree, place, "", kFlags));
    if (fd < 0 && errno == ENOSYS) {
        return place;
    }
    close_quietly(place);
    if (fd >= 0 && !restrict_detached_mount(fd, attributes)) {
        close_quietly(fd);
        return -1;
    }
    return fd;
}

bool place_bind_source(int source_fd, const BindTarget& target, std::uint64_t attributes) noexcept {
    if (::syscall(SYS_move_mount, source_fd, "", target.folder, target.name,
                  MOVE_MOUNT_F_EMPTY_PATH) == 0) {
        return true;
    }
    if (errno != ENOSYS || !bind_by_name(source_fd, target.path)) {
        return false;
    }
    return restrict_mount_point(target.path, is_device(source_fd)
                                                 ? attributes & ~std::uint64_t{MOUNT_ATTR_RDONLY}
                                                 : attributes);
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
