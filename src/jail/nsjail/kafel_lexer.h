#pragma once
// The words of Kafel, the language of seccomp_string.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "jail/nsjail/diagnostic.h"

namespace snapjail::jail::nsjail {

enum class TokenKind : unsigned char {
    kIdentifier,  // Keywords too: they are upper-case words.
    kNumber,
    kSign,     // One of , { } ( ) [ ] ! | & or two of == != >= <= && || and < >
    kDefine,   // #define
    kInclude,  // #include
    kEnd,
};

struct Token {
    TokenKind kind = TokenKind::kEnd;
    std::string text;
    std::uint64_t number = 0;
    Position at;
};

// The whole text as tokens, the last one kEnd. What is no token is an error, and left out.
std::vector<Token> tokenize_kafel(std::string_view text, Diagnostics& diagnostics);

}  // namespace snapjail::jail::nsjail
