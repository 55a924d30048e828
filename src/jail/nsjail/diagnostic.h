#pragma once
// Diagnostic: one thing to say about a configuration file, with its place in the file.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace snapjail::jail::nsjail {

enum class Severity : unsigned char {
    kNote,     // Accepted, and without meaning here.
    kWarning,  // Accepted, and probably not what was meant, or not wholly done.
    kError,    // Refused: nothing starts with this file.
};

// From 1, as editors count. Line 0: the file as a whole.
struct Position {
    int line = 0;
    int column = 0;
    bool operator==(const Position&) const = default;
    bool operator<(const Position& other) const {
        return line != other.line ? line < other.line : column < other.column;
    }
};

// The place after `sign`. Columns count characters, as editors show them, not bytes of UTF-8.
inline Position after(Position at, char sign) {
    bool is_continuation = (static_cast<unsigned char>(sign) & 0xc0) == 0x80;
    return sign == '\n' ? Position{at.line + 1, 1}
                        : Position{at.line, at.column + (is_continuation ? 0 : 1)};
}

// Of a byte of a text.
inline Position position_in(std::string_view text, std::size_t offset) {
    Position at{1, 1};
    for (std::size_t i = 0; i < offset && i < text.size(); ++i) {
        at = after(at, text[i]);
    }
    return at;
}

// The byte that stands there: the inverse of position_in().
inline std::size_t offset_in(std::string_view text, Position wanted) {
    Position at{1, 1};
    std::size_t offset = 0;
    for (; offset < text.size() && at < wanted; ++offset) {
        at = after(at, text[offset]);
    }
    return offset;
}

struct Diagnostic {
    Severity severity = Severity::kNote;
    Position position;
    std::string text;
};

class Diagnostics {
  public:
    void note(Position at, std::string text) { add(Severity::kNote, at, std::move(text)); }
    void warning(Position at, std::string text) { add(Severity::kWarning, at, std::move(text)); }
    void error(Position at, std::string text) { add(Severity::kError, at, std::move(text)); }

    bool has(Severity severity) const {
        return std::any_of(all_.begin(), all_.end(),
                           [&](const Diagnostic& one) { return one.severity == severity; });
    }
    // In the order of the file.
    const std::vector<Diagnostic>& all() const { return all_; }

  private:
    void add(Severity severity, Position at, std::string text) {
        auto after = std::upper_bound(
            all_.begin(), all_.end(), at,
            [](Position position, const Diagnostic& one) { return position < one.position; });
        all_.insert(after, {severity, at, std::move(text)});
    }

    std::vector<Diagnostic> all_;
};

inline const char* to_string(Severity severity) {
    switch (severity) {
        case Severity::kNote:
            return "note";
        case Severity::kWarning:
            return "warning";
        case Severity::kError:
            return "error";
    }
    return "error";
}

// "python.cfg:3:7: error: text", as compilers print it.
inline std::string to_line(const std::string& file, const Diagnostic& one) {
    std::string place = file;
    if (one.position.line > 0) {
        place +=
            ":" + std::to_string(one.position.line) + ":" + std::to_string(one.position.column);
    }
    return place + ": " + to_string(one.severity) + ": " + one.text;
}

}  // namespace snapjail::jail::nsjail
