#include "jail/nsjail/kafel_lexer.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstring>
#include <filesystem>

namespace snapjail::jail::nsjail {
namespace {

constexpr auto kTwoSigns = std::to_array<std::string_view>({"==", "!=", ">=", "<=", "&&", "||"});
constexpr std::string_view kOneSign = ",{}()[]!|&<>";
constexpr std::size_t kIncludeDepthMax = 16;  // Kafel's own.
// In all: two files that each include the next one twice would double sixteen times.
constexpr std::size_t kIncludesMax = 64;

bool is_letter(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

class Lexer {
  public:
    Lexer(std::string_view text, Diagnostics& diagnostics)
        : text_(text), diagnostics_(diagnostics) {}

    std::vector<Token> run() && {
        while (skip_blanks()) {
            next();
        }
        tokens_.push_back({.kind = TokenKind::kEnd, .text = "the end", .at = {at_, ""}});
        return std::move(tokens_);
    }

  private:
    bool starts_with(std::string_view sign) const {
        return text_.substr(offset_).starts_with(sign);
    }

    void advance(std::size_t count) {
        for (; count > 0 && offset_ < text_.size(); --count, ++offset_) {
            at_ = after(at_, text_[offset_]);
        }
    }

    // False at the end.
    bool skip_blanks() {
        while (offset_ < text_.size()) {
            if (std::isspace(static_cast<unsigned char>(text_[offset_])) != 0) {
                advance(1);
            } else if (starts_with("//")) {
                advance(std::min(text_.find('\n', offset_), text_.size()) - offset_);
            } else if (starts_with("/*")) {
                std::size_t end = text_.find("*/", offset_ + 2);
                if (end == std::string_view::npos) {
                    diagnostics_.error(at_, "this comment has no end");
                    end = text_.size();
                }
                advance(end + 2 - offset_);
            } else {
                return true;
            }
        }
        return false;
    }

    void next() {
        char c = text_[offset_];
        bool is_number =
            is_digit(c) || (c == '-' && offset_ + 1 < text_.size() && is_digit(text_[offset_ + 1]));
        if (is_letter(c)) {
            take(TokenKind::kIdentifier, word_size(offset_));
        } else if (is_number) {
            take_number();
        } else if (starts_with("#include")) {
            take_include();
        } else if (std::size_t size = definition_size(); size > 0) {
            take(TokenKind::kDefine, size);
        } else {
            take_sign();
        }
    }

    // "#define", also with blanks between; or 0.
    std::size_t definition_size() const {
        static constexpr std::string_view kWord = "define";
        if (text_[offset_] != '#') {
            return 0;
        }
        std::size_t word = text_.find_first_not_of(" \t\n", offset_ + 1);
        bool is_there = word != std::string_view::npos && text_.substr(word, 6) == kWord &&
                        word_size(word) == kWord.size();
        return is_there ? word + kWord.size() - offset_ : 0;
    }

    // Names in quotes, up to the end of the line or a semicolon.
    void take_include() {
        Token& token = take(TokenKind::kInclude, std::strlen("#include"));
        for (;;) {
            std::size_t next = std::min(text_.find_first_not_of(" \t\r", offset_), text_.size());
            advance(next - offset_);
            bool is_end = offset_ == text_.size() || text_[offset_] == '\n';
            if (is_end || text_[offset_] == ';') {
                advance(is_end ? 0 : 1);
                break;
            }
            std::size_t line_end = std::min(text_.find('\n', offset_), text_.size());
            std::size_t quote = text_.find('"', offset_ + 1);
            if (text_[offset_] != '"' || quote >= line_end || quote == offset_ + 1) {
                diagnostics_.error(at_, "#include wants names of files in quotes");
                advance(line_end - offset_);
                return;
            }
            token.files.emplace_back(text_.substr(offset_ + 1, quote - offset_ - 1));
            advance(quote + 1 - offset_);
        }
        if (token.files.empty()) {
            diagnostics_.error(token.at.position, "#include wants names of files in quotes");
        }
    }

    std::size_t word_size(std::size_t from) const {
        std::size_t end = from;
        while (end < text_.size() && (is_letter(text_[end]) || is_digit(text_[end]))) {
            ++end;
        }
        return end - from;
    }

    Token& take(TokenKind kind, std::size_t size) {
        tokens_.push_back(
            {.kind = kind, .text = std::string(text_.substr(offset_, size)), .at = {at_, ""}});
        advance(size);
        return tokens_.back();
    }

    void take_number() {
        bool is_negative = text_[offset_] == '-';
        std::size_t sign = is_negative ? 1 : 0;
        Token& token = take(TokenKind::kNumber, sign + word_size(offset_ + sign));
        std::string_view digits = std::string_view(token.text).substr(sign);
        int base = 10;
        if (digits.starts_with("0x") || digits.starts_with("0X")) {
            base = 16;
            digits.remove_prefix(2);
        } else if (digits.starts_with("0b") || digits.starts_with("0B")) {
            base = 2;
            digits.remove_prefix(2);
        } else if (digits.size() > 1 && digits.starts_with('0')) {
            base = 8;
            digits.remove_prefix(1);
        }
        auto [end, failed] =
            std::from_chars(digits.data(), digits.data() + digits.size(), token.number, base);
        if (failed != std::errc() || end != digits.data() + digits.size()) {
            diagnostics_.error(token.at.position, token.text + " is not a number of 64 bits");
        }
        token.number = is_negative ? 0 - token.number : token.number;
    }

    void take_sign() {
        for (std::string_view sign : kTwoSigns) {
            if (starts_with(sign)) {
                take(TokenKind::kSign, 2);
                return;
            }
        }
        if (kOneSign.find(text_[offset_]) != std::string_view::npos) {
            take(TokenKind::kSign, 1);
            return;
        }
        // The whole of a character of UTF-8.
        std::size_t size = 1;
        while (offset_ + size < text_.size() && after(at_, text_[offset_ + size]) == at_) {
            ++size;
        }
        diagnostics_.error(
            at_, "'" + std::string(text_.substr(offset_, size)) + "' has no meaning in Kafel");
        advance(size);
    }

    std::string_view text_;
    Diagnostics& diagnostics_;
    std::size_t offset_ = 0;
    Position at_{1, 1};
    std::vector<Token> tokens_;
};

// Puts the words of included files where they are included.
class Includer {
  public:
    Includer(const ReadInclude& read, Diagnostics& diagnostics)
        : read_(read), diagnostics_(diagnostics) {}

    void add(std::vector<Token> tokens) {
        for (Token& token : tokens) {
            if (token.kind != TokenKind::kInclude) {
                tokens_.push_back(std::move(token));
                continue;
            }
            for (const std::string& name : token.files) {
                include(name, token.at);
            }
        }
    }
    std::vector<Token> take() && { return std::move(tokens_); }

  private:
    void error(const Place& at, const std::string& text) {
        diagnostics_.error(at.position, at.within + text);
    }

    void include(const std::string& name, const Place& at) {
        // Beside the file that names it; an absolute name stays what it is.
        std::filesystem::path folder =
            open_.empty() ? "" : std::filesystem::path(open_.back()).parent_path();
        std::string path = (folder / name).lexically_normal().string();
        if (auto first = std::find(open_.begin(), open_.end(), path); first != open_.end()) {
            std::string circle;
            for (; first != open_.end(); ++first) {
                circle += *first + " includes ";
            }
            error(at, "files include each other in a circle: " + circle + path);
            return;
        }
        if (open_.size() == kIncludeDepthMax || included_ == kIncludesMax) {
            error(at, open_.size() == kIncludeDepthMax ? "more than 16 files include each other"
                                                       : "more than 64 files are included");
            return;
        }
        if (!read_) {
            error(at, "there is no folder to include " + name + " from");
            return;
        }
        auto text = read_(path);
        if (!text) {
            error(at, "cannot include " + path + ": " + std::strerror(text.error().sys_errno));
            return;
        }
        ++included_;
        add_included(path, *text, at);
    }

    void add_included(const std::string& path, const std::string& text, const Place& at) {
        auto within = [&](Position position) {
            return path + ":" + std::to_string(position.line) + ":" +
                   std::to_string(position.column) + ": ";
        };
        Diagnostics found;
        std::vector<Token> tokens = Lexer(text, found).run();
        for (const Diagnostic& one : found.all()) {
            diagnostics_.error(at.position, within(one.position) + one.text);
        }
        tokens.pop_back();  // Its end is not the policy's.
        for (Token& token : tokens) {
            token.at = {at.position, within(token.at.position)};
        }
        open_.push_back(path);
        add(std::move(tokens));
        open_.pop_back();
    }

    const ReadInclude& read_;
    Diagnostics& diagnostics_;
    std::vector<Token> tokens_;
    std::vector<std::string> open_;  // Files that are being read, the outermost first.
    std::size_t included_ = 0;
};

}  // namespace

std::vector<Token> tokenize_kafel(std::string_view text, Diagnostics& diagnostics,
                                  const ReadInclude& read_include) {
    Includer includer(read_include, diagnostics);
    includer.add(Lexer(text, diagnostics).run());
    return std::move(includer).take();
}

}  // namespace snapjail::jail::nsjail
