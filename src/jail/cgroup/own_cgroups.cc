#include "jail/cgroup/own_cgroups.h"

#include <algorithm>
#include <optional>

#include "base/syscall.h"

namespace snapjail::jail::cgroup {
namespace {

// A host with a thousand containers has a mount table of a megabyte.
constexpr std::size_t kProcFileBytesMax = std::size_t{16} << 20;

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        std::size_t end = std::min(text.find(separator), text.size());
        parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

bool contains(const std::vector<std::string_view>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

// One line of /proc/self/cgroup: "4:memory:/a/b", or "0::/a/b" for version 2.
struct Membership {
    Version version = Version::kV1;
    std::vector<std::string_view> controllers;
    std::string_view path;
};

std::optional<Membership> parse_membership(std::string_view line) {
    std::size_t first = line.find(':');
    std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) {
        return std::nullopt;
    }
    Membership membership;
    bool is_v2 = line.substr(0, first) == "0";
    membership.version = is_v2 ? Version::kV2 : Version::kV1;
    membership.controllers = split(line.substr(first + 1, second - first - 1), ',');
    membership.path = line.substr(second + 1);
    return membership;
}

// One line of /proc/self/mountinfo, see proc(5): "32 31 0:29 ROOT POINT rw,... - TYPE SOURCE
// OPTIONS"; before the dash any number of words.
struct Mount {
    std::string root;
    std::string point;
    std::string_view type;
    std::vector<std::string_view> options;
};

// Blanks and backslashes in paths are written as \040 and the like.
std::string unescaped(std::string_view text) {
    std::string plain;
    auto is_octal = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '7'; };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size() && is_octal(i + 1) && is_octal(i + 2) &&
            is_octal(i + 3)) {
            int value = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
            plain += static_cast<char>(value);
            i += 3;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

std::optional<Mount> parse_mount(std::string_view line) {
    auto words = split(line, ' ');
    auto dash = std::find(words.begin(), words.end(), "-");
    if (dash - words.begin() < 6 || words.end() - dash < 4) {
        return std::nullopt;
    }
    return Mount{unescaped(words[3]), unescaped(words[4]), dash[1], split(dash[3], ',')};
}

bool is_of(const Mount& mount, const Membership& membership) {
    if (membership.version == Version::kV2) {
        return mount.type == "cgroup2";
    }
    return mount.type == "cgroup" &&
           std::all_of(membership.controllers.begin(), membership.controllers.end(),
                       [&](std::string_view name) { return contains(mount.options, name); });
}

// Below a mount that shows `root` of the hierarchy. In a container without a cgroup namespace both
// paths are the host's; with one, both begin at the container's own. A path that climbs out of the
// namespace ("/..") is shown by no mount.
std::optional<std::string> folder_of(const Mount& mount, std::string_view path) {
    std::string_view root = mount.root == "/" ? "" : std::string_view(mount.root);
    bool is_below = path.starts_with(root) &&
                    (path.size() == root.size() || path[root.size()] == '/' || root.empty());
    if (!is_below || path.find("/..") != path.npos) {
        return std::nullopt;
    }
    std::string_view rest = path.substr(root.size());
    return mount.point + std::string(rest == "/" ? "" : rest);
}

}  // namespace

std::vector<OwnCgroup> find_own_cgroups(std::string_view proc_cgroup, std::string_view mountinfo) {
    std::vector<Mount> mounts;
    for (std::string_view line : split(mountinfo, '\n')) {
        if (auto mount = parse_mount(line)) {
            mounts.push_back(std::move(*mount));
        }
    }
    std::vector<OwnCgroup> found;
    for (std::string_view line : split(proc_cgroup, '\n')) {
        auto membership = parse_membership(line);
        if (!membership) {
            continue;
        }
        OwnCgroup own{.version = membership->version, .controllers = {}, .folder = {}};
        for (Controller controller : kControllers) {
            if (contains(membership->controllers, name_of(controller))) {
                own.controllers.push_back(controller);
            }
        }
        if (own.version == Version::kV1 && own.controllers.empty()) {
            continue;
        }
        // The last one: a later mount over the same place hides the earlier.
        for (auto mount = mounts.rbegin(); mount != mounts.rend() && own.folder.empty(); ++mount) {
            own.folder =
                is_of(*mount, *membership) ? folder_of(*mount, membership->path).value_or("") : "";
        }
        if (!own.folder.empty()) {
            found.push_back(std::move(own));
        }
    }
    std::stable_sort(found.begin(), found.end(), [](const OwnCgroup& a, const OwnCgroup& b) {
        return a.version == Version::kV1 && b.version == Version::kV2;
    });
    return found;
}

Result<std::vector<OwnCgroup>> read_own_cgroups() {
    std::string memberships = TRY(read_file("/proc/self/cgroup", kProcFileBytesMax));
    std::string mounts = TRY(read_file("/proc/self/mountinfo", kProcFileBytesMax));
    return find_own_cgroups(memberships, mounts);
}

}  // namespace snapjail::jail::cgroup
