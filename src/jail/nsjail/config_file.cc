#include "jail/nsjail/config_file.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/syscall.h"

namespace snapjail::jail::nsjail {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{16} << 20;
constexpr std::size_t kPolicyBytesMax = std::size_t{1} << 20;

std::optional<std::string> environment_variable(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

Result<std::string> read_policy(const std::string& path) {
    return read_file(path, kPolicyBytesMax);
}

std::string mebibytes(std::uint64_t bytes) {
    if (bytes == RLIM_INFINITY) {
        return "no limit";
    }
    constexpr std::uint64_t kMiB = 1 << 20;
    return bytes % kMiB == 0 ? std::to_string(bytes / kMiB) + " MiB"
                             : std::to_string(bytes) + " bytes";
}

// Lines of a name and what holds of it.
class Description {
  public:
    void put(std::string name, const std::string& text) {
        name.resize(std::max(name.size(), kNameColumns), ' ');
        text_ += "  " + name + " " + text + "\n";
    }
    const std::string& text() const { return text_; }

  private:
    static constexpr std::size_t kNameColumns = 20;
    std::string text_;
};

// Of the whole job; `serve` says whether this host can keep them.
void describe_cgroups(const FileSettings& settings, Description& out) {
    std::uint64_t memory = settings.jail.cgroup_memory_bytes_max > 0
                               ? settings.jail.cgroup_memory_bytes_max
                               : settings.limits.memory_bytes_max;
    out.put("memory of a job", mebibytes(memory) + ", where there are cgroups");
    if (settings.jail.cgroup_swap_bytes_max > 0) {
        out.put("swap of a job", mebibytes(settings.jail.cgroup_swap_bytes_max));
    }
    if (settings.jail.cpu_ms_per_second > 0) {
        out.put("processors of a job",
                std::to_string(settings.jail.cpu_ms_per_second) + " ms per s, by cgroups");
    }
}

void describe_limits(const Limits& limits, Description& out) {
    out.put("time by the clock", std::to_string(limits.wall_time_max.count() / 1000) + " s");
    out.put("processor time", std::to_string(limits.cpu_time_max.count()) + " s of each process");
    out.put("address space", mebibytes(limits.memory_bytes_max) + " of each process");
    out.put("one file", mebibytes(limits.file_bytes_max));
    out.put("/tmp", mebibytes(limits.tmp_bytes_max) + ", " + std::to_string(limits.tmp_inodes_max) +
                        " files");
    out.put("processes, threads", std::to_string(limits.processes_max));
    out.put("open files", std::to_string(limits.open_files_max));
    out.put("stack", mebibytes(limits.stack_bytes_max));
    out.put("locked memory", mebibytes(limits.locked_bytes_max));
    out.put("message queues", mebibytes(limits.message_queue_bytes_max));
}

void describe_entry(const Entry& entry, Description& out) {
    switch (entry.kind) {
        case EntryKind::kBind:
            out.put("bind, read-only", entry.content + " at /" + entry.path);
            return;
        case EntryKind::kSymlink:
            out.put("link", "/" + entry.path + " to " + entry.content);
            return;
        case EntryKind::kFile:
            out.put("file",
                    "/" + entry.path + ", " + std::to_string(entry.content.size()) + " bytes");
            return;
        case EntryKind::kDirectory:  // Of a tmpfs, which is named below.
        case EntryKind::kDevice:
            return;
    }
}

std::string describe_seccomp(const JailSettings& jail) {
    if (jail.seccomp_policy.empty()) {
        return "Snapjail's own filters";
    }
    std::string size = std::to_string(jail.seccomp_policy.size()) + " instructions";
    return jail.seccomp_use == PolicyUse::kReplace
               ? "Snapjail's list of calls, and within it the file's policy alone: " + size
               : "Snapjail's own filters, and a policy of " + size;
}

void describe_settings(const FileSettings& settings, Description& out) {
    const JailSettings& jail = settings.jail;
    out.put("interpreter", settings.python_bin.empty()
                               ? "PYTHON_BIN"
                               : settings.python_bin + ", unless PYTHON_BIN");
    out.put("id inside",
            std::to_string(jail.uid) + ":" + std::to_string(jail.gid) + " on " + jail.hostname);
    out.put("begins in", jail.cwd);
    out.put("/proc", jail.shows_proc ? "the job's own processes" : "empty");
    out.put("processors",
            jail.cpus_max == 0 ? "all" : std::to_string(jail.cpus_max) + ", by chance");
    out.put("niceness", std::to_string(jail.nice_level));
    out.put("oom_score_adj", std::to_string(jail.oom_score_adj));
    for (const std::string& variable : jail.environment) {
        // Its value may be a secret of the service's.
        out.put("environment", variable.substr(0, variable.find('=')));
    }
    for (const Entry& entry : jail.entries) {
        describe_entry(entry, out);
    }
    for (const PrivateTmpfs& tmpfs : jail.tmpfs) {
        out.put("tmpfs of each job's", tmpfs.path + ", " + mebibytes(tmpfs.bytes_max) +
                                           (tmpfs.is_read_only ? ", read-only" : ""));
    }
    out.put("seccomp", describe_seccomp(jail));
    out.put("where it is silent", "Snapjail's own values hold, not nsjail's; --help has them");
    bool may_make_namespaces =
        jail.seccomp_use == PolicyUse::kReplace && !jail.seccomp_policy.empty();
    out.put("always",
            std::string("no network, no capabilities") +
                (may_make_namespaces ? " but in namespaces that the policy lets it make" : "") +
                ", read-only root, namespaces of each job's own");
}

}  // namespace

std::string describe_jail(const FileSettings& settings) {
    Description out;
    describe_limits(settings.limits, out);
    describe_cgroups(settings, out);
    describe_settings(settings, out);
    return out.text();
}

ConfigFile judge_config(const std::string& text, const Surroundings& surroundings) {
    ConfigText read = read_config_text(text);
    ConfigFile file;
    if (read.is_whole) {
        file.settings = read_settings(read, surroundings);
    }
    file.diagnostics = std::move(read.diagnostics);
    return file;
}

Result<ConfigFile> load_config_file(const std::string& path, const ConfigUse& use) {
    std::string text = TRY(read_file(path, kFileBytesMax));
    std::string folder = std::filesystem::absolute(path).parent_path().string();
    return judge_config(text, {folder, environment_variable, read_policy, use.seccomp,
                               use.has_interpreter, use.start});
}

}  // namespace snapjail::jail::nsjail
