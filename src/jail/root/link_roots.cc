#include "jail/root/link_roots.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/syscall.h"

namespace snapjail::jail {
namespace {

namespace fs = std::filesystem;

struct Device {
    const char* name;
    unsigned major_number;
    unsigned minor_number;
};
// Of the kernel's Documentation/admin-guide/devices.txt.
constexpr Device kDevices[] = {
    {"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}};

Error failed(const char* operation, const std::error_code& error, const fs::path& path) {
    return Error::from_errno(operation, error.value(), path.string());
}

Result<void> make_folder(const fs::path& path) {
    std::error_code error;
    fs::create_directory(path, error);
    if (!error) {
        fs::permissions(path, fs::perms{0755}, error);
    }
    return error ? Result<void>(failed("make a folder", error, path)) : Result<void>();
}

Result<void> link_file(const fs::path& from, const fs::path& to) {
    std::error_code error;
    fs::create_hard_link(from, to, error);
    if (error) {
        // Another file system, or a kernel that forbids links to what is not ours.
        error.clear();
        fs::copy_file(from, to, error);
    }
    return error ? Result<void>(failed("link a file", error, to)) : Result<void>();
}

Result<void> link_one(const fs::path& from, const fs::path& to) {
    std::error_code error;
    fs::file_status status = fs::symlink_status(from, error);
    if (error) {
        return failed("look at a file", error, from);
    }
    if (fs::is_symlink(status)) {
        fs::copy_symlink(from, to, error);
        return error ? Result<void>(failed("copy a link", error, to)) : Result<void>();
    }
    if (fs::is_directory(status)) {
        return make_folder(to);
    }
    constexpr auto kSetId = fs::perms::set_uid | fs::perms::set_gid;
    // Sockets, devices, and what would give rights: nothing that an interpreter reads.
    bool is_plain =
        fs::is_regular_file(status) && (status.permissions() & kSetId) == fs::perms::none;
    return is_plain ? link_file(from, to) : Result<void>();
}

// `to` is there, or is made; what lies below `from` is laid below it.
Result<std::uint64_t> link_tree(const fs::path& from, const fs::path& to) {
    TRY(link_one(from, to));
    std::uint64_t count = 1;
    std::error_code error;
    if (!fs::is_directory(fs::symlink_status(from, error))) {
        return count;
    }
    fs::recursive_directory_iterator at(from, error);
    for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
        TRY(link_one(at->path(), to / at->path().lexically_relative(from)));
        ++count;
    }
    if (error) {
        return failed("read a folder", error, from);
    }
    return count;
}

Result<std::uint64_t> place(const Entry& entry, const fs::path& root) {
    fs::path path = root / entry.path;
    std::error_code error;
    switch (entry.kind) {
        case EntryKind::kDirectory:
            TRY(make_folder(path));
            return 1;
        case EntryKind::kSymlink:
            fs::create_symlink(entry.content, path, error);
            if (error) {
                return failed("make a link", error, path);
            }
            return 1;
        case EntryKind::kFile:
            TRY(write_file(path.string(), entry.content));
            fs::permissions(path, fs::perms{entry.is_executable ? 0555u : 0444u}, error);
            if (error) {
                return failed("set permissions", error, path);
            }
            return 1;
        case EntryKind::kBind:
            return link_tree(entry.content, path);
        case EntryKind::kDevice:
            return 0;  // All at once, by make_devices.
    }
    return 0;
}

Result<void> remove_old(const std::string& folder) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        fs::remove_all(entry.path(), error);
        if (error) {
            return failed("remove old roots", error, entry.path());
        }
    }
    return {};
}

}  // namespace

std::string roots_stamp(const Interpreter& interpreter) {
    return "snapjail " SNAPJAIL_VERSION "\n" + interpreter.program + "\n" + interpreter.version +
           "\n";
}

bool make_devices(const std::string& root) noexcept {
    std::string folder = root + "/dev";
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
        return false;
    }
    for (const Device& device : kDevices) {
        std::string path = folder + "/" + device.name;
        struct stat status {};
        if (::lstat(path.c_str(), &status) == 0 && S_ISCHR(status.st_mode)) {
            continue;
        }
        // A plain file of that name is what some builders of images make of a device.
        (void)::unlink(path.c_str());
        dev_t number = makedev(device.major_number, device.minor_number);
        if (::mknod(path.c_str(), S_IFCHR | 0666, number) != 0 ||
            ::chmod(path.c_str(), 0666) != 0) {
            return false;
        }
    }
    return true;
}

Result<LinkedRoots> link_roots(const RootTree& tree, const std::string& stamp,
                               const std::string& folder, std::uint32_t count,
                               const std::function<void(std::uint32_t)>& on_progress) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) {
        return failed("make the folder of roots", error, folder);
    }
    TRY(remove_old(folder));
    LinkedRoots roots;
    fs::path first = fs::path(folder) / "0";
    TRY(make_folder(first));
    for (const Entry& entry : tree.entries) {
        roots.entries_each += TRY(place(entry, first));
    }
    (void)make_devices(first.string());
    for (roots.count = 1; roots.count < count; ++roots.count) {
        on_progress(roots.count);
        fs::path next = fs::path(folder) / std::to_string(roots.count);
        TRY(link_tree(first, next));
        (void)make_devices(next.string());
    }
    on_progress(roots.count);
    // Last: where it is, the roots are whole.
    TRY(write_file(folder + "/" + kRootsStampName, stamp));
    return roots;
}

}  // namespace snapjail::jail
