#include "jail/nsjail/config_reader.h"

#include <array>
#include <vector>

#include "jail/nsjail/spelling.h"

namespace snapjail::jail::nsjail {
namespace {

// Names that are in files all over, and never were in the format.
struct KnownMistake {
    std::string_view name;
    std::string_view remedy;
};
constexpr auto kKnownMistakes = std::to_array<KnownMistake>({
    {"chroot", "that is a flag of nsjail's; say mount { src: \"...\" dst: \"...\" is_bind: true }"},
    {"exec_file", "say exec_bin { path: \"...\" }"},
    {"exec_args", "say exec_bin { path: \"...\" arg: \"...\" }"},
    {"user", "say uidmap { inside_id: \"...\" }"},
    {"group", "say gidmap { inside_id: \"...\" }"},
    {"disable_clone_newnet", "that is a flag of nsjail's; the field is clone_newnet"},
    {"disable_clone_newuser", "that is a flag of nsjail's; the field is clone_newuser"},
    {"disable_rlimits", "that is a flag of nsjail's; the field is disable_rl"},
    {"stdout_to_null", "there is stderr_to_null, and no such field for standard output"},
    {"env", "say envar: \"NAME=value\""},
    {"environment", "say envar: \"NAME=value\""},
    {"mounts", "say mount { ... } once for each"},
    {"tmpfsmount", "say mount { dst: \"/tmp\" fstype: \"tmpfs\" rw: true options: \"size=100m\" }"},
    {"bindmount", "say mount { src: \"...\" dst: \"...\" is_bind: true }"},
    {"seccomp", "say seccomp_string: \"...\" or seccomp_policy_file: \"...\""},
    {"rlimit_data", "nsjail has no such limit; rlimit_as bounds all of the address space"},
    {"timeout", "say time_limit: 6"},
});

}  // namespace

std::string describe_unknown_field(std::string_view name,
                                   const google::protobuf::Descriptor& type) {
    std::string text = "there is no field \"" + std::string(name) + "\"";
    bool is_top = type.containing_type() == nullptr && type.name() == "NsJailConfig";
    if (!is_top) {
        text += " in " + type.name();
    }
    for (const KnownMistake& mistake : kKnownMistakes) {
        if (is_top && mistake.name == name) {
            return text + ": " + std::string(mistake.remedy);
        }
    }
    std::vector<std::string> known;
    known.reserve(static_cast<std::size_t>(type.field_count()));
    for (int i = 0; i < type.field_count(); ++i) {
        known.push_back(type.field(i)->name());
    }
    std::string_view nearest = nearest_word(name, known);
    return nearest.empty() ? text : text + "; did you mean \"" + std::string(nearest) + "\"?";
}

ConfigText read_config_text(const std::string& text) {
    // No protobuf text begins with a brace, and every JSON object does.
    std::size_t first = text.find_first_not_of(" \t\r\n");
    bool is_json = first != std::string::npos && text[first] == '{';
    return is_json ? read_proto_json(text) : read_protobuf_text(text);
}

}  // namespace snapjail::jail::nsjail
