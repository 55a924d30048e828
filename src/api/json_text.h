#pragma once
// JSON as text: what a guest sent is checked byte by byte and passed on as it is, never rebuilt, so
// that every digit stays; and bytes become a JSON string. Pure functions, no recursion: nesting
// costs the guest's bytes, not our stack.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace snapjail::api {

struct JsonFault {
    std::size_t offset = 0;      // Of the byte at which it was found.
    std::string_view what = {};  // "a number was expected"; static text.
};

// The first fault of `text` as one strict JSON value (RFC 8259) in valid UTF-8, with white space
// around it allowed and at most `depth_max` arrays and objects open at a time; nothing if it has
// none. Numbers of any size and precision are valid, keys may repeat, and \u escapes must not leave
// half a surrogate pair: many readers refuse those.
std::optional<JsonFault> find_json_fault(std::string_view text, std::size_t depth_max);

// The first byte that is not part of valid UTF-8, if any.
std::optional<std::size_t> find_utf8_fault(std::string_view bytes);

// Appends `bytes` as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD, one
// for each maximal subpart of a character, as Python's errors="replace" does.
void append_json_string(std::string& out, std::string_view bytes);

// `bytes` without a UTF-8 character that their end cut short.
std::string_view without_cut_character(std::string_view bytes);

}  // namespace snapjail::api
