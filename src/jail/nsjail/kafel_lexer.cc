#include "jail/nsjail/kafel_lexer.h"

#include <array>
#include <cctype>
#include <charconv>

namespace snapjail::jail::nsjail {
namespace {

constexpr auto kTwoSigns = std::to_array<std::string_view>({"==", "!=", ">=", "<=", "&&", "||"});
constexpr std::string_view kOneSign = ",{}()[]!|&<>";

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
        tokens_.push_back({.kind = TokenKind::kEnd, .text = "the end", .at = at_});
        return std::move(tokens_);
    }

  private:
    bool starts_with(std::string_view sign) const {
        return text_.substr(offset_).starts_with(sign);
    }

    void advance(std::size_t count) {
        for (; count > 0 && offset_ < text_.size(); --count, ++offset_) {
            at_ = text_[offset_] == '\n' ? Position{at_.line + 1, 1}
                                         : Position{at_.line, at_.column + 1};
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
        } else if (starts_with("#define")) {
            take(TokenKind::kDefine, 7);
        } else if (starts_with("#include")) {
            take(TokenKind::kInclude, 8);
        } else {
            take_sign();
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
            {.kind = kind, .text = std::string(text_.substr(offset_, size)), .at = at_});
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
            diagnostics_.error(token.at, token.text + " is not a number of 64 bits");
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
        diagnostics_.error(at_, std::string("'") + text_[offset_] + "' has no meaning in Kafel");
        advance(1);
    }

    std::string_view text_;
    Diagnostics& diagnostics_;
    std::size_t offset_ = 0;
    Position at_{1, 1};
    std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize_kafel(std::string_view text, Diagnostics& diagnostics) {
    return Lexer(text, diagnostics).run();
}

}  // namespace snapjail::jail::nsjail
