#include "base/log.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace snapjail::log {
namespace {

// The one line that `write` makes, without its newline; its time is cut to its form.
template <class Write>
std::string line_of(Write write) {
    testing::internal::CaptureStderr();
    start("tester", Level::kDebug);
    write();
    std::string text = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(text.ends_with("\n"));
    EXPECT_EQ(text.find('\n'), text.size() - 1) << "more than one line: " << text;
    return text.substr(0, text.find('\n'));
}

// What stands after the component: all that a caller decides.
std::string fields_of(const std::string& line) {
    std::string marker = R"("component":"tester",)";
    std::size_t at = line.find(marker);
    EXPECT_NE(at, std::string::npos) << line;
    return line.substr(at + marker.size());
}

TEST(Log, ALineIsOneJsonObjectWithTimeInUtcLevelAndComponent) {
    std::string line = line_of([] { info("started", {{"port", std::int64_t{8080}}}); });

    EXPECT_TRUE(line.starts_with(R"({"time":"2)")) << line;
    EXPECT_NE(line.find(R"(Z","level":"info","component":"tester",)"), std::string::npos) << line;
    EXPECT_EQ(fields_of(line), R"("event":"started","port":8080})");
}

TEST(Log, QuotesBackslashesAndLineBreaksAreEscaped) {
    std::string line = line_of([] { error("a\"b\\c\nd\re\t", {{"na\"me\n", "}\n{\"x\":1}"}}); });

    EXPECT_EQ(fields_of(line), R"("event":"a\"b\\c\u000ad\u000de\u0009",)"
                               R"("na\"me\u000a":"}\u000a{\"x\":1}"})");
}

TEST(Log, EveryByteStaysInsideItsStringAsAscii) {
    std::string all;
    std::string expected;
    for (int byte = 0; byte < 256; ++byte) {
        char c = static_cast<char>(byte);
        all += c;
        if (c == '"' || c == '\\') {
            expected += std::string("\\") + c;
        } else if (byte < 0x20 || byte >= 0x7f) {
            char escape[8];
            std::snprintf(escape, sizeof(escape), "\\u%04x", byte);
            expected += escape;
        } else {
            expected += c;
        }
    }

    std::string line = line_of([&] { info("e", {{"all", all}}); });

    EXPECT_EQ(fields_of(line), R"("event":"e","all":")" + expected + "\"}");
}

TEST(Log, PlaceholdersOfTheLibraryMeanNothing) {
    std::string line = line_of([] { info("{} {0} %v %l", {{"x", "%T{:d}"}}); });

    EXPECT_EQ(fields_of(line), R"("event":"{} {0} %v %l","x":"%T{:d}"})");
}

TEST(Log, NumbersAreNumbers) {
    std::string line = line_of([] {
        info("n", {{"low", std::numeric_limits<std::int64_t>::min()},
                   {"high", std::numeric_limits<std::int64_t>::max()},
                   {"real", 0.12345}});
    });

    EXPECT_EQ(fields_of(line),
              R"("event":"n","low":-9223372036854775808,"high":9223372036854775807,"real":0.123})");
}

TEST(Log, ANumberThatJsonLacksIsNull) {
    std::string line = line_of([] {
        info("n", {{"a", std::numeric_limits<double>::quiet_NaN()},
                   {"b", -std::numeric_limits<double>::infinity()}});
    });

    EXPECT_EQ(fields_of(line), R"("event":"n","a":null,"b":null})");
}

TEST(Log, WhatIsBelowTheLowestLevelIsNotWritten) {
    testing::internal::CaptureStderr();
    start("tester", Level::kWarning);
    debug("no");
    info("no");
    warning("yes");

    std::string text = testing::internal::GetCapturedStderr();

    EXPECT_NE(text.find(R"("level":"warning")"), std::string::npos);
    EXPECT_EQ(text.find("\"no\""), std::string::npos);
}

}  // namespace
}  // namespace snapjail::log
