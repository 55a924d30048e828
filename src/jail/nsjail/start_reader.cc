// What a script begins with: the envar fields, and whether its cwd can be there. See
// settings_reader.h.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "jail/nsjail/settings_reader.h"
#include "jail/root/host_path.h"

namespace snapjail::jail::nsjail {
namespace {

constexpr std::size_t kVariableBytesMax = (128 << 10) - 1;  // MAX_ARG_STRLEN, with its NUL.
// Of a stack's quarter, the kernel's bound for arguments and environment together, so much is left
// for ours: they have less than 1 KiB.
constexpr std::size_t kOwnArgumentsBytes = 16 << 10;
constexpr std::size_t kEnvironmentBytesMin = 128 << 10;  // ARG_MAX: as much as that always fits.
constexpr std::uint64_t kStackBytesMax = 8ull << 20;     // The zygote has the usual one.

class EnvironmentReader {
  public:
    EnvironmentReader(ConfigText& text, const Surroundings& surroundings, FileSettings& settings)
        : text_(text), surroundings_(surroundings), settings_(settings) {}

    void read() {
        for (index_ = 0; index_ < text_.config.envar_size(); ++index_) {
            read_one(text_.config.envar(index_));
        }
        std::uint64_t stack = std::min(settings_.limits.stack_bytes_max, kStackBytesMax);
        std::size_t bytes_max =
            std::max<std::size_t>(stack / 4, kEnvironmentBytesMin) - kOwnArgumentsBytes;
        if (bytes_ > bytes_max) {
            text_.diagnostics.error(at(0), "the environment has " + std::to_string(bytes_) +
                                               " bytes, and no program starts with more than " +
                                               std::to_string(bytes_max) +
                                               ", a quarter of its stack");
        }
    }

  private:
    Position at(int index) const { return text_.places->of("envar", index); }
    void warning(std::string text) { text_.diagnostics.warning(at(index_), std::move(text)); }

    void read_one(std::string variable) {
        std::size_t equals = variable.find('=');
        if (variable.empty() || equals == 0) {
            text_.diagnostics.error(at(index_), "envar must be NAME=value, or NAME");
            return;
        }
        if (equals == std::string::npos) {
            auto value = surroundings_.variable(variable);
            if (!value) {
                warning("the service's environment has no " + variable + ": it stays unset");
                return;
            }
            variable += "=" + *value;
        }
        std::string name = variable.substr(0, variable.find('='));
        if (variable.size() > kVariableBytesMax) {
            text_.diagnostics.error(at(index_), name +
                                                    " is longer than the 131071 bytes that a "
                                                    "program can be given of one variable");
            return;
        }
        if (!names_.insert(name).second) {
            warning(name + " is given a second time: this value counts");
        }
        if (name.starts_with("PYTHON")) {
            warning(
                "the interpreter itself runs with -I, and reads no "
                "PYTHON variable; scripts see it");
        }
        bytes_ += variable.size() + 1 + sizeof(char*);
        settings_.jail.environment.push_back(std::move(variable));
    }

    ConfigText& text_;
    const Surroundings& surroundings_;
    FileSettings& settings_;
    int index_ = 0;
    std::size_t bytes_ = 0;
    std::set<std::string> names_;
};

// Folders that every jail has, or that hold what the interpreter needs.
constexpr auto kFolders = std::to_array<std::string_view>(
    {"/", "/tmp", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/dev", "/proc", "/snapjail"});

enum class Kind : unsigned char { kNothing, kFolder, kOther };

Kind kind_of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        return Kind::kNothing;
    }
    return S_ISDIR(status.st_mode) ? Kind::kFolder : Kind::kOther;
}

// Why no script could begin in `cwd`, given what the file mounts at or above it.
std::string why_not_in(const Entry& mount, const std::string& cwd) {
    std::string below = cwd.substr(mount.path.size() + 1);
    bool is_bound_folder = mount.kind == EntryKind::kBind && mount.is_directory;
    if (mount.kind == EntryKind::kSymlink) {
        return "";  // Where it leads is the jail's to say.
    }
    if (is_bound_folder) {
        Kind kind = kind_of(mount.content + below);
        return kind == Kind::kFolder  ? ""
               : kind == Kind::kOther ? cwd + " is a file"
                                      : mount.content + " has no folder " + below;
    }
    if (mount.kind == EntryKind::kDirectory) {
        return below.empty() ? "" : "the tmpfs at /" + mount.path + " is empty when it begins";
    }
    return "/" + mount.path + " is a file";
}

}  // namespace

void read_environment(ConfigText& text, const Surroundings& surroundings, FileSettings& settings) {
    EnvironmentReader(text, surroundings, settings).read();
}

void judge_cwd(ConfigText& text, const FileSettings& settings) {
    std::string cwd = std::filesystem::path(settings.jail.cwd).lexically_normal().string();
    if (cwd.size() > 1 && cwd.ends_with('/')) {
        cwd.pop_back();
    }
    auto refuse = [&](const std::string& why) {
        text.diagnostics.error(text.places->of("cwd"), "no script could begin there: " + why);
    };
    bool is_on_the_way = std::find(kFolders.begin(), kFolders.end(), cwd) != kFolders.end();
    for (const Entry& entry : settings.jail.entries) {
        if (is_at_or_below(cwd, "/" + entry.path)) {
            if (std::string why = why_not_in(entry, cwd); !why.empty()) {
                refuse(why);
            }
            return;
        }
        is_on_the_way = is_on_the_way || is_at_or_below("/" + entry.path, cwd);
    }
    if (is_on_the_way || is_at_or_below(cwd, "/proc")) {
        return;
    }
    if (is_at_or_below(cwd, "/tmp")) {
        refuse("/tmp is empty when it begins");
        return;
    }
    Kind kind = kind_of(cwd);
    if (kind != Kind::kFolder) {
        refuse(cwd + (kind == Kind::kOther ? " is a file" : " is in no jail of this file"));
        return;
    }
    bool is_system = std::any_of(kFolders.begin() + 1, kFolders.end(),
                                 [&](std::string_view own) { return is_at_or_below(cwd, own); });
    if (!is_system) {
        text.diagnostics.warning(text.places->of("cwd"),
                                 "nothing of the file's mounts " + cwd +
                                     ": a script begins there only if the interpreter needs it");
    }
}

}  // namespace snapjail::jail::nsjail
