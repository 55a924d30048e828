#include "jail/nsjail/settings_reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "jail/nsjail/field_table.h"

namespace snapjail::jail::nsjail {
namespace {

using google::protobuf::FieldDescriptor;

constexpr std::uint32_t kSecondsMax = 3600;    // An hour is no longer a request.
constexpr std::uint32_t kProcessesMax = 4096;  // Of the host's 32,768.
constexpr std::uint32_t kCpusMax = 1024;       // CPU_SETSIZE.
constexpr std::size_t kHostnameBytesMaxUsed = 64;
constexpr std::uint32_t kIdMax = 65'534;  // Ids above need not exist in a container's own map.

bool is_default(const google::protobuf::Message& message, const FieldDescriptor& field) {
    const auto* reflection = message.GetReflection();
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_BOOL:
            return reflection->GetBool(message, &field) == field.default_value_bool();
        case FieldDescriptor::CPPTYPE_UINT32:
            return reflection->GetUInt32(message, &field) == field.default_value_uint32();
        case FieldDescriptor::CPPTYPE_UINT64:
            return reflection->GetUInt64(message, &field) == field.default_value_uint64();
        case FieldDescriptor::CPPTYPE_INT64:
            return reflection->GetInt64(message, &field) == field.default_value_int64();
        case FieldDescriptor::CPPTYPE_STRING:
            return reflection->GetString(message, &field) == field.default_value_string();
        case FieldDescriptor::CPPTYPE_ENUM:
            return reflection->GetEnumValue(message, &field) ==
                   field.default_value_enum()->number();
        case FieldDescriptor::CPPTYPE_INT32:
        case FieldDescriptor::CPPTYPE_DOUBLE:
        case FieldDescriptor::CPPTYPE_FLOAT:
        case FieldDescriptor::CPPTYPE_MESSAGE:
            return false;
    }
    return false;
}

// Of text; bytes, as in src_content, may be any.
bool holds_nul(const google::protobuf::Message& message, const FieldDescriptor& field, int index) {
    if (field.type() != FieldDescriptor::TYPE_STRING) {
        return false;
    }
    const auto* reflection = message.GetReflection();
    std::string text = index < 0 ? reflection->GetString(message, &field)
                                 : reflection->GetRepeatedString(message, &field, index);
    return text.find('\0') != std::string::npos;
}

bool is_file(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

class SettingsReader {
  public:
    SettingsReader(ConfigText& text, const Surroundings& surroundings)
        : text_(text), config_(text.config), surroundings_(surroundings) {}

    FileSettings read() && {
        refuse_nul();
        classify();
        settings_.name = config_.name();
        read_limits();
        read_cgroups(text_, settings_);
        read_identity();
        read_namespaces();
        read_environment(text_, surroundings_, settings_);
        read_interpreter();
        read_mounts(text_, surroundings_, settings_);
        judge_cwd(text_, settings_);
        read_seccomp(text_, surroundings_, settings_);
        return std::move(settings_);
    }

  private:
    Position at(std::string_view field, int index = -1) const {
        return text_.places->of(field, index);
    }
    void error(std::string_view field, const std::string& text) {
        text_.diagnostics.error(at(field), text);
    }

    // The kernel would take only what stands before it.
    void refuse_nul() {
        std::vector<const FieldDescriptor*> set;
        config_.GetReflection()->ListFields(config_, &set);
        for (const FieldDescriptor* field : set) {
            int count =
                field->is_repeated() ? config_.GetReflection()->FieldSize(config_, field) : 1;
            for (int i = 0; i < count; ++i) {
                int index = field->is_repeated() ? i : -1;
                if (holds_nul(config_, *field, index)) {
                    text_.diagnostics.error(at(field->name(), index),
                                            field->name() + " holds a NUL character");
                }
                if (field->message_type() != nullptr) {
                    refuse_nul_within(*field, index);
                }
            }
        }
    }

    void refuse_nul_within(const FieldDescriptor& outer, int index) {
        const auto* reflection = config_.GetReflection();
        const auto& message = index < 0 ? reflection->GetMessage(config_, &outer)
                                        : reflection->GetRepeatedMessage(config_, &outer, index);
        std::vector<const FieldDescriptor*> set;
        message.GetReflection()->ListFields(message, &set);
        for (const FieldDescriptor* field : set) {
            int count =
                field->is_repeated() ? message.GetReflection()->FieldSize(message, field) : 1;
            for (int i = 0; i < count; ++i) {
                if (holds_nul(message, *field, field->is_repeated() ? i : -1)) {
                    text_.diagnostics.error(
                        text_.places->within(outer.name(), index, field->name()),
                        field->name() + " holds a NUL character");
                }
            }
        }
    }

    // What is set and not honoured is told, unless it only repeats what is so anyway.
    void classify() {
        for (const FieldRow& row : field_table()) {
            const auto* field = config_.GetDescriptor()->FindFieldByName(std::string(row.name));
            const auto* reflection = config_.GetReflection();
            bool is_set = field->is_repeated() ? reflection->FieldSize(config_, field) > 0
                                               : reflection->HasField(config_, field);
            if (!is_set || (!field->is_repeated() && is_default(config_, *field))) {
                continue;
            }
            Position place = at(row.name, field->is_repeated() ? 0 : -1);
            std::string words = std::string(row.name) + ": " + std::string(row.words);
            switch (row.field_class) {
                case FieldClass::kHonoured:
                    break;
                case FieldClass::kAccepted:
                    text_.diagnostics.note(place, words);
                    break;
                case FieldClass::kRefused:
                    text_.diagnostics.error(place, words);
                    break;
            }
        }
    }

    void read_limits() {
        Limits& limits = settings_.limits;
        if (config_.has_time_limit()) {
            if (config_.time_limit() == 0) {
                error("time_limit", "time_limit: 0 is no limit, and a job must end; say seconds");
            } else if (config_.time_limit() > kSecondsMax) {
                error("time_limit", "time_limit must be from 1 to 3600 s");
            } else {
                limits.wall_time_max = std::chrono::seconds(config_.time_limit());
            }
        }
        read_rlimits(text_, limits);
        if (config_.cgroup_pids_max() > kProcessesMax) {
            error("cgroup_pids_max", "cgroup_pids_max must be from 1 to 4096");
        } else if (config_.cgroup_pids_max() > 0) {
            bool is_other = config_.rlimit_nproc_type() == ::nsjail::VALUE;
            limits.processes_max =
                is_other ? std::min<std::uint64_t>(limits.processes_max, config_.cgroup_pids_max())
                         : config_.cgroup_pids_max();
        }
        read_bounded("max_cpus", config_.max_cpus(), 0, kCpusMax);
        settings_.jail.cpus_max = config_.max_cpus();
        if (config_.has_nice_level() && read_bounded("nice_level", config_.nice_level(), 0, 19)) {
            settings_.jail.nice_level = config_.nice_level();
        }
        if (config_.has_oom_score_adj() &&
            read_bounded("oom_score_adj", config_.oom_score_adj(), 0, 1000)) {
            settings_.jail.oom_score_adj = config_.oom_score_adj();
        }
    }

    bool read_bounded(const char* field, std::int64_t value, std::int64_t from, std::int64_t to) {
        if (value >= from && value <= to) {
            return true;
        }
        error(field, std::string(field) + " must be from " + std::to_string(from) + " to " +
                         std::to_string(to));
        return false;
    }

    void read_identity() {
        if (config_.has_hostname()) {
            const std::string& name = config_.hostname();
            if (name.empty() || name.size() > kHostnameBytesMaxUsed) {
                error("hostname", "hostname must have 1 to 64 bytes");
            } else {
                settings_.jail.hostname = name;
            }
        }
        if (config_.has_cwd()) {
            if (!config_.cwd().starts_with('/') || config_.cwd().size() >= kPathBytesMax) {
                error("cwd", "cwd must be an absolute path");
            } else {
                settings_.jail.cwd = config_.cwd();
            }
        }
        settings_.jail.uid = read_id("uidmap", config_.uidmap(), settings_.jail.uid);
        settings_.jail.gid = read_id("gidmap", config_.gidmap(), settings_.jail.gid);
    }

    std::uint32_t read_id(const char* field,
                          const google::protobuf::RepeatedPtrField<::nsjail::IdMap>& maps,
                          std::uint32_t id) {
        if (maps.size() > 1) {
            text_.diagnostics.error(at(field, 1), "a guest has one id; keep one " +
                                                      std::string(field) + " and remove this one");
        }
        if (maps.empty()) {
            return id;
        }
        const ::nsjail::IdMap& map = maps[0];
        auto place = [&](const char* name) { return text_.places->within(field, 0, name); };
        if (map.count() != 1) {
            text_.diagnostics.error(place("count"), "a guest has one id; say count: 1");
        }
        if (map.use_newidmap()) {
            text_.diagnostics.error(place("use_newidmap"),
                                    "ids are mapped without newuidmap; remove it");
        }
        if (!map.outside_id().empty()) {
            text_.diagnostics.note(place("outside_id"),
                                   "outside_id: outside, guests run as the service's own user, "
                                   "or as 65500, who owns nothing, where that is root");
        }
        const std::string& text = map.inside_id();
        if (text.empty()) {
            return id;
        }
        auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), id);
        if (failed != std::errc() || end != text.data() + text.size() || id > kIdMax) {
            text_.diagnostics.error(place("inside_id"),
                                    "inside_id must be a number from 0 to 65534");
            return 0;
        }
        return id;
    }

    void read_namespaces() {
        for (const char* name : {"clone_newnet", "clone_newuser", "clone_newns", "clone_newpid",
                                 "clone_newipc", "clone_newuts", "clone_newcgroup"}) {
            const auto* field = config_.GetDescriptor()->FindFieldByName(name);
            if (config_.GetReflection()->GetBool(config_, field)) {
                continue;
            }
            bool is_network = std::string_view(name) == "clone_newnet";
            error(name,
                  std::string(name) + ": false would share the host's own; Snapjail never does" +
                      (is_network ? ", and guests have no network" : "") + "; remove the line");
        }
        if (!config_.clone_newns() && config_.mount_size() > 0) {
            text_.diagnostics.warning(at("mount", 0),
                                      "nsjail ignores every mount when clone_newns is false");
        }
        settings_.jail.shows_proc = !config_.has_mount_proc() || config_.mount_proc();
    }

    void read_interpreter() {
        if (!config_.has_exec_bin()) {
            return;
        }
        const ::nsjail::Exe& exe = config_.exec_bin();
        auto place = [&](const char* name) { return text_.places->within("exec_bin", -1, name); };
        if (!exe.path().starts_with('/')) {
            text_.diagnostics.error(place("path"), "path must be the interpreter's absolute path");
            return;
        }
        if (::access(exe.path().c_str(), X_OK) != 0 || !is_file(exe.path())) {
            std::string missing = exe.path() + " is no program that can be run here";
            if (surroundings_.has_interpreter) {
                text_.diagnostics.note(place("path"), missing + "; PYTHON_BIN is used");
            } else {
                text_.diagnostics.error(place("path"),
                                        missing + ", and no PYTHON_BIN names another");
            }
        }
        if (exe.path().find("python") == std::string::npos &&
            exe.path().find("pypy") == std::string::npos) {
            text_.diagnostics.warning(place("path"),
                                      "path should name a Python interpreter: it runs the scripts");
        }
        if (exe.arg_size() > 0 || exe.has_arg0()) {
            text_.diagnostics.warning(
                place(exe.arg_size() > 0 ? "arg" : "arg0"),
                "no argument of the file's is passed: Snapjail itself starts the interpreter");
        }
        if (exe.exec_fd()) {
            text_.diagnostics.note(place("exec_fd"),
                                   "exec_fd: the interpreter is bound, not passed");
        }
        settings_.python_bin = exe.path();
    }

    ConfigText& text_;
    const ::nsjail::NsJailConfig& config_;
    const Surroundings& surroundings_;
    FileSettings settings_;
};

}  // namespace

FileSettings read_settings(ConfigText& text, const Surroundings& surroundings) {
    return SettingsReader(text, surroundings).read();
}

}  // namespace snapjail::jail::nsjail
