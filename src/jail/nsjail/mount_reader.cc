// The mount fields: see settings_reader.h.
#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
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

// What the interpreter, its libraries and our own files stand below: only a bind of a folder can
// take their place.
constexpr auto kSystemFolders =
    std::to_array<std::string_view>({"/etc", "/usr", "/usr/bin", "/usr/lib", "/lib", "/lib64"});

enum class Kind : unsigned char { kLink, kFile, kTmpfs, kProc, kBind };

const char* name_of(Kind kind) {
    switch (kind) {
        case Kind::kLink:
            return "link";
        case Kind::kFile:
            return "file";
        case Kind::kTmpfs:
            return "tmpfs";
        case Kind::kProc:
            return "procfs";
        case Kind::kBind:
            return "bind";
    }
    return "mount";
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
        auto kind = read_kind(mount);
        if (!destination || !kind) {
            return;
        }
        switch (*kind) {
            case Kind::kLink:
                read_link(mount, *destination);
                break;
            case Kind::kFile:
                read_content(mount, *destination);
                break;
            case Kind::kTmpfs:
                read_tmpfs(mount, *destination);
                break;
            case Kind::kProc:
                read_proc(*destination);
                break;
            case Kind::kBind:
                read_bind(mount, *destination);
                break;
        }
        note_what_has_no_effect(mount, *kind);
    }

    // Which of the things it is. nsjail lets one of two win; here that would be silent.
    std::optional<Kind> read_kind(const ::nsjail::MountPt& mount) {
        struct Given {
            Kind kind;
            const char* field;
            bool is_given;
        };
        Kind by_type = mount.fstype() == "proc" ? Kind::kProc : Kind::kTmpfs;
        const auto all =
            std::to_array<Given>({{Kind::kLink, "is_symlink", mount.is_symlink()},
                                  {Kind::kFile, "src_content", mount.has_src_content()},
                                  {by_type, "fstype", !mount.fstype().empty()},
                                  {Kind::kBind, "is_bind", mount.is_bind()}});
        const Given* first = nullptr;
        bool is_one = true;
        for (const Given& one : all) {
            if (!one.is_given) {
                continue;
            }
            if (first == nullptr) {
                first = &one;
            } else if (first->kind == Kind::kFile && one.kind == Kind::kBind) {
                note("is_bind", "is_bind has no effect: src_content makes a file");
            } else {
                error(one.field, std::string(one.field) + " and " + first->field +
                                     " make different things of one mount; keep one");
                is_one = false;
            }
        }
        if (first == nullptr) {
            error("dst",
                  "this mounts nothing: say is_bind: true, fstype: \"tmpfs\", src_content "
                  "or is_symlink: true");
            return std::nullopt;
        }
        if (first->kind == by_type && mount.fstype() != "tmpfs" && mount.fstype() != "proc") {
            error("fstype", "a jail has no file system of type " + mount.fstype() +
                                "; known are tmpfs and proc");
            return std::nullopt;
        }
        if (first->kind == Kind::kFile && !mount.src().empty()) {
            error("src", "src and src_content make different things of one mount; keep one");
            is_one = false;
        }
        return is_one ? std::optional(first->kind) : std::nullopt;
    }

    // A value that is given, is not nsjail's default, and changes nothing here.
    void note_what_has_no_effect(const ::nsjail::MountPt& mount, Kind kind) {
        const char* name = name_of(kind);
        bool is_bind = kind == Kind::kBind;
        bool takes_source = is_bind || kind == Kind::kLink;
        auto note_text = [&](const char* field, const std::string& text, bool has_effect) {
            if (!text.empty() && !has_effect) {
                note(field, std::string(field) + " has no effect on a " + name);
            }
        };
        note_text("options", mount.options(), kind == Kind::kTmpfs);
        note_text("prefix_src_env", mount.prefix_src_env(), takes_source);
        // "none" and the like are what mount(8) wants.
        bool is_placeholder = mount.src() == "none" || mount.src() == mount.fstype();
        note_text("src", mount.src(), takes_source || is_placeholder || kind == Kind::kFile);
        auto note_flag = [&](const char* field, bool is_given, bool value, bool always) {
            if (is_given && value != always) {
                note(field, std::string(field) + " has no effect: of a " + name + " it is always " +
                                (always ? "true" : "false"));
            }
        };
        bool is_link = kind == Kind::kLink;
        note_flag("nosuid", mount.has_nosuid(), mount.nosuid(), !is_link);
        note_flag("nodev", mount.has_nodev(), mount.nodev(), !is_link);
        note_flag("noexec", mount.has_noexec() && !is_bind, mount.noexec(), !is_link);
        bool is_writable = kind == Kind::kTmpfs || kind == Kind::kFile || is_bind;  // Or refused.
        note_flag("rw", mount.has_rw() && !is_writable, mount.rw(), false);
        note_flag("mandatory", mount.has_mandatory() && !is_bind, mount.mandatory(), true);
        bool is_folder = kind == Kind::kTmpfs || kind == Kind::kProc;
        note_flag("is_dir", mount.has_is_dir() && !is_bind, mount.is_dir(), is_folder);
    }

    // Where a jail's own things are, without which no guest would start. `what` is to stand there.
    bool is_free_for(const char* what, const std::string& destination) {
        for (const char* own : {"/tmp", "/proc"}) {
            if (is_at_or_below(destination, own)) {
                error("dst",
                      destination + " would be covered by the guest's own file system there");
                return false;
            }
        }
        bool is_link_of_ours = false;
        for (const char* link :
             {"/dev/shm", "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"}) {
            is_link_of_ours =
                is_link_of_ours || (is_at_or_below(destination, link) && destination != link &&
                                    !is_entry(std::string(link).substr(1)));
        }
        if (is_link_of_ours) {
            error("dst", destination + " lies below a link of the jail's own");
        } else if (destination == "/dev") {
            error("dst", "/dev is the jail's own, with null, zero, full, random and urandom");
        } else if (std::find(kDevices.begin(), kDevices.end(), destination) != kDevices.end()) {
            error("dst", destination + " is a device of the jail's own");
        } else if (std::find(kSystemFolders.begin(), kSystemFolders.end(), destination) !=
                   kSystemFolders.end()) {
            error("dst", "no guest could start with a " + std::string(what) + " at " + destination +
                             ", where the interpreter's files are");
        } else {
            return true;
        }
        return false;
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

    void read_link(const ::nsjail::MountPt& mount, const std::string& destination) {
        auto target = prefixed(mount.prefix_src_env(), "prefix_src_env", mount.src());
        if (target && target->empty()) {
            error("dst", "a link needs src: where it leads to");
        } else if (target && target->size() >= PATH_MAX) {
            error("src", "src must be shorter than 4096 bytes");
        } else if (target && (destination == "/lib" || destination == "/lib64" ||
                              is_free_for("link", destination))) {
            add({.kind = EntryKind::kSymlink, .path = destination.substr(1), .content = *target});
        }
    }

    void read_content(const ::nsjail::MountPt& mount, const std::string& destination) {
        if (mount.src_content().size() > kContentBytesMax) {
            error("src_content", "src_content is larger than 4 MiB; bind a file");
        } else if (mount.rw()) {
            error("rw", "a file of the jail's root cannot be writable; /tmp is");
        } else if (is_free_for("file", destination)) {
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
        } else if (is_free_for("tmpfs", destination)) {
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
        auto found = resolve_host_path(*source);
        if (!found) {
            report_missing(mount, *source, found.error());
        } else if (is_for_guests(*source, *found) && is_free_for_bind(destination, *found)) {
            if (mount.has_is_dir() && mount.is_dir() != found->is_directory) {
                note("is_dir", "is_dir has no effect: a bind is what its source is");
            }
            add({.kind = EntryKind::kBind,
                 .path = destination.substr(1),
                 .content = found->resolved,
                 .is_directory = found->is_directory,
                 .is_noexec = mount.noexec()});
        }
    }

    bool is_free_for_bind(const std::string& destination, const HostPath& found) {
        bool is_system = std::find(kSystemFolders.begin(), kSystemFolders.end(), destination) !=
                         kSystemFolders.end();
        return (is_system && found.is_directory) || is_free_for("file", destination);
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

    bool is_entry(const std::string& path) const {
        return std::any_of(settings_.jail.entries.begin(), settings_.jail.entries.end(),
                           [&](const Entry& entry) { return entry.path == path; });
    }

    // A bound folder, or a tmpfs, hides what the file places below it; below a link it would be
    // made where that leads, and below a file nothing can be.
    void refuse_what_is_covered() {
        for (const Entry& cover : settings_.jail.entries) {
            for (std::size_t i = 0; i < settings_.jail.entries.size(); ++i) {
                const Entry& entry = settings_.jail.entries[i];
                if (&entry != &cover && is_at_or_below(entry.path, cover.path)) {
                    text_.diagnostics.error(places_[i], "/" + entry.path + " lies below /" +
                                                            cover.path + ", which is " +
                                                            describe_cover(cover));
                }
            }
        }
    }

    static std::string describe_cover(const Entry& cover) {
        if (cover.kind == EntryKind::kSymlink) {
            return "a link to " + cover.content + "; say where that leads";
        }
        bool is_folder = cover.kind == EntryKind::kDirectory || cover.is_directory;
        return cover.kind == EntryKind::kFile || !is_folder ? "a file" : "mounted over it";
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
