#pragma once
// ExecuteRequest: what POST /execute takes. A JSON object with the one string "script"; whatever
// else stands in the body is refused by name. Nothing of the script is looked at.

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "api/refusal.h"

namespace snapjail::api {

struct ExecuteRequest {
    std::string script;  // Valid UTF-8, at most `script_bytes_max`.
};

// application/json or application/<anything>+json, in UTF-8.
bool is_json_media_type(std::string_view content_type);

std::variant<ExecuteRequest, Refusal> parse_execute_request(std::string_view body,
                                                            std::size_t script_bytes_max);

// What is said of a script over its limit, and the type of that refusal.
inline constexpr const char* kScriptTooLarge = "script_too_large";
std::string script_too_large_sentence(std::size_t script_bytes_max);

}  // namespace snapjail::api
