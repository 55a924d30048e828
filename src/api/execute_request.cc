#include "api/execute_request.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

// Beside the header's declarations, basic_parser needs its definitions in the one file that uses
// it.
#include <boost/json/basic_parser_impl.hpp>

#include "api/json_text.h"

namespace snapjail::api {
namespace {

namespace json = boost::json;
using json::error_code;

// One level is all that a valid body has. The parser recurses, so this bounds its stack; it is deep
// enough for most mistakes to be named rather than to be "too deep".
constexpr std::size_t kDepthMax = 32;
// Of a field's name that is not ours: enough to recognise it.
constexpr std::size_t kNameBytesMax = 64;

char to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::string_view trimmed(std::string_view text) {
    std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
    std::size_t end = text.find_last_not_of(" \t") + 1;
    return begin < end ? text.substr(begin, end - begin) : std::string_view();
}

std::string quoted(std::string_view name) {
    std::string shown;
    if (name.size() <= kNameBytesMax) {
        append_json_string(shown, name);
        return shown;
    }
    append_json_string(shown, without_cut_character(name.substr(0, kNameBytesMax)));
    return shown + "...";
}

std::string size_text(std::size_t bytes) {
    return bytes % 1024 == 0 && bytes > 0 ? std::to_string(bytes / 1024) + " KB"
                                          : std::to_string(bytes) + " bytes";
}

// Follows the parser through the body and stops it at the first thing that is not ours. What it has
// seen so far is all that it holds: no tree is built.
class ScriptReader {
  public:
    // The parser asks for these names. NOLINTBEGIN(readability-identifier-naming)
    static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_array_size = max_object_size;
    static constexpr std::size_t max_key_size = max_object_size;
    static constexpr std::size_t max_string_size = max_object_size;
    // NOLINTEND(readability-identifier-naming)

    explicit ScriptReader(std::size_t script_bytes_max) : script_bytes_max_(script_bytes_max) {}

    std::optional<Refusal> refusal;
    std::optional<std::string> script;

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code& ec) {
        if (is_in_object_) {
            return refuse_type("an object", ec);
        }
        is_in_object_ = true;
        return true;
    }
    bool on_object_end(std::size_t, error_code&) { return true; }
    bool on_array_begin(error_code& ec) { return refuse_type("an array", ec); }
    bool on_array_end(std::size_t, error_code&) { return true; }
    bool on_key_part(json::string_view part, std::size_t, error_code&) {
        // One byte past the bound tells that there was more.
        name_.append(part.data(), std::min(part.size(), kNameBytesMax + 1 - name_.size()));
        return true;
    }
    bool on_key(json::string_view part, std::size_t size, error_code& ec) {
        on_key_part(part, size, ec);
        std::string name = std::exchange(name_, {});
        if (name != "script") {
            return refuse({.message = "request has an unknown field: " + quoted(name)}, ec);
        }
        if (has_key_) {
            return refuse({.message = "request has the field \"script\" twice"}, ec);
        }
        has_key_ = true;
        return true;
    }
    bool on_string_part(json::string_view part, std::size_t size, error_code& ec) {
        if (!is_in_object_) {
            return refuse_type("a string", ec);
        }
        if (size > script_bytes_max_) {
            return refuse({413, kScriptTooLarge, script_too_large_sentence(script_bytes_max_)}, ec);
        }
        if (!script) {
            script.emplace();
        }
        script->append(part.data(), part.size());
        return true;
    }
    bool on_string(json::string_view part, std::size_t size, error_code& ec) {
        return on_string_part(part, size, ec);
    }
    bool on_number_part(json::string_view, error_code& ec) { return refuse_type("a number", ec); }
    bool on_int64(std::int64_t, json::string_view, error_code& ec) {
        return refuse_type("a number", ec);
    }
    bool on_uint64(std::uint64_t, json::string_view, error_code& ec) {
        return refuse_type("a number", ec);
    }
    bool on_double(double, json::string_view, error_code& ec) {
        return refuse_type("a number", ec);
    }
    bool on_bool(bool, error_code& ec) { return refuse_type("a boolean", ec); }
    bool on_null(error_code& ec) { return refuse_type("null", ec); }
    bool on_comment_part(json::string_view, error_code&) { return true; }
    bool on_comment(json::string_view, error_code&) { return true; }

  private:
    bool refuse_type(const char* type, error_code& ec) {
        return refuse(
            {.message = is_in_object_ ? std::string("\"script\" must be a string, not ") + type
                                      : std::string("request body must be an object, not ") + type},
            ec);
    }
    bool refuse(Refusal found, error_code& ec) {
        refusal = std::move(found);
        ec = json::error::extra_data;  // Any will do: `refusal` is what is read.
        return false;
    }

    std::size_t script_bytes_max_;
    std::string name_;
    bool is_in_object_ = false;
    bool has_key_ = false;
};

bool is_utf8_charset(std::string_view parameter) {
    std::size_t equals = parameter.find('=');
    std::string_view name = trimmed(parameter.substr(0, equals));
    if (name != "charset") {
        return true;
    }
    std::string_view value =
        equals == std::string_view::npos ? "" : trimmed(parameter.substr(equals + 1));
    return value == "utf-8" || value == "utf8" || value == "\"utf-8\"" || value == "\"utf8\"";
}

}  // namespace

std::string script_too_large_sentence(std::size_t script_bytes_max) {
    return "script is larger than " + size_text(script_bytes_max);
}

bool is_json_media_type(std::string_view content_type) {
    std::string text(content_type);
    std::transform(text.begin(), text.end(), text.begin(), to_lower);
    std::string_view rest = text;
    std::string_view type = trimmed(rest.substr(0, rest.find(';')));
    bool is_suffixed = type.starts_with("application/") && type.ends_with("+json") &&
                       type.find_first_of(" \t,") == std::string_view::npos;
    if (type != "application/json" && !is_suffixed) {
        return false;
    }
    for (std::size_t at = rest.find(';'); at != std::string_view::npos; at = rest.find(';')) {
        rest.remove_prefix(at + 1);
        if (!is_utf8_charset(rest.substr(0, rest.find(';')))) {
            return false;
        }
    }
    return true;
}

std::variant<ExecuteRequest, Refusal> parse_execute_request(std::string_view body,
                                                            std::size_t script_bytes_max) {
    if (body.empty()) {
        return Refusal{.message = "request body is empty"};
    }
    if (auto at = find_utf8_fault(body)) {
        return Refusal{.message = "request body is not UTF-8 at byte " + std::to_string(*at)};
    }
    json::parse_options options;
    options.max_depth = kDepthMax;
    json::basic_parser<ScriptReader> parser(options, script_bytes_max);
    error_code ec;
    std::size_t used = parser.write_some(false, body.data(), body.size(), ec);
    ScriptReader& reader = parser.handler();
    if (reader.refusal) {
        return *std::move(reader.refusal);
    }
    if (!ec && used < body.size()) {
        ec = json::error::extra_data;
    }
    if (ec) {
        return Refusal{.message = "request body is not valid JSON: " + ec.message() + " at byte " +
                                  std::to_string(used)};
    }
    if (!reader.script) {
        return Refusal{.message = "request must have a \"script\" field"};
    }
    return ExecuteRequest{*std::move(reader.script)};
}

}  // namespace snapjail::api
