#include "api/json_text.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>

namespace snapjail::api {
namespace {

constexpr std::size_t kDepthMax = 1000;

bool is_json(std::string_view text) {
    return !find_json_fault(text, kDepthMax).has_value();
}

std::string as_json_string(std::string_view bytes) {
    std::string out;
    append_json_string(out, bytes);
    return out;
}

TEST(JsonText, TakesEveryKindOfValue) {
    for (std::string_view text : {"null",
                                  "true",
                                  "false",
                                  "0",
                                  "-0",
                                  "7",
                                  "-12.5",
                                  "1e999",
                                  "1E+9",
                                  "1.0e-400",
                                  "\"\"",
                                  "[]",
                                  "{}",
                                  "[[]]",
                                  "[1,2]",
                                  R"({"a":1,"b":[{}]})",
                                  " \t\r\n[ 1 , { \"a\" : 2 } ]\n",
                                  R"("\"\\\/\b\f\n\r\té\ud83d\ude00")",
                                  "\"\x7f\xc3\xa9\xf0\x9f\x98\x80\"",
                                  R"({"a":1,"a":2})"}) {
        EXPECT_TRUE(is_json(text)) << text;
    }
}

TEST(JsonText, RefusesWhatPythonAndJavascriptWouldTake) {
    for (std::string_view text : {"NaN",
                                  "Infinity",
                                  "-Infinity",
                                  "[NaN]",
                                  "{\"a\":-Infinity}",
                                  "nan",
                                  "None",
                                  "True",
                                  "undefined",
                                  "'a'",
                                  "{a:1}",
                                  "{1:2}",
                                  "[1,]",
                                  "{\"a\":1,}",
                                  "[,1]",
                                  "// x\n1",
                                  "/* x */1",
                                  "+1",
                                  ".5",
                                  "5.",
                                  "01",
                                  "-",
                                  "1e",
                                  "1e+",
                                  "0x10",
                                  "1_000",
                                  "--1",
                                  "\xef\xbb\xbf 1"}) {
        EXPECT_FALSE(is_json(text)) << text;
    }
}

TEST(JsonText, RefusesWhatIsCutOrHasMore) {
    for (std::string_view text : {"",        " ",
                                  "[",       "{",
                                  "[1",      "{\"a\"",
                                  "{\"a\":", "{\"a\":1",
                                  "\"a",     "\"\\",
                                  "\"\\u12", "tru",
                                  "[]]",     "1 2",
                                  "{}{}",    "]",
                                  "}",       "[}",
                                  "{]",      "{\"a\" 1}",
                                  "[1 2]",   "{\"a\":1 \"b\":2}",
                                  "{,}",     ","}) {
        EXPECT_FALSE(is_json(text)) << text;
    }
}

TEST(JsonText, EveryPrefixOfAValueIsRefused) {
    std::string text = R"({"key é":[1,-2.5e+3,true,null,"\u00e9\ud83d\ude00"],"b":{"c":""}})";

    ASSERT_TRUE(is_json(text));
    for (std::size_t size = 0; size < text.size(); ++size) {
        EXPECT_FALSE(is_json(text.substr(0, size))) << size;
    }
}

TEST(JsonText, RefusesControlCharactersWithinStringsOnly) {
    for (char c = 0; c < 0x20; ++c) {
        EXPECT_FALSE(is_json(std::string("\"") + c + "\"")) << int{c};
        EXPECT_FALSE(is_json(std::string("\"0123456789") + c + "0123456789\"")) << int{c};
    }
    EXPECT_TRUE(is_json("\"\x20\x7f\""));
}

TEST(JsonText, RefusesBytesThatAreNotUtf8) {
    for (std::string_view bytes :
         {"\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf", "\xe2\x82",
          "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x9f\x98", "\xf4\x90\x80\x80",
          "\xf5\x80\x80\x80", "\xff", "\xfe"}) {
        EXPECT_FALSE(is_json('"' + std::string(bytes) + '"')) << as_json_string(bytes);
        EXPECT_FALSE(is_json("{\"" + std::string(bytes) + "\":1}"));
    }
}

TEST(JsonText, TakesTheFirstAndLastCharacterOfEachUtf8Length) {
    for (std::string_view bytes :
         {"\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
          "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
        EXPECT_TRUE(is_json('"' + std::string(bytes) + '"'));
        EXPECT_EQ(find_utf8_fault(bytes), std::nullopt);
    }
}

TEST(JsonText, RefusesHalfASurrogatePair) {
    for (std::string_view text :
         {R"("\ud800")", R"("\udc00")", R"("\ud800x")", R"("\ud800\n")", R"("\ud800\ud800")",
          R"("\udc00\ud800")", R"("\ud83d\u0041")", R"({"\udfff":1})"}) {
        EXPECT_FALSE(is_json(text)) << text;
    }
    EXPECT_TRUE(is_json(R"("\ud800\udc00\udbff\udfff\ud7ff\ue000")"));
}

TEST(JsonText, NestingIsTakenUpToTheDepthAndNotPastIt) {
    for (auto [open, close] : {std::pair{"[", "]"}, std::pair{"{\"a\":", "}"}}) {
        auto nested = [&, opening = std::string(open), closing = std::string(close)](int depth) {
            std::string text;
            for (int i = 0; i < depth; ++i) {
                text += opening;
            }
            text += "1";
            for (int i = 0; i < depth; ++i) {
                text += closing;
            }
            return text;
        };

        EXPECT_TRUE(is_json(nested(1000)));
        EXPECT_FALSE(is_json(nested(1001)));
    }
    EXPECT_EQ(find_json_fault("[[]]", 1)->what, "it is nested too deeply");
    EXPECT_FALSE(find_json_fault("[[],[]]", 2));
    EXPECT_FALSE(find_json_fault("1", 0));
}

TEST(JsonText, TenMillionOpenBracketsCostNothing) {
    EXPECT_FALSE(is_json(std::string(10'000'000, '[')));
    EXPECT_EQ(find_json_fault(std::string(10'000'000, '['), 1000)->offset, 1000U);
}

TEST(JsonText, DigitsOfAnyNumberAreTakenInLinearTime) {
    std::string digits = "-" + std::string(10'000'000, '9') + "." + std::string(1'000'000, '7') +
                         "e-" + std::string(1'000'000, '5');

    auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(is_json(digits));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST(JsonText, AFaultSaysWhereItIs) {
    auto fault = find_json_fault("[1, NaN]", kDepthMax);

    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->offset, 4U);
    EXPECT_EQ(fault->what, "it is no JSON value");
}

TEST(JsonString, EscapesWhatMustBe) {
    EXPECT_EQ(as_json_string(""), "\"\"");
    EXPECT_EQ(as_json_string("plain text, long enough for words"),
              "\"plain text, long enough for words\"");
    EXPECT_EQ(as_json_string("a\"b\\c\nd\re\tf\b"), R"("a\"b\\c\nd\re\tf\u0008")");
    EXPECT_EQ(as_json_string(std::string_view("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
    EXPECT_EQ(as_json_string("é😀"), "\"é😀\"");
}

TEST(JsonString, IsValidJsonWhateverTheBytes) {
    std::string all;
    for (int first = 0; first < 256; ++first) {
        for (int second = 0; second < 256; ++second) {
            all += static_cast<char>(first);
            all += static_cast<char>(second);
        }
    }

    EXPECT_TRUE(is_json(as_json_string(all)));
    for (std::size_t begin = 0; begin < 64; ++begin) {
        EXPECT_TRUE(is_json(as_json_string(std::string_view(all).substr(begin, 5000))));
    }
}

// Each pair is what bytes.decode("utf-8", errors="replace") gives in CPython 3.11.
TEST(JsonString, ReplacesBadBytesAsPythonDoes) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kPairs{{
        {"\xff", "\"\ufffd\""},
        {"a\x80z", "\"a\ufffdz\""},
        {"\xc0\xaf", "\"\ufffd\ufffd\""},
        {"\xe2\x82", "\"\ufffd\""},
        {"\xe2\x82z", "\"\ufffdz\""},
        {"\xe0\x80\x80", "\"\ufffd\ufffd\ufffd\""},
        {"\xed\xa0\x80", "\"\ufffd\ufffd\ufffd\""},
        {"\xf0\x9f\x98", "\"\ufffd\""},
        {"\xf0\x9f\x98\xf0\x9f\x98\x80", "\"\ufffd\U0001f600\""},
        {"\xf4\x90\x80\x80", "\"\ufffd\ufffd\ufffd\ufffd\""},
        {"\xf1\x80\x80\xe1\x80\xc2", "\"\ufffd\ufffd\ufffd\""},
        {"\xc3\xa9\xc3", "\"é\ufffd\""},
    }};
    for (const auto& [bytes, expected] : kPairs) {
        EXPECT_EQ(as_json_string(bytes), expected);
    }
}

TEST(Utf8, TheFirstFaultIsFound) {
    EXPECT_EQ(find_utf8_fault("plain text, long enough for words"), std::nullopt);
    EXPECT_EQ(find_utf8_fault("0123456789\xff"), 10U);
    EXPECT_EQ(find_utf8_fault("é\xc3"), 2U);
    EXPECT_EQ(find_utf8_fault(""), std::nullopt);
}

TEST(Utf8, OnlyACharacterThatTheEndCutIsTakenOff) {
    EXPECT_EQ(without_cut_character("a\xf0\x9f\x98"), "a");
    EXPECT_EQ(without_cut_character("a\xf0\x9f"), "a");
    EXPECT_EQ(without_cut_character("a\xe2\x82"), "a");
    EXPECT_EQ(without_cut_character("a\xc3"), "a");
    EXPECT_EQ(without_cut_character("aé😀"), "aé😀");
    EXPECT_EQ(without_cut_character("a\x80\x80"), "a\x80\x80");
    EXPECT_EQ(without_cut_character("a\xff"), "a\xff");
    EXPECT_EQ(without_cut_character("a\xe0\x80"), "a\xe0\x80");
    EXPECT_EQ(without_cut_character("\x80\x80\x80\x80"), "\x80\x80\x80\x80");
    EXPECT_EQ(without_cut_character(""), "");
}

}  // namespace
}  // namespace snapjail::api
