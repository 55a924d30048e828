#include "api/execute_response.h"

#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "api/json_text.h"

namespace snapjail::api {
namespace {

using sched::FaultKind;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr ResultLimits kLimits{.bytes_max = 10 * 1024 * 1024, .depth_max = 1000};

http::Response answer(sched::Ending ending, std::string stdout_bytes = "",
                      ResultLimits limits = kLimits) {
    sched::Outcome outcome{.ending = std::move(ending), .stdout_bytes = std::move(stdout_bytes)};
    http::Response response = make_execute_response(outcome, limits, "the-id").response;
    EXPECT_FALSE(find_json_fault(response.body, 1001)) << response.body.substr(0, 200);
    return response;
}

std::string error(std::string_view message, std::string_view type) {
    return R"({"error":")" + std::string(message) + R"(","error_type":")" + std::string(type) +
           R"(","stdout":""})";
}

TEST(ExecuteResponse, AResultIsPassedOnAsItIs) {
    for (std::string json : {"1", "null", "\"a\"", "[1, 2]", "-0", "1e999", "1.10",
                             "{\"b\": 1, \"a\": 2, \"b\": 3}", "\"\\u0000 NaN Infinity\""}) {
        http::Response response = answer(sched::Returned{json}, "out");

        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(response.body, "{\"result\":" + json + ",\"stdout\":\"out\"}");
    }
}

TEST(ExecuteResponse, DigitsStay) {
    std::string digits = "1" + std::string(1'000'000, '0');

    EXPECT_EQ(answer(sched::Returned{digits}).body, "{\"result\":" + digits + ",\"stdout\":\"\"}");
}

TEST(ExecuteResponse, AResultThatIsNotJsonIsNotPassedOn) {
    for (std::string json : {"", "NaN", "[1,Infinity]", "1,\"x\":2", "1}", "\"\xff\"", "\"a\nb\"",
                             "\"\\ud800\"", "{\"a\":1"}) {
        http::Response response = answer(sched::Returned{json});

        EXPECT_EQ(response.status, 400);
        EXPECT_EQ(
            response.body.rfind("{\"error\":\"main() returned a non-JSON-serializable value: ", 0),
            0U)
            << response.body;
        EXPECT_NE(response.body.find("\"error_type\":\"not_json\""), std::string::npos);
    }
}

TEST(ExecuteResponse, AResultOfExactlyTheLimitIsPassedOnAndOneBytePastItIsNot) {
    ResultLimits limits{.bytes_max = 4, .depth_max = 10};

    EXPECT_EQ(answer(sched::Returned{"1234"}, "", limits).status, 200);
    http::Response response = answer(sched::Returned{"12345"}, "", limits);
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.body, error("result is larger than 4 bytes", "result_too_large"));
    EXPECT_NE(answer(sched::Returned{std::string(kLimits.bytes_max + 1, '1')})
                  .body.find("result is larger than 10 MiB"),
              std::string::npos);
}

TEST(ExecuteResponse, AResultNestedPastTheLimitIsNotPassedOn) {
    ResultLimits limits{.bytes_max = 100, .depth_max = 2};

    EXPECT_EQ(answer(sched::Returned{"[[]]"}, "", limits).status, 200);
    EXPECT_EQ(answer(sched::Returned{"[[[]]]"}, "", limits).status, 400);
}

TEST(ExecuteResponse, StdoutIsDecodedAndEscaped) {
    EXPECT_EQ(answer(sched::Returned{"1"}, "a\"\n\xff\xc3\xa9").body,
              "{\"result\":1,\"stdout\":\"a\\\"\\n\ufffdé\"}");
}

TEST(ExecuteResponse, ACutStdoutSaysSoAndEndsAtACharacter) {
    sched::Outcome outcome{
        .ending = sched::Returned{"1"}, .stdout_bytes = "ab\xf0\x9f\x98", .stdout_truncated = true};

    EXPECT_EQ(make_execute_response(outcome, kLimits, "").response.body,
              R"({"result":1,"stdout":"ab","stdout_truncated":true})");
    outcome.ending = sched::TimedOut{seconds(6)};
    std::string expected =
        R"json({"error":"execution time limit exceeded (6 s of wall time)",)json"
        R"json("error_type":"time_limit","stdout":"ab","stdout_truncated":true})json";
    EXPECT_EQ(make_execute_response(outcome, kLimits, "").response.body, expected);
}

TEST(ExecuteResponse, TimeLimitsAreNamedInSeconds) {
    auto wall = [](milliseconds limit) { return answer(sched::TimedOut{limit}).body; };

    EXPECT_EQ(wall(seconds(6)),
              error("execution time limit exceeded (6 s of wall time)", "time_limit"));
    EXPECT_EQ(wall(milliseconds(1500)),
              error("execution time limit exceeded (1.5 s of wall time)", "time_limit"));
    EXPECT_EQ(wall(milliseconds(50)),
              error("execution time limit exceeded (0.05 s of wall time)", "time_limit"));
    EXPECT_EQ(wall(milliseconds(1001)),
              error("execution time limit exceeded (1.001 s of wall time)", "time_limit"));
    http::Response cpu = answer(sched::CpuExhausted{seconds(2)});
    EXPECT_EQ(cpu.status, 400);
    EXPECT_EQ(cpu.body, error("execution time limit exceeded (2 s of CPU time)", "cpu_limit"));
}

TEST(ExecuteResponse, SignalsAreNamed) {
    EXPECT_EQ(answer(sched::Signaled{SIGSEGV}).body, error("killed by SIGSEGV", "signal"));
    EXPECT_EQ(answer(sched::Signaled{SIGKILL}).body, error("killed by SIGKILL", "signal"));
    EXPECT_EQ(answer(sched::Signaled{SIGSYS}).status, 400);
    EXPECT_EQ(answer(sched::Signaled{50}).body, error("killed by signal 50", "signal"));
    EXPECT_EQ(answer(sched::Signaled{0}).body, error("killed by signal 0", "signal"));
}

TEST(ExecuteResponse, EachFaultHasItsWord) {
    auto type_of = [](FaultKind kind) {
        http::Response response = answer(sched::Faulted{kind, "", ""});
        EXPECT_EQ(response.status, 400);
        std::string key = "\"error_type\":\"";
        std::size_t begin = response.body.find(key) + key.size();
        return response.body.substr(begin, response.body.find('"', begin) - begin);
    };

    EXPECT_EQ(type_of(FaultKind::kNoMain), "no_main");
    EXPECT_EQ(type_of(FaultKind::kSyntaxError), "syntax_error");
    EXPECT_EQ(type_of(FaultKind::kException), "exception");
    EXPECT_EQ(type_of(FaultKind::kExit), "exit");
    EXPECT_EQ(type_of(FaultKind::kNotJson), "not_json");
    EXPECT_EQ(type_of(FaultKind::kResultTooLarge), "result_too_large");
    EXPECT_EQ(type_of(FaultKind::kMemoryLimit), "memory_limit");
}

TEST(ExecuteResponse, AFaultsMessageBeginsAsTheContractSaysWhateverTheGuestWrote) {
    auto body = [](FaultKind kind, const char* message) {
        return answer(sched::Faulted{kind, message, ""}).body;
    };

    EXPECT_EQ(body(FaultKind::kMemoryLimit, ""), error("memory limit exceeded", "memory_limit"));
    EXPECT_EQ(body(FaultKind::kMemoryLimit, "MemoryError (line 3)"),
              error("memory limit exceeded: MemoryError (line 3)", "memory_limit"));
    EXPECT_EQ(body(FaultKind::kMemoryLimit, "memory limit exceeded (line 3)"),
              error("memory limit exceeded (line 3)", "memory_limit"));
    EXPECT_EQ(body(FaultKind::kNoMain, "hm"), error("script must define main(): hm", "no_main"));
    EXPECT_EQ(body(FaultKind::kException, "ValueError: boom (line 1)"),
              error("ValueError: boom (line 1)", "exception"));
}

TEST(ExecuteResponse, AFaultsTextIsHostile) {
    http::Response response = answer(
        sched::Faulted{FaultKind::kException, "a\",\"result\":1,\"\xff", "line\n\xed\xa0\x80"});

    EXPECT_EQ(response.body,
              "{\"error\":\"a\\\",\\\"result\\\":1,\\\"\ufffd\",\"error_type\":\"exception\","
              "\"stdout\":\"\",\"traceback\":\"line\\n\ufffd\ufffd\ufffd\"}");
}

TEST(ExecuteResponse, OverloadSaysWhenToComeBack) {
    http::Response response = answer(sched::Overloaded{"the queue is full", seconds(3)});

    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.body, error("the queue is full", "overloaded"));
    ASSERT_EQ(response.headers.size(), 1U);
    EXPECT_EQ(response.headers[0], (std::pair<std::string, std::string>("Retry-After", "3")));
    EXPECT_EQ(answer(sched::Overloaded{"", seconds(0)}).headers[0].second, "1");
}

TEST(ExecuteResponse, OurOwnFailureHasAnIdAndNoDetail) {
    http::Response response = answer(sched::Failed{"mount /proc: EPERM"}, "some");

    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.body,
              R"({"error":"internal error; request id the-id","error_type":"internal",)"
              R"("stdout":"some"})");
}

TEST(RefusalBody, HasAnErrorATypeAndAnEmptyStdout) {
    EXPECT_EQ(make_refusal_body("a \"b\"", "invalid_request"),
              R"({"error":"a \"b\"","error_type":"invalid_request","stdout":""})");
}

}  // namespace
}  // namespace snapjail::api
