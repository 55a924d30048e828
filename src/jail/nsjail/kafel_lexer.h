#pragma once
// The words of Kafel, the language of seccomp_string, with those of what it includes.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "jail/nsjail/diagnostic.h"
#include "jail/nsjail/kafel_policy.h"

namespace snapjail::jail::nsjail {

enum class TokenKind : unsigned char {
    kIdentifier,  // Keywords too: they are upper-case words.
    kNumber,
    kSign,     // One of , { } ( ) [ ] ! | & or two of == != >= <= && || and < >
    kDefine,   // #define
    kInclude,  // #include, and the names of its files; in no list that tokenize_kafel returns.
    kEnd,
};

// Where a word stands. What comes from an included file stands where that is included; `within`
// then says "file:line:column: ".
struct Place {
    Position position;
    std::string within;
};

struct Token {
    TokenKind kind = TokenKind::kEnd;
    std::string text;
    std::uint64_t number = 0;
    Place at;
    std::vector<std::string> files = {};  // Of kInclude.
};

// The whole text as tokens, the last one kEnd. What is no token is an error, and left out.
std::vector<Token> tokenize_kafel(std::string_view text, Diagnostics& diagnostics,
                                  const ReadInclude& read_include = {});

}  // namespace snapjail::jail::nsjail
