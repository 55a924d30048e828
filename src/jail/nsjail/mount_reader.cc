// The mount fields: see settings_reader.h.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <vector>

#include "base/syscall.h"
#include "jail/nsjail/settings_reader.h"
#include "jail/root/host_path.h"

namespace snapjail::jail::nsjail {
namespace {

constexpr std::uint64_t kMiB = 1ull << 20;
constexpr std::uint64_t kTmpfsBytesMax = kMiB << 20;            // 1 TiB.
constexpr std::size_t kContentBytesMax = std::size_t{4} << 20;  // It is kept in memory.

// The jail has these already, and guests may write to them.
constexpr auto kDevices = std::to_array<std::string_view>(
    {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"});
constexpr std::size_t kMountTableBytesMax = std::size_t{16} << 20;  // 100,000 mounts.

// "/a//b/" becomes "/a/b"; nothing where it is relative or has "." or ".." in it.
std::optional<std::string> normalized(const std::string& path) {
    if (!path.starts_with('/') || path.find('\0') != std::string::npos) {
        return std::nullopt;
    }
    std::string result;
    for (std::size_t at = 1; at <= path.size();) {
        std::size_t end = std::min(path.find('/', at), path.size());
        std::string part = path.substr(at, end - at);
        if (part == "." || part == "..") {
            return std::nullopt;
        }
        result += part.empty() ? "" : "/" + part;
        at = end + 1;
    }
    return result.empty() ? "/" : result;
}

// "40m", "1048576", "1g".
std::optional<std::uint64_t> parse_size(std::string_view text) {
    std::uint64_t number = 0;
    auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    if (failed != std::errc() || number > kTmpfsBytesMax) {
        return std::nullopt;
    }
    if (unit == "k" || unit == "K") {
        return number << 10;
    }
    if (unit == "m" || unit == "M") {
        return number << 20;
    }
    if (unit == "g" || unit == "G") {
        return number << 30;
    }
    return unit.empty() ? std::optional(number) : std::nullopt;
}

class MountReader {
  public:
    MountReader(ConfigText& text, const Surroundings& surroundings, FileSettings& settings)
        : text_(text), surroundings_(surroundings), settings_(settings) {}

    void read() {
        for (index_ = 0; index_ < text_.config.mount_size(); ++index_) {
            read_one(text_.config.mount(index_));
        }
        refuse_what_is_covered();
    }

  private:
    Position at(const char* field) const { return text_.places->within("mount", index_, field); }
    void error(const char* field, std::string text) {
        text_.diagnostics.error(at(field), std::move(text));
    }
    void note(const char* field, std::string text) {
        text_.diagnostics.note(at(field), std::move(text));
    }

    void read_one(const ::nsjail::MountPt& mount) {
        auto destination = read_destination(mount);
        if (!destination) {
            return;
        }
        if (mount.is_symlink()) {
            add({.kind = EntryKind::kSymlink,
                 .path = destination->substr(1),
                 .content = mount.src()});
        } else if (mount.has_src_content()) {
            read_content(mount, *destination);
        } else if (mount.fstype() == "tmpfs") {
            read_tmpfs(mount, *destination);
        } else if (mount.fstype() == "proc") {
            read_proc(*destination);
        } else if (mount.is_bind()) {
            read_bind(mount, *destination);
        } else if (mount.fstype().empty()) {
            error("dst",
                  "this mounts nothing: say is_bind: true, fstype: \"tmpfs\", src_content "
                  "or is_symlink: true");
        } else {
            error("fstype", "a jail has no file system of type " + mount.fstype() +
                                "; known are tmpfs and proc");
        }
    }

    std::optional<std::string> prefixed(const std::string& variable, const char* field,
                                        const std::string& path) {
        if (variable.empty()) {
            return path;
        }
        auto prefix = surroundings_.variable(variable);
        if (!prefix) {
            error(field, "the service's environment has no " + variable);
            return std::nullopt;
        }
        return *prefix + path;
    }

    std::optional<std::string> read_destination(const ::nsjail::MountPt& mount) {
        if (!mount.has_dst()) {
            error("dst", "a mount needs dst: where it stands in the jail");
            return std::nullopt;
        }
        auto path = prefixed(mount.prefix_dst_env(), "prefix_dst_env", mount.dst());
        if (!path) {
            return std::nullopt;
        }
        auto destination = normalized(*path);
        if (!destination) {
            error("dst", "dst must be an absolute path without \"..\"" +
                             (path->starts_with('/') ? std::string()
                                                     : "; did you mean \"/" + *path + "\"?"));
        } else if (*destination == "/") {
            error("dst",
                  "the jail's root is Snapjail's own, read-only; mount what is needed of \"" +
                      mount.src() + "\" below it");
            return std::nullopt;
        } else if (is_at_or_below(*destination, "/snapjail")) {
            error("dst", "/snapjail is where Snapjail's own files stand");
            return std::nullopt;
        }
        return destination;
    }

    void read_content(const ::nsjail::MountPt& mount, const std::string& destination) {
        if (mount.src_content().size() > kContentBytesMax) {
            error("src_content", "src_content is larger than 4 MiB; bind a file");
        } else if (mount.rw()) {
            error("rw", "a file of the jail's root cannot be writable; /tmp is");
        } else {
            add({.kind = EntryKind::kFile,
                 .path = destination.substr(1),
                 .content = mount.src_content()});
        }
    }

    void read_proc(const std::string& destination) {
        if (destination != "/proc") {
            error("dst", "a procfs stands at /proc only");
            return;
        }
        settings_.jail.shows_proc = true;
    }

    void read_tmpfs(const ::nsjail::MountPt& mount, const std::string& destination) {
        bool is_tmp = destination == "/tmp";
        PrivateTmpfs tmpfs{destination, settings_.limits.tmp_bytes_max,
                           settings_.limits.tmp_inodes_max, !mount.rw()};
        bool has_size = read_tmpfs_options(mount, tmpfs);
        if (!has_size) {
            note("dst", "without options: \"size=...\" it holds " +
                            std::to_string(tmpfs.bytes_max / kMiB) + " MiB");
        }
        if (is_tmp) {
            if (!mount.rw()) {
                text_.diagnostics.warning(at("dst"),
                                          "/tmp is writable all the same: the script "
                                          "stands in it; say rw: true");
            }
            settings_.limits.tmp_bytes_max = tmpfs.bytes_max;
            settings_.limits.tmp_inodes_max = tmpfs.inodes_max;
            return;
        }
        if (settings_.jail.tmpfs.size() == kTmpfsMax) {
            error("dst", "more than " + std::to_string(kTmpfsMax) + " tmpfs beside /tmp");
        } else if (destination.size() >= kTmpfsPathBytesMax) {
            error("dst", "the path of a tmpfs must be shorter than " +
                             std::to_string(kTmpfsPathBytesMax) + " bytes");
        } else if (is_at_or_below(destination, "/tmp") || is_at_or_below(destination, "/proc")) {
            error("dst", destination + " would lie in a file system of the guest's own");
        } else {
            add({.kind = EntryKind::kDirectory, .path = destination.substr(1), .content = {}});
            settings_.jail.tmpfs.push_back(tmpfs);
        }
    }

    bool read_tmpfs_options(const ::nsjail::MountPt& mount, PrivateTmpfs& tmpfs) {
        bool has_size = false;
        const std::string& options = mount.options();
        for (std::size_t begin = 0; begin < options.size();) {
            std::size_t end = std::min(options.find(',', begin), options.size());
            std::string option = options.substr(begin, end - begin);
            begin = end + 1;
            std::string value = option.substr(std::min(option.find('=') + 1, option.size()));
            auto number = parse_size(value);
            if (option.starts_with("size=")) {
                has_size = true;
                if (!number || *number < 4096) {
                    error("options", "size must be 4k to 1024g, such as size=100m");
                } else {
                    tmpfs.bytes_max = *number;
                }
            } else if (option.starts_with("nr_inodes=")) {
                if (!number || *number == 0) {
                    error("options", "nr_inodes must be a number above 0");
                } else {
                    tmpfs.inodes_max = *number;
                }
            } else if (option.starts_with("mode=") || option.starts_with("uid=") ||
                       option.starts_with("gid=")) {
                note("options", option + ": the guest owns it, and it is writable by it alone");
            } else {
                error("options", "\"" + option +
                                     "\" is none of: size=, nr_inodes=, mode=, uid=, "
                                     "gid=");
            }
        }
        return has_size;
    }

    void read_bind(const ::nsjail::MountPt& mount, const std::string& destination) {
        auto given = prefixed(mount.prefix_src_env(), "prefix_src_env", mount.src());
        auto source = given ? normalized(*given) : std::nullopt;
        if (!source) {
            if (given) {
                error("src", "src must be an absolute path without \"..\"");
            }
            return;
        }
        bool is_device = std::find(kDevices.begin(), kDevices.end(), *source) != kDevices.end();
        if (is_device && *source == destination) {
            note("dst", "the jail has " + destination + " already");
            return;
        }
        if (mount.rw()) {
            refuse_writable_bind(*source, destination);
            return;
        }
        if (std::string why = why_not_for_guests(*source, ""); !why.empty()) {
            error("src", why + (is_at_or_below(*source, "/proc") ? "; say mount_proc: true" : ""));
            return;
        }
        if (is_at_or_below(destination, "/tmp") || is_at_or_below(destination, "/proc")) {
            error("dst", destination + " would be covered by the guest's own file system there");
            return;
        }
        auto found = resolve_host_path(*source);
        if (!found) {
            report_missing(mount, *source, found.error());
        } else if (is_for_guests(*source, *found)) {
            add({.kind = EntryKind::kBind,
                 .path = destination.substr(1),
                 .content = found->resolved,
                 .is_directory = found->is_directory,
                 .is_noexec = mount.noexec()});
        }
    }

    void report_missing(const ::nsjail::MountPt& mount, const std::string& source,
                        const Error& why) {
        bool is_missing = why.sys_errno == ENOENT || why.sys_errno == ENOTDIR;
        if (!is_missing) {
            error("src", source + ": " + std::strerror(why.sys_errno));
        } else if (mount.mandatory()) {
            error("src", source +
                             " cannot be found here; say mandatory: false if it may be "
                             "missing");
        } else {
            note("src", source + " cannot be found here, and is left out");
        }
    }

    // By what it leads to, not by its name: a link to /proc is the host's /proc.
    bool is_for_guests(const std::string& source, const HostPath& found) {
        std::string name =
            found.resolved == source ? source : source + " leads to " + found.resolved;
        auto mounts = read_file("/proc/self/mountinfo", kMountTableBytesMax);
        std::string why = why_not_for_guests(found.resolved, mounts ? *mounts : "");
        if (!why.empty()) {
            error("src", name + ": " + why);
        } else if (!found.is_directory && !found.is_regular) {
            error("src", name + (found.resolved == source ? " is" : ", which is") +
                             " neither a folder nor a file");
            return false;
        }
        return why.empty();
    }

    void refuse_writable_bind(const std::string& source, const std::string& destination) {
        std::string why = "jobs would share it, and leave things there for each other";
        if (source == "/" || source == "/proc") {
            why = "a job could change the host";
        } else if (source == "/tmp") {
            why = "the host's " + source + " would be every job's";
        }
        bool is_tmp = destination == "/tmp";
        error("rw", "a bind is never writable: " + why + "; say " +
                        (is_tmp ? "mount { dst: \"/tmp\" fstype: \"tmpfs\" rw: true } for one of "
                                  "each job's own"
                                : "rw: false, or make it a tmpfs"));
    }

    void add(Entry entry) {
        for (const Entry& other : settings_.jail.entries) {
            if (other.path == entry.path) {
                error("dst", "/" + entry.path + " is mounted a second time");
                return;
            }
        }
        settings_.jail.entries.push_back(std::move(entry));
        places_.push_back(at("dst"));
    }

    // A bound folder, or a tmpfs, hides what the file places below it.
    void refuse_what_is_covered() {
        for (const Entry& cover : settings_.jail.entries) {
            bool is_bind = cover.kind == EntryKind::kBind && cover.is_directory;
            bool is_tmpfs = cover.kind == EntryKind::kDirectory;
            for (std::size_t i = 0; i < settings_.jail.entries.size(); ++i) {
                const Entry& entry = settings_.jail.entries[i];
                if (&entry != &cover && (is_bind || is_tmpfs) &&
                    is_at_or_below(entry.path, cover.path)) {
                    text_.diagnostics.error(places_[i], "/" + entry.path + " lies below /" +
                                                            cover.path +
                                                            ", which is mounted over it");
                }
            }
        }
    }

    ConfigText& text_;
    const Surroundings& surroundings_;
    FileSettings& settings_;
    int index_ = 0;
    std::vector<Position> places_;  // Of each of the entries.
};

}  // namespace

void read_mounts(ConfigText& text, const Surroundings& surroundings, FileSettings& settings) {
    MountReader(text, surroundings, settings).read();
}

}  // namespace snapjail::jail::nsjail
