#include "jail/root/build_root.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

// After linux/mount.h both would define MS_*: glibc's prototypes are repeated here instead.
extern "C" int mount(const char*, const char*, const char*, unsigned long, const void*) noexcept;
extern "C" int umount2(const char*, int) noexcept;

namespace snapjail::jail {
namespace {

constexpr int kMountDetach = 2;  // MNT_DETACH of sys/mount.h.

// The first that exists becomes the mount point for the new root, out of sight for everybody else.
constexpr const char* kStagingFolders[] = {"/tmp", "/mnt", "/var", "/usr"};

SetupFailure failure(SetupStep step) {
    return {step, errno};
}

long open_tree_clone(const char* path) noexcept {
    return ::syscall(SYS_open_tree, AT_FDCWD, path,
                     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | static_cast<unsigned>(AT_RECURSIVE));
}

// Recursive: a plain MS_REMOUNT leaves what is mounted below (a kubelet's /etc/hosts, say)
// writable.
bool restrict_mount(int mount_fd, std::uint64_t attributes) noexcept {
    mount_attr attr{};
    attr.attr_set = attributes;
    attr.propagation = MS_PRIVATE;
    return ::syscall(SYS_mount_setattr, mount_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
                     sizeof(attr)) == 0;
}

bool write_all(int fd, const std::string& bytes) noexcept {
    std::size_t done = 0;
    while (done < bytes.size()) {
        ssize_t count = ::write(fd, bytes.data() + done, bytes.size() - done);
        if (count < 0) {
            return false;
        }
        done += static_cast<std::size_t>(count);
    }
    return true;
}

bool place_file(const Entry& entry) noexcept {
    int fd = ::open(entry.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                    entry.is_executable ? 0555 : 0444);
    if (fd < 0) {
        return false;
    }
    bool ok = write_all(fd, entry.content);
    int saved_errno = errno;
    ::close(fd);
    errno = saved_errno;
    return ok;
}

bool place_mount(const Entry& entry) noexcept {
    bool is_directory = entry.kind == EntryKind::kBind && entry.is_directory;
    if (is_directory) {
        if (::mkdir(entry.path.c_str(), 0755) != 0) {
            return false;
        }
    } else {
        int fd = ::open(entry.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
        if (fd < 0) {
            return false;
        }
        ::close(fd);
    }
    return ::syscall(SYS_move_mount, entry.source_fd, "", AT_FDCWD, entry.path.c_str(),
                     MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

bool place(const Entry& entry) noexcept {
    switch (entry.kind) {
        case EntryKind::kDirectory:
            return ::mkdir(entry.path.c_str(), 0755) == 0;
        case EntryKind::kSymlink:
            return ::symlink(entry.content.c_str(), entry.path.c_str()) == 0;
        case EntryKind::kFile:
            return place_file(entry);
        case EntryKind::kBind:
        case EntryKind::kDevice:
            return place_mount(entry);
    }
    return false;
}

bool mount_staging() noexcept {
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
        return false;
    }
    for (const char* folder : kStagingFolders) {
        // 64 MiB bounds a mistake of ours; the copies in the tree are some 5 MB.
        if (::mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64m") == 0) {
            return ::chdir(folder) == 0;
        }
        if (errno != ENOENT) {
            return false;
        }
    }
    return false;
}

}  // namespace

SetupFailure open_sources(RootTree& tree) noexcept {
    for (Entry& entry : tree.entries) {
        if (entry.kind != EntryKind::kBind && entry.kind != EntryKind::kDevice) {
            continue;
        }
        long fd = open_tree_clone(entry.content.c_str());
        if (fd < 0) {
            return failure(SetupStep::kOpenTree);
        }
        entry.source_fd = static_cast<int>(fd);
        // Writing to a device's node is not writing to its file system: read-only does not hinder
        // it.
        std::uint64_t attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
        attributes |= entry.kind == EntryKind::kBind ? MOUNT_ATTR_NODEV : MOUNT_ATTR_NOEXEC;
        attributes |= entry.is_noexec ? MOUNT_ATTR_NOEXEC : 0;
        if (!restrict_mount(entry.source_fd, attributes)) {
            return failure(SetupStep::kReadOnly);
        }
    }
    return {};
}

SetupFailure build_root(const RootTree& tree, bool& has_proc) noexcept {
    ::umask(0022);
    if (!mount_staging()) {
        return failure(SetupStep::kRootMount);
    }
    for (const Entry& entry : tree.entries) {
        if (!place(entry)) {
            return failure(SetupStep::kRootEntry);
        }
    }
    // A container's masked /proc forbids a new one (the kernel's mount_too_revealing): then guests
    // go without, and doctor says so.
    has_proc = ::mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0;
    // pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the new one, and goes.
    if (::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", kMountDetach) != 0 ||
        ::chdir("/") != 0) {
        return failure(SetupStep::kPivot);
    }
    mount_attr read_only{};
    read_only.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    if (::syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &read_only, sizeof(read_only)) != 0) {
        return failure(SetupStep::kReadOnly);
    }
    return {};
}

SetupFailure keep_root(bool& has_proc) noexcept {
    // Refused where the mount namespace is the host's: then nothing will be mounted either.
    (void)::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    has_proc = ::access("/proc/self", F_OK) == 0;
    return ::chdir("/") == 0 ? SetupFailure{} : failure(SetupStep::kPivot);
}

bool share_tmp() noexcept {
    return ::mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777") == 0;
}

}  // namespace snapjail::jail
