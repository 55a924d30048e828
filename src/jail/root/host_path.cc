#include "jail/root/host_path.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <sstream>

namespace snapjail::jail {
namespace {

constexpr auto kHostFolders =
    std::to_array<std::string_view>({"/proc", "/sys", "/dev", "/run", "/var/run"});

// As /proc/filesystems names them.
constexpr auto kKernelsOwn = std::to_array<std::string_view>(
    {"proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs",
     "configfs", "bpf", "mqueue", "nsfs", "pstore", "efivarfs", "binfmt_misc", "fusectl",
     "selinuxfs", "rpc_pipefs"});
// Those of them that the headers have a number for.
constexpr auto kKernelsOwnMagic = std::to_array<std::uint32_t>(
    {PROC_SUPER_MAGIC, SYSFS_MAGIC, DEVPTS_SUPER_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
     DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC, BPF_FS_MAGIC, NSFS_MAGIC, PSTOREFS_MAGIC,
     EFIVARFS_MAGIC, BINFMTFS_MAGIC, SELINUX_MAGIC});

// The table has spaces and the like as three octal digits.
std::string unescaped(const std::string& text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size()) {
            int byte = 0;
            for (std::size_t digit = 1; digit <= 3; ++digit) {
                byte = byte * 8 + (text[i + digit] - '0');
            }
            result += static_cast<char>(byte);
            i += 3;
        } else {
            result += text[i];
        }
    }
    return result;
}

struct Mount {
    std::string point;
    std::string type;
};

// "36 35 98:0 /root /point options - type source ..."; see proc(5).
Mount parse_mount(const std::string& line) {
    std::istringstream words(line);
    std::string word;
    Mount mount;
    for (int i = 0; i < 5; ++i) {
        words >> mount.point;
    }
    while (words >> word && word != "-") {
    }
    words >> mount.type;
    mount.point = unescaped(mount.point);
    return mount;
}

bool is_kernels_own(const Mount& mount) {
    return std::find(kKernelsOwn.begin(), kKernelsOwn.end(), mount.type) != kKernelsOwn.end();
}

}  // namespace

bool is_at_or_below(std::string_view path, std::string_view folder) {
    return folder == "/" || (path.starts_with(folder) &&
                             (path.size() == folder.size() || path[folder.size()] == '/'));
}

Result<HostPath> resolve_host_path(const std::string& path) {
    std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
    if (real == nullptr) {
        return Error::from_errno("realpath", errno, path);
    }
    struct stat status {};
    if (::lstat(real.get(), &status) != 0) {
        return Error::from_errno("lstat", errno, path);
    }
    return HostPath{real.get(), S_ISDIR(status.st_mode), S_ISREG(status.st_mode)};
}

std::string why_not_for_guests(const std::string& resolved, const std::string& mount_table) {
    for (std::string_view folder : kHostFolders) {
        if (is_at_or_below(resolved, folder)) {
            return "what is in " + std::string(folder) +
                   " is the host's own state, and no guest's business";
        }
    }
    if (resolved == "/") {
        return "the whole host would be readable, its secrets too; bind what is needed";
    }
    Mount holds;  // The deepest one that it is in, and of those at one place the last.
    std::istringstream lines(mount_table);
    for (std::string line; std::getline(lines, line);) {
        Mount mount = parse_mount(line);
        if (mount.point.empty()) {
            continue;
        }
        if (mount.point != resolved && is_at_or_below(mount.point, resolved) &&
            is_kernels_own(mount)) {
            return mount.point + " below it is a " + mount.type + ", the host's own state";
        }
        if (is_at_or_below(resolved, mount.point) && mount.point.size() >= holds.point.size()) {
            holds = std::move(mount);
        }
    }
    return is_kernels_own(holds) ? "it is in a " + holds.type + ", the host's own state" : "";
}

bool is_kernels_own(int fd) noexcept {
    struct statfs status {};
    return ::fstatfs(fd, &status) == 0 &&
           std::find(kKernelsOwnMagic.begin(), kKernelsOwnMagic.end(),
                     static_cast<std::uint32_t>(status.f_type)) != kKernelsOwnMagic.end();
}

}  // namespace snapjail::jail
