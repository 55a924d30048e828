#include "api/json_text.h"

#include <cstdint>
#include <cstring>
#include <vector>

// Why this is not boost::json::basic_parser: that one recurses for each level (so the depth that a
// guest may use would be a matter of our stack), and it converts each number, which refuses some
// exponents that are valid JSON and costs time for digits that are only passed on.

namespace snapjail::api {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD.

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// Eight bytes at once: how far `at` may go over bytes that need no look inside a string: ASCII, no
// control character, no quote, no backslash. May stop early, never late.
std::size_t skip_plain(std::string_view text, std::size_t at) {
    constexpr std::uint64_t kOnes = 0x0101010101010101;
    constexpr std::uint64_t kHighs = 0x8080808080808080;
    auto has_zero = [](std::uint64_t word) { return (word - kOnes) & ~word & kHighs; };
    while (text.size() - at >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + at, 8);
        std::uint64_t special = (word & kHighs) | ((word - 0x20 * kOnes) & ~word & kHighs) |
                                has_zero(word ^ ('"' * kOnes)) | has_zero(word ^ ('\\' * kOnes));
        if (special != 0) {
            break;
        }
        at += 8;
    }
    return at;
}

struct Character {
    std::size_t size = 0;  // Of the character, or of the maximal subpart of one that is broken.
    bool is_valid = false;
};

// The UTF-8 character at the front of `bytes`, which begins with a byte above 0x7f.
// Unicode 15, table 3-7: only the first continuation byte has a range of its own.
Character character_at(std::string_view bytes) {
    auto first = static_cast<unsigned char>(bytes[0]);
    std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4) {
        return {1, false};
    }
    unsigned char lowest = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char highest = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (bytes.size() < 2 || static_cast<unsigned char>(bytes[1]) < lowest ||
        static_cast<unsigned char>(bytes[1]) > highest) {
        return {1, false};
    }
    for (std::size_t i = 2; i < size; ++i) {
        if (i >= bytes.size() || !is_continuation(bytes[i])) {
            return {i, false};
        }
    }
    return {size, true};
}

class JsonChecker {
  public:
    JsonChecker(std::string_view text, std::size_t depth_max)
        : text_(text), depth_max_(depth_max) {}

    std::optional<JsonFault> check() {
        bool is_value_due = true;
        for (;;) {
            skip_white_space();
            bool is_ok = is_value_due ? take_value(is_value_due) : take_end_of_value(is_value_due);
            if (!is_ok) {
                return fault_;
            }
            if (!is_value_due && open_.empty()) {
                skip_white_space();
                return at_ == text_.size() ? std::nullopt : fault("more text follows the value");
            }
        }
    }

  private:
    enum class Container : std::uint8_t { kArray, kObject };

    std::optional<JsonFault> fault(std::string_view what) {
        fault_ = JsonFault{at_, what};
        return fault_;
    }
    bool fail(std::string_view what) {
        (void)fault(what);
        return false;
    }

    bool is_next(char c) const { return at_ < text_.size() && text_[at_] == c; }
    bool take(char c) {
        bool is_there = is_next(c);
        at_ += is_there ? 1 : 0;
        return is_there;
    }

    void skip_white_space() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' ||
                                      text_[at_] == '\r' || text_[at_] == '\t')) {
            ++at_;
        }
    }

    // One scalar, or the opening of a container up to its first value.
    bool take_value(bool& is_value_due) {
        is_value_due = false;
        if (at_ == text_.size()) {
            return fail("a value is missing");
        }
        switch (text_[at_]) {
            case '[':
                return open(Container::kArray, is_value_due);
            case '{':
                return open(Container::kObject, is_value_due);
            case '"':
                return take_string();
            case 't':
                return take_word("true");
            case 'f':
                return take_word("false");
            case 'n':
                return take_word("null");
            default:
                return take_number();
        }
    }

    bool open(Container container, bool& is_value_due) {
        if (open_.size() == depth_max_) {
            return fail("it is nested too deeply");
        }
        ++at_;
        open_.push_back(container);
        skip_white_space();
        if (is_next(container == Container::kArray ? ']' : '}')) {
            return true;  // Closed by the next step, as any other.
        }
        is_value_due = true;
        return container == Container::kArray || take_key();
    }

    // What may follow a value within a container: a comma with the next key, or the end.
    bool take_end_of_value(bool& is_value_due) {
        Container container = open_.back();
        if (take(container == Container::kArray ? ']' : '}')) {
            open_.pop_back();
            return true;
        }
        if (!take(',')) {
            return fail("a comma or the end of an array or object is missing");
        }
        is_value_due = true;
        skip_white_space();
        return container == Container::kArray || take_key();
    }

    bool take_key() {
        if (!is_next('"')) {
            return fail("a key in quotes is missing");
        }
        if (!take_string()) {
            return false;
        }
        skip_white_space();
        return take(':') || fail("a colon is missing");
    }

    bool take_word(std::string_view word) {
        if (!text_.substr(at_).starts_with(word)) {
            return fail("it is no JSON value");
        }
        at_ += word.size();
        return true;
    }

    bool take_digits() {
        std::size_t begin = at_;
        while (at_ < text_.size() && is_digit(text_[at_])) {
            ++at_;
        }
        return at_ > begin;
    }

    bool take_number() {
        take('-');
        if (!take('0') && !take_digits()) {
            return fail("it is no JSON value");
        }
        if (take('.') && !take_digits()) {
            return fail("a number ends after its point");
        }
        if (take('e') || take('E')) {
            if (!take('+')) {
                take('-');
            }
            if (!take_digits()) {
                return fail("a number ends within its exponent");
            }
        }
        return true;
    }

    bool take_string() {
        ++at_;
        for (;;) {
            at_ = skip_plain(text_, at_);
            if (at_ == text_.size()) {
                return fail("a string does not end");
            }
            auto byte = static_cast<unsigned char>(text_[at_]);
            if (byte == '"') {
                ++at_;
                return true;
            }
            if (byte == '\\') {
                if (!take_escape()) {
                    return false;
                }
            } else if (byte < 0x20) {
                return fail("a string holds a control character");
            } else if (byte < 0x80) {
                ++at_;
            } else {
                Character character = character_at(text_.substr(at_));
                if (!character.is_valid) {
                    return fail("a string is not UTF-8");
                }
                at_ += character.size;
            }
        }
    }

    bool take_escape() {
        ++at_;
        if (at_ < text_.size() &&
            std::string_view("\"\\/bfnrt").find(text_[at_]) != std::string_view::npos) {
            ++at_;
            return true;
        }
        std::optional<unsigned> unit = take_code_unit();
        if (!unit) {
            return fail("a string holds an unknown escape");
        }
        if (*unit < 0xd800 || *unit > 0xdfff) {
            return true;
        }
        std::optional<unsigned> low;
        if (*unit < 0xdc00 && take('\\')) {
            low = take_code_unit();
        }
        if (!low || *low < 0xdc00 || *low > 0xdfff) {
            return fail("a string holds half a surrogate pair");
        }
        return true;
    }

    // "uXXXX"
    std::optional<unsigned> take_code_unit() {
        if (!is_next('u') || text_.size() - at_ < 5) {
            return std::nullopt;
        }
        unsigned unit = 0;
        for (char c : text_.substr(at_ + 1, 4)) {
            char lower = static_cast<char>(c | 0x20);
            if (!is_digit(c) && (lower < 'a' || lower > 'f')) {
                return std::nullopt;
            }
            unit = unit * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : lower - 'a' + 10);
        }
        at_ += 5;
        return unit;
    }

    std::string_view text_;
    std::size_t depth_max_;
    std::size_t at_ = 0;
    std::vector<Container> open_;
    JsonFault fault_;
};

void append_escaped(std::string& out, char c) {
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            static constexpr char kDigits[] = "0123456789abcdef";
            out += "\\u00";
            out += kDigits[static_cast<unsigned char>(c) >> 4];
            out += kDigits[c & 0xf];
    }
}

}  // namespace

std::optional<JsonFault> find_json_fault(std::string_view text, std::size_t depth_max) {
    return JsonChecker(text, depth_max).check();
}

std::optional<std::size_t> find_utf8_fault(std::string_view bytes) {
    constexpr std::uint64_t kHighs = 0x8080808080808080;
    std::size_t at = 0;
    while (at < bytes.size()) {
        std::uint64_t word = kHighs;
        if (bytes.size() - at >= 8) {
            std::memcpy(&word, bytes.data() + at, 8);
        }
        if ((word & kHighs) == 0) {
            at += 8;
        } else if (static_cast<unsigned char>(bytes[at]) < 0x80) {
            ++at;
        } else {
            Character character = character_at(bytes.substr(at));
            if (!character.is_valid) {
                return at;
            }
            at += character.size;
        }
    }
    return std::nullopt;
}

void append_json_string(std::string& out, std::string_view bytes) {
    out += '"';
    std::size_t at = 0;
    while (at < bytes.size()) {
        std::size_t plain_end = skip_plain(bytes, at);
        out += bytes.substr(at, plain_end - at);
        at = plain_end;
        if (at == bytes.size()) {
            break;
        }
        auto byte = static_cast<unsigned char>(bytes[at]);
        if (byte >= 0x80) {
            Character character = character_at(bytes.substr(at));
            out += character.is_valid ? bytes.substr(at, character.size) : kReplacement;
            at += character.size;
        } else if (byte < 0x20 || byte == '"' || byte == '\\') {
            append_escaped(out, bytes[at++]);
        } else {
            out += bytes[at++];
        }
    }
    out += '"';
}

std::string_view without_cut_character(std::string_view bytes) {
    for (std::size_t back = 1; back <= 3 && back <= bytes.size(); ++back) {
        std::string_view tail = bytes.substr(bytes.size() - back);
        auto first = static_cast<unsigned char>(tail[0]);
        if (is_continuation(tail[0])) {
            continue;
        }
        std::size_t wanted = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
        bool is_cut = first <= 0xf4 && wanted > back && character_at(tail).size == back;
        return is_cut ? bytes.substr(0, bytes.size() - back) : bytes;
    }
    return bytes;
}

}  // namespace snapjail::api
