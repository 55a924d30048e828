#include "jail/root/build_root.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "jail/root/bind_source.h"

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

std::uint64_t attributes_of(const Entry& entry) noexcept {
    // Writing to a device's node is not writing to its file system: read-only does not hinder it.
    std::uint64_t attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
    attributes |= entry.kind == EntryKind::kBind ? MOUNT_ATTR_NODEV : MOUNT_ATTR_NOEXEC;
    return attributes | (entry.is_noexec ? MOUNT_ATTR_NOEXEC : 0);
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

bool place_file(const BindTarget& at, const Entry& entry) noexcept {
    int fd = ::openat(at.folder, at.name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                      entry.is_executable ? 0555 : 0444);
    if (fd < 0) {
        return false;
    }
    bool ok = write_all(fd, entry.content);
    close_quietly(fd);
    return ok;
}

bool place_mount(const BindTarget& at, const Entry& entry) noexcept {
    bool is_directory = entry.kind == EntryKind::kBind && entry.is_directory;
    if (is_directory) {
        if (::mkdirat(at.folder, at.name, 0755) != 0) {
            return false;
        }
    } else {
        int fd = ::openat(at.folder, at.name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
        if (fd < 0) {
            return false;
        }
        ::close(fd);
    }
    return place_bind_source(entry.source_fd, at, attributes_of(entry));
}

bool place_at(const BindTarget& at, const Entry& entry) noexcept {
    switch (entry.kind) {
        case EntryKind::kDirectory:
            return ::mkdirat(at.folder, at.name, 0755) == 0;
        case EntryKind::kSymlink:
            return ::symlinkat(entry.content.c_str(), at.folder, at.name) == 0;
        case EntryKind::kFile:
            return place_file(at, entry);
        case EntryKind::kBind:
        case EntryKind::kDevice:
            return place_mount(at, entry);
    }
    return false;
}

// No link is followed: one that a configuration has laid into the tree would lead into the host,
// which is still the root here.
bool place(const Entry& entry) noexcept {
    std::size_t slash = entry.path.rfind('/');
    std::size_t parent_size = slash == std::string::npos ? 0 : slash;
    int folder = open_without_links(AT_FDCWD, {entry.path.data(), parent_size});
    if (folder < 0) {
        return false;
    }
    const char* name = entry.path.c_str() + (slash == std::string::npos ? 0 : slash + 1);
    bool ok = place_at({folder, name, entry.path.c_str()}, entry);
    close_quietly(folder);
    return ok;
}

// What was planned as a file or a folder may be another thing by now: a socket, say.
bool is_as_planned(const Entry& entry) noexcept {
    struct stat status {};
    if (::fstat(entry.source_fd, &status) != 0) {
        return false;
    }
    bool is_right = entry.kind == EntryKind::kDevice ? S_ISCHR(status.st_mode)
                    : entry.is_directory             ? S_ISDIR(status.st_mode)
                                                     : S_ISREG(status.st_mode);
    errno = is_right ? errno : EINVAL;
    return is_right;
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
        entry.source_fd = open_bind_source(entry.content.c_str(), attributes_of(entry));
        if (entry.source_fd < 0 || !is_as_planned(entry)) {
            return failure(SetupStep::kOpenTree);
        }
    }
    return {};
}

SetupFailure build_root(const RootTree& tree, Procfs& procfs) noexcept {
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
    procfs.is_there =
        ::mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0;
    // gVisor's own: it takes every option of a procfs, and hides nothing.
    procfs.shows_system = ::access("proc/sentry-meminfo", F_OK) == 0;
    if (!procfs.shows_system && errno != ENOENT) {
        return failure(SetupStep::kProc);
    }
    // pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the new one, and goes.
    if (::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", kMountDetach) != 0 ||
        ::chdir("/") != 0) {
        return failure(SetupStep::kPivot);
    }
    if (!restrict_mount_point("/", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)) {
        return failure(SetupStep::kReadOnly);
    }
    return {};
}

SetupFailure keep_root(Procfs& procfs) noexcept {
    // Refused where the mount namespace is the host's: then nothing will be mounted either.
    (void)::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    procfs.is_there = ::access("/proc/self", F_OK) == 0;
    return ::chdir("/") == 0 ? SetupFailure{} : failure(SetupStep::kPivot);
}

bool share_tmp() noexcept {
    return ::mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777") == 0;
}

}  // namespace snapjail::jail
