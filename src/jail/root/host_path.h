#pragma once
// HostPath: what a path of the host's leads to, and why no guest may see it. What the kernel makes
// up (processes, devices, its settings) and /run are the host's own state, by whatever name.

#include <string>
#include <string_view>

#include "base/result.h"

namespace snapjail::jail {

// Both absolute, or both relative.
bool is_at_or_below(std::string_view path, std::string_view folder);

struct HostPath {
    std::string resolved;  // Absolute, without a link in it.
    bool is_directory = false;
    bool is_regular = false;
};

// Every link followed, as realpath(3) does it.
Result<HostPath> resolve_host_path(const std::string& path);

// Words for an error, or nothing where guests may see it and all that is mounted below.
// `mount_table` is /proc/self/mountinfo.
std::string why_not_for_guests(const std::string& resolved, const std::string& mount_table);

// For the child side of a fork: a file system that only the kernel writes. Not devtmpfs, which
// looks like a tmpfs from here.
bool is_kernels_own(int fd) noexcept;

}  // namespace snapjail::jail
