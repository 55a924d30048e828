// A configuration file, protobuf text or ProtoJSON: what is wrong is told with a place in the file,
// what is accepted is a jail within its bounds, and says the same when it is written out again.

#include <fcntl.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <string>

#include "base/check.h"
#include "base/syscall.h"
#include "jail/nsjail/bpf_for_test.h"
#include "jail/nsjail/config_file.h"
#include "jail/nsjail/config_reader.h"
#include "jail/root/host_path.h"
#include "tests/fuzz/pieces.h"

namespace snapjail::fuzz {
namespace {

using jail::nsjail::ConfigFile;
using jail::nsjail::Severity;

ConfigFile judge(const std::string& text) {
    static const jail::nsjail::Surroundings kNowhere{
        .folder = "/nowhere",
        .variable = [](const std::string& name) -> std::optional<std::string> {
            return name == "HOME" ? std::optional<std::string>("/home") : std::nullopt;
        },
        .read_file = [](const std::string& path) -> Result<std::string> {
            if (path.ends_with("policy")) {
                return std::string("ERRNO(1) { read }");
            }
            return Error{ErrorKind::kSystem, "open", 2, path};
        }};
    return jail::nsjail::judge_config(text, kNowhere);
}

void check_diagnostics(const std::string& text, const ConfigFile& file) {
    auto lines = 1 + std::count(text.begin(), text.end(), '\n');
    jail::nsjail::Position last;
    for (const auto& one : file.diagnostics.all()) {
        CHECK(!one.text.empty());
        CHECK(one.position.line >= 0 && one.position.line <= lines);
        CHECK(one.position.line == 0 || one.position.column >= 1);
        CHECK(!(one.position < last));
        last = one.position;
    }
}

bool is_plain(const std::string& text) {
    return text.find('\0') == std::string::npos;
}

bool is_normal_path(const std::string& path) {
    return !path.empty() && is_plain(path) && path.front() != '/' && path.back() != '/' &&
           path.find("//") == std::string::npos && ("/" + path + "/").find("/../") == path.npos &&
           ("/" + path + "/").find("/./") == path.npos && path.size() < jail::kPathBytesMax;
}

void check_limits(const jail::Limits& limits) {
    using std::chrono::seconds;
    CHECK(limits.wall_time_max >= seconds(1) && limits.wall_time_max <= seconds(3600));
    CHECK(limits.cpu_time_max >= seconds(1) && limits.cpu_time_max <= seconds(3600));
    CHECK(limits.memory_bytes_max >= 256ull << 20 && limits.memory_bytes_max <= 1ull << 40);
    CHECK(limits.open_files_max >= 16 && limits.open_files_max <= 4096);
    CHECK(limits.processes_max >= 1 && limits.processes_max <= 4096);
    CHECK(limits.tmp_bytes_max >= 4096 && limits.tmp_bytes_max <= 1ull << 40);
    CHECK(limits.tmp_inodes_max >= 1 && limits.stack_bytes_max >= 1 << 20);
}

// By what it leads to: no link is left in it, and it is no file system of the kernel's own.
void check_bind(const jail::Entry& entry) {
    auto found = jail::resolve_host_path(entry.content);
    CHECK(found && found->resolved == entry.content && found->is_directory == entry.is_directory);
    for (const char* host : {"/proc", "/sys", "/dev", "/run"}) {
        CHECK(entry.content != host && !entry.content.starts_with(std::string(host) + "/"));
    }
    UniqueFd fd = open_file(entry.content, O_PATH | O_NOFOLLOW).value();
    CHECK(!jail::is_kernels_own(fd.get()));
}

void check_entries(const jail::JailSettings& jail) {
    for (const jail::Entry& entry : jail.entries) {
        CHECK(is_normal_path(entry.path) && !entry.path.starts_with("snapjail/"));
        CHECK(entry.kind != jail::EntryKind::kDevice);
        CHECK(entry.kind == jail::EntryKind::kFile || is_plain(entry.content));
        if (entry.kind == jail::EntryKind::kBind) {
            CHECK(entry.content.size() > 1 && is_normal_path(entry.content.substr(1)));
            check_bind(entry);
        }
        for (const jail::Entry& other : jail.entries) {
            CHECK(&other == &entry || !jail::is_at_or_below(other.path, entry.path));
        }
    }
    CHECK(jail.tmpfs.size() <= jail::kTmpfsMax);
    for (const jail::PrivateTmpfs& tmpfs : jail.tmpfs) {
        CHECK(tmpfs.path.size() < jail::kTmpfsPathBytesMax && tmpfs.path.starts_with('/'));
        CHECK(is_normal_path(tmpfs.path.substr(1)) && tmpfs.bytes_max >= 4096);
    }
}

void check_settings(const jail::nsjail::FileSettings& settings) {
    const jail::JailSettings& jail = settings.jail;
    check_limits(settings.limits);
    check_entries(jail);
    CHECK(!jail.hostname.empty() && jail.hostname.size() < jail::kHostnameBytesMax);
    CHECK(is_plain(jail.hostname) && is_plain(jail.cwd) && is_plain(settings.python_bin));
    CHECK(jail.cwd.starts_with('/') && jail.cwd.size() < jail::kPathBytesMax);
    CHECK(jail.uid <= 65'534 && jail.gid <= 65'534);
    CHECK(jail.nice_level >= 0 && jail.nice_level <= 19 && jail.oom_score_adj >= 0);
    for (const std::string& variable : jail.environment) {
        CHECK(is_plain(variable) && variable.find('=') > 0 && variable.find('=') != variable.npos);
    }
    CHECK(jail.seccomp_policy.size() <= jail::kFilterInstructionsMax);
    CHECK(jail.seccomp_policy.empty() || jail::nsjail::find_bpf_fault(jail.seccomp_policy).empty());
}

std::string said(const ConfigFile& file) {
    std::vector<std::string> lines;
    for (const auto& one : file.diagnostics.all()) {
        lines.push_back(jail::nsjail::to_line("", {one.severity, {}, one.text}));
    }
    // What is told in the order of the file comes in the schema's when it is written out.
    std::sort(lines.begin(), lines.end());
    std::string all = jail::nsjail::describe_jail(file.settings);
    for (const std::string& line : lines) {
        all += line + "\n";
    }
    return all;
}

// Written out by protobuf itself, in either format, it means what it meant.
void check_rewritten(const std::string& text, const ConfigFile& file) {
    auto config = jail::nsjail::read_config_text(text).config;
    std::string as_text;
    CHECK(google::protobuf::TextFormat::PrintToString(config, &as_text));
    CHECK(said(judge(as_text)) == said(file));
    // Strings of proto2 may hold any bytes, those of JSON may not.
    std::string as_json;
    ::nsjail::NsJailConfig back;
    bool is_whole = google::protobuf::util::MessageToJsonString(config, &as_json).ok() &&
                    google::protobuf::util::JsonStringToMessage(as_json, &back).ok() &&
                    back.SerializeAsString() == config.SerializeAsString();
    CHECK(!is_whole || said(judge(as_json)) == said(file));
}

void check_config(const std::string& text) {
    google::protobuf::LogSilencer quiet;
    ConfigFile file = judge(text);
    check_diagnostics(text, file);
    if (file.diagnostics.has(Severity::kError)) {
        return;
    }
    check_settings(file.settings);
    check_rewritten(text, file);
}

}  // namespace
}  // namespace snapjail::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    snapjail::fuzz::check_config(std::string(snapjail::fuzz::as_text(data, size)));
    return 0;
}
