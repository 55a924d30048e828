#include "api/execute_request.h"

#include <gtest/gtest.h>

#include <string>

namespace snapjail::api {
namespace {

constexpr std::size_t kScriptMax = 204'800;

std::variant<ExecuteRequest, Refusal> parse(std::string_view body) {
    return parse_execute_request(body, kScriptMax);
}

std::string script_of(std::string_view body) {
    auto parsed = parse(body);
    if (auto* refusal = std::get_if<Refusal>(&parsed)) {
        return "refused: " + refusal->message;
    }
    return std::get<ExecuteRequest>(parsed).script;
}

// The message, if it is a 400 invalid_request.
std::string refusal_of(std::string_view body) {
    auto parsed = parse(body);
    auto* refusal = std::get_if<Refusal>(&parsed);
    if (refusal == nullptr) {
        return "accepted";
    }
    EXPECT_EQ(refusal->status, 400);
    EXPECT_EQ(refusal->type, "invalid_request");
    return refusal->message;
}

TEST(ExecuteRequest, TheScriptIsUnescaped) {
    EXPECT_EQ(script_of(R"({"script":"a\n\"b\"\u00e9\ud83d\ude00é"})"), "a\n\"b\"é😀é");
    EXPECT_EQ(script_of(R"({"script":"a\u0000b"})"), std::string("a\0b", 3));
    EXPECT_EQ(script_of(R"({"script":""})"), "");
    EXPECT_EQ(script_of(" \r\n\t{ \"script\" : \"x\" } \n"), "x");
    EXPECT_EQ(script_of(R"({"\u0073cript":"x"})"), "x");
    EXPECT_EQ(script_of("{\"script\":\"\xef\xbb\xbfx\"}"), "\xef\xbb\xbfx");
}

TEST(ExecuteRequest, AScriptMayHaveExactlyTheLimitAndNotOneByteMore) {
    std::string fits(kScriptMax, 'x');

    EXPECT_EQ(script_of("{\"script\":\"" + fits + "\"}"), fits);
    auto parsed = parse("{\"script\":\"" + fits + "x\"}");
    ASSERT_TRUE(std::holds_alternative<Refusal>(parsed));
    EXPECT_EQ(std::get<Refusal>(parsed).status, 413);
    EXPECT_EQ(std::get<Refusal>(parsed).type, "script_too_large");
    EXPECT_EQ(std::get<Refusal>(parsed).message, "script is larger than 200 KB");
}

TEST(ExecuteRequest, TheLimitCountsBytesAfterUnescaping) {
    std::string escaped;
    for (int i = 0; i < 100; ++i) {
        escaped += "\\u00e9";
    }

    EXPECT_TRUE(std::holds_alternative<ExecuteRequest>(
        parse_execute_request("{\"script\":\"" + escaped + "\"}", 200)));
    auto parsed = parse_execute_request("{\"script\":\"" + escaped + "\"}", 199);
    ASSERT_TRUE(std::holds_alternative<Refusal>(parsed));
    EXPECT_EQ(std::get<Refusal>(parsed).message, "script is larger than 199 bytes");
}

TEST(ExecuteRequest, WhatIsNotAnObjectIsNamed) {
    EXPECT_EQ(refusal_of("[]"), "request body must be an object, not an array");
    EXPECT_EQ(refusal_of("\"x\""), "request body must be an object, not a string");
    EXPECT_EQ(refusal_of("7"), "request body must be an object, not a number");
    EXPECT_EQ(refusal_of("-7.5e3"), "request body must be an object, not a number");
    EXPECT_EQ(refusal_of("true"), "request body must be an object, not a boolean");
    EXPECT_EQ(refusal_of("null"), "request body must be an object, not null");
    EXPECT_EQ(refusal_of(std::string(1'000'000, '[')),
              "request body must be an object, not an array");
}

TEST(ExecuteRequest, AMissingScriptIsNamed) {
    EXPECT_EQ(refusal_of("{}"), "request must have a \"script\" field");
}

TEST(ExecuteRequest, AScriptThatIsNotAStringIsNamedByItsType) {
    EXPECT_EQ(refusal_of(R"({"script":null})"), "\"script\" must be a string, not null");
    EXPECT_EQ(refusal_of(R"({"script":1})"), "\"script\" must be a string, not a number");
    EXPECT_EQ(refusal_of(R"({"script":1.5})"), "\"script\" must be a string, not a number");
    EXPECT_EQ(refusal_of(R"({"script":99999999999999999999999})"),
              "\"script\" must be a string, not a number");
    EXPECT_EQ(refusal_of(R"({"script":false})"), "\"script\" must be a string, not a boolean");
    EXPECT_EQ(refusal_of(R"({"script":["x"]})"), "\"script\" must be a string, not an array");
    EXPECT_EQ(refusal_of(R"({"script":{"a":1}})"), "\"script\" must be a string, not an object");
}

TEST(ExecuteRequest, AnUnknownFieldIsNamed) {
    EXPECT_EQ(refusal_of(R"({"Script":"x"})"), "request has an unknown field: \"Script\"");
    EXPECT_EQ(refusal_of(R"({"script":"x","timeout":0})"),
              "request has an unknown field: \"timeout\"");
    EXPECT_EQ(refusal_of(R"({"":1})"), "request has an unknown field: \"\"");
    EXPECT_EQ(refusal_of("{\"a\\n\\\"\\u0000\":1}"),
              "request has an unknown field: \"a\\n\\\"\\u0000\"");
}

TEST(ExecuteRequest, ALongUnknownFieldIsShownInPart) {
    std::string fits(64, 'k');

    EXPECT_EQ(refusal_of("{\"" + fits + "\":1}"), "request has an unknown field: \"" + fits + "\"");
    EXPECT_EQ(refusal_of("{\"" + fits + "k\":1}"),
              "request has an unknown field: \"" + fits + "\"...");
    EXPECT_EQ(refusal_of("{\"" + std::string(1'000'000, 'k') + "\":1}"),
              "request has an unknown field: \"" + fits + "\"...");
    EXPECT_EQ(refusal_of("{\"" + std::string(63, 'k') + "éé\":1}"),
              "request has an unknown field: \"" + std::string(63, 'k') + "\"...");
}

TEST(ExecuteRequest, AScriptGivenTwiceIsRefused) {
    EXPECT_EQ(refusal_of(R"({"script":"a","script":"b"})"),
              "request has the field \"script\" twice");
    EXPECT_EQ(refusal_of(R"({"script":"a","\u0073cript":"a"})"),
              "request has the field \"script\" twice");
}

TEST(ExecuteRequest, WhatIsNotJsonIsRefusedWithItsPlace) {
    EXPECT_EQ(refusal_of(""), "request body is empty");
    EXPECT_EQ(refusal_of(R"({"script":"x"} trailing)"),
              "request body is not valid JSON: extra data at byte 15");
    for (std::string_view body :
         {" ", "{\"script\":\"x\"", "{\"script\":\"x\",}", "{\"script\":\"x\"}{\"script\":\"x\"}",
          "/* why */{\"script\":\"x\"}", "{\"script\":\"x\"}// why", "{'script':'x'}",
          "{\"script\":NaN}", "{\"script\":\"a\nb\"}", R"({"script":"\x41"})", "script=x", "\1",
          R"({"script":"\ud800"})", R"({"script":"\udc00"})", R"({"script":"\udc00\ud800"})",
          "\xef\xbb\xbf{\"script\":\"x\"}"}) {
        EXPECT_EQ(refusal_of(body).rfind("request body is not valid JSON: ", 0), 0U)
            << body << " " << refusal_of(body);
        EXPECT_NE(refusal_of(body).find(" at byte "), std::string::npos);
    }
    EXPECT_EQ(refusal_of("{\"script\":\"\xff\"}"), "request body is not UTF-8 at byte 11");
    EXPECT_EQ(refusal_of("{\"script\":\"\xed\xa0\x80\"}"), "request body is not UTF-8 at byte 11");
}

TEST(ExecuteRequest, EveryPrefixOfABodyIsRefused) {
    std::string body = R"({"script":"a\u00e9\ud83d\ude00"})";

    for (std::size_t size = 0; size < body.size(); ++size) {
        EXPECT_NE(refusal_of(body.substr(0, size)), "accepted") << size;
    }
}

TEST(JsonMediaType, TakesJsonByItsUsualNames) {
    for (std::string_view type :
         {"application/json", "Application/JSON", "application/json; charset=utf-8",
          "application/json;charset=UTF-8", "application/json ; Charset = \"utf-8\"",
          "application/vnd.api+json", "application/json;", "application/json; profile=x"}) {
        EXPECT_TRUE(is_json_media_type(type)) << type;
    }
}

TEST(JsonMediaType, RefusesOtherTypesAndCharsets) {
    for (std::string_view type :
         {"", "x", "text/plain", "text/json-not", "application/jsonp", "application/octet-stream",
          "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/x+json",
          "application/json; charset=utf-16", "application/json; charset=latin-1",
          "application/json; charset", "application/json; charset=", "application/json, text/plain",
          "text/plain, application/x+json", "application/json; a=b; charset=utf-16"}) {
        EXPECT_FALSE(is_json_media_type(type)) << type;
    }
}

}  // namespace
}  // namespace snapjail::api
