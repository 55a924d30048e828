#include "jail/nsjail/config_reader.h"

#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>
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

std::string describe_unknown_value(std::string_view shown,
                                   const google::protobuf::EnumDescriptor& type) {
    std::string known;
    for (int i = 0; i < type.value_count(); ++i) {
        known += (known.empty() ? "" : ", ") + type.value(i)->name();
    }
    return std::string(shown) + " is none of: " + known;
}

Escape measure_escape(std::string_view text) {
    char kind = text.size() > 1 ? text[1] : '\0';
    auto count_digits = [&](std::size_t from, std::size_t at_most, int base) {
        std::size_t count = 0;
        for (; count < at_most && from + count < text.size(); ++count) {
            char c = text[from + count];
            bool is_digit = base == 8 ? c >= '0' && c <= '7'
                                      : std::isxdigit(static_cast<unsigned char>(c)) != 0;
            if (!is_digit) {
                break;
            }
        }
        return count;
    };
    if (kind == 'x' || kind == 'X') {
        return {2 + count_digits(2, 2, 16), 1};
    }
    if (kind == 'u' || kind == 'U') {
        std::size_t digits = count_digits(2, kind == 'u' ? 4 : 8, 16);
        std::uint32_t character = 0;
        std::from_chars(text.data() + 2, text.data() + 2 + digits, character, 16);
        std::size_t bytes = character < 0x80      ? 1
                            : character < 0x800   ? 2
                            : character < 0x10000 ? 3
                                                  : 4;
        return {2 + digits, bytes};
    }
    std::size_t octal = count_digits(1, 3, 8);
    return octal > 0 ? Escape{1 + octal, 1} : Escape{};
}

ConfigText read_config_text(const std::string& text) {
    // No protobuf text begins with a brace, and every JSON object does.
    std::size_t first = text.find_first_not_of(" \t\r\n");
    bool is_json = first != std::string::npos && text[first] == '{';
    return is_json ? read_proto_json(text) : read_protobuf_text(text);
}

}  // namespace snapjail::jail::nsjail
