#include "api/routes.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace snapjail::api {
namespace {

namespace asio = boost::asio;

// A backend that remembers its jobs and answers each with the same outcome.
struct FakeBackend {
    std::vector<sched::Job> jobs;
    sched::Outcome outcome{.ending = sched::Returned{"1"}, .stdout_bytes = ""};
    bool is_ready = true;
    std::chrono::steady_clock::time_point now{};
    std::chrono::microseconds job_takes{};

    Backend make() {
        return {.run = [this](sched::Job job) -> asio::awaitable<sched::Outcome> {
                    jobs.push_back(std::move(job));
                    now += job_takes;
                    co_return outcome;
                },
                .is_ready = [this] { return is_ready; },
                .health_json = [] { return std::string("{\"status\":\"ok\"}"); },
                .now = [this] { return now; }};
    }
};

class Routes : public testing::Test {
  protected:
    http::Response ask(http::Request request) {
        request.id = "the-id";
        http::Handler handler = make_handler(backend_.make(), limits_);
        asio::io_context io;
        std::optional<http::Response> response;
        asio::co_spawn(io, handler(std::move(request)),
                       [&](std::exception_ptr thrown, http::Response answer) {
                           EXPECT_EQ(thrown, nullptr);
                           response = std::move(answer);
                       });
        io.run();
        EXPECT_TRUE(response);
        return response.value_or(http::Response{});
    }

    http::Response ask(const std::string& method, const std::string& path,
                       const std::string& body = "") {
        http::Request request;
        request.method = method;
        request.path = path;
        request.body = body;
        return ask(std::move(request));
    }

    FakeBackend backend_;
    ApiLimits limits_;
};

std::string header(const http::Response& response, const std::string& name) {
    for (const auto& [key, value] : response.headers) {
        if (key == name) {
            return value;
        }
    }
    return "(absent)";
}

TEST_F(Routes, AScriptIsRunAndItsResultAnswered) {
    backend_.outcome.stdout_bytes = "hi\n";

    http::Response response = ask("POST", "/execute", R"({"script":"def main(): return 1"})");

    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, R"({"result":1,"stdout":"hi\n"})");
    ASSERT_EQ(backend_.jobs.size(), 1U);
    EXPECT_EQ(backend_.jobs[0].script, "def main(): return 1");
    EXPECT_EQ(backend_.jobs[0].id, "the-id");
}

TEST_F(Routes, AnAnswerSaysWhereItsTimeWent) {
    backend_.outcome.queue_time = std::chrono::microseconds(5);
    backend_.outcome.run_time = std::chrono::microseconds(1'234);
    backend_.job_takes = std::chrono::microseconds(20'050);

    for (const sched::Ending& ending :
         {sched::Ending(sched::Returned{"1"}), sched::Ending(sched::Failed{"why"}),
          sched::Ending(sched::TimedOut{std::chrono::milliseconds(9)})}) {
        backend_.outcome.ending = ending;
        EXPECT_EQ(header(ask("POST", "/execute", R"({"script":""})"), "Server-Timing"),
                  "queue;dur=0.005, run;dur=1.234, total;dur=20.050");
    }
}

TEST_F(Routes, WhereNoJobWasThereIsNothingToTime) {
    EXPECT_EQ(header(ask("POST", "/execute", "{}"), "Server-Timing"), "(absent)");
    EXPECT_EQ(header(ask("GET", "/health"), "Server-Timing"), "(absent)");
}

TEST_F(Routes, AnEmptyScriptIsForTheGuestToJudge) {
    EXPECT_EQ(ask("POST", "/execute", R"({"script":""})").status, 200);
    EXPECT_EQ(backend_.jobs.size(), 1U);
}

TEST_F(Routes, ABadRequestRunsNothing) {
    http::Response response = ask("POST", "/execute", "{}");

    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.body, R"({"error":"request must have a \"script\" field",)"
                             R"("error_type":"invalid_request","stdout":""})");
    EXPECT_TRUE(backend_.jobs.empty());
}

TEST_F(Routes, TheConfiguredScriptLimitHolds) {
    limits_.script_bytes_max = 3;

    EXPECT_EQ(ask("POST", "/execute", R"({"script":"123"})").status, 200);
    EXPECT_EQ(ask("POST", "/execute", R"({"script":"1234"})").status, 413);
    EXPECT_EQ(backend_.jobs.size(), 1U);
}

TEST_F(Routes, TheConfiguredResultLimitsHold) {
    limits_.result_bytes_max = 4;
    limits_.result_depth_max = 1;

    backend_.outcome.ending = sched::Returned{"1234"};
    EXPECT_EQ(ask("POST", "/execute", R"({"script":""})").status, 200);
    backend_.outcome.ending = sched::Returned{"12345"};
    EXPECT_EQ(ask("POST", "/execute", R"({"script":""})").status, 400);
    backend_.outcome.ending = sched::Returned{"[[]]"};
    EXPECT_EQ(ask("POST", "/execute", R"({"script":""})").status, 400);
}

TEST_F(Routes, AContentTypeThatIsNotJsonIsRefusedAndAMissingOneIsNot) {
    http::Request request{.id = "",
                          .method = "POST",
                          .path = "/execute",
                          .content_type = "",
                          .body = R"({"script":""})"};
    EXPECT_EQ(ask(request).status, 200);
    request.has_content_type = true;
    EXPECT_EQ(ask(request).status, 415);
    request.content_type = "application/json";
    EXPECT_EQ(ask(request).status, 200);
    request.content_type = "text/plain";
    http::Response response = ask(request);
    EXPECT_EQ(response.status, 415);
    EXPECT_NE(response.body.find("\"error_type\":\"invalid_request\""), std::string::npos);
}

TEST_F(Routes, HealthIsWhatTheBackendSays) {
    for (const char* path : {"/health", "/healthz"}) {
        for (const char* method : {"GET", "HEAD"}) {
            http::Response response = ask(method, path);
            EXPECT_EQ(response.status, 200);
            EXPECT_EQ(response.body, R"({"status":"ok"})");
        }
    }
}

TEST_F(Routes, ReadyFollowsTheBackend) {
    for (const char* path : {"/ready", "/readyz"}) {
        backend_.is_ready = true;
        http::Response yes = ask("GET", path);
        backend_.is_ready = false;
        http::Response no = ask("HEAD", path);

        EXPECT_EQ(yes.status, 200);
        EXPECT_EQ(yes.body, "{\"ready\":true}");
        EXPECT_EQ(no.status, 503);
        EXPECT_EQ(no.body, "{\"ready\":false}");
    }
}

TEST_F(Routes, AWrongMethodIsToldWhichAreRight) {
    for (const char* method :
         {"GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "post", "POS", ""}) {
        http::Response response = ask(method, "/execute");
        EXPECT_EQ(response.status, 405) << method;
        EXPECT_EQ(header(response, "Allow"), "POST, OPTIONS");
        EXPECT_NE(response.body.find("\"error_type\":\"invalid_request\""), std::string::npos);
    }
    for (const char* path : {"/health", "/healthz", "/ready", "/readyz"}) {
        http::Response response = ask("POST", path);
        EXPECT_EQ(response.status, 405);
        EXPECT_EQ(header(response, "Allow"), "GET, HEAD, OPTIONS");
    }
    EXPECT_TRUE(backend_.jobs.empty());
}

TEST_F(Routes, OptionsSaysWhatIsAllowedAndGrantsNothing) {
    http::Response response = ask("OPTIONS", "/execute");

    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(header(response, "Allow"), "POST, OPTIONS");
    EXPECT_EQ(response.headers.size(), 1U);
    EXPECT_EQ(response.body, "{}");
}

TEST_F(Routes, AnUnknownPathIsNotFound) {
    for (const char* path : {"/", "", "*", "/execut", "/execute/", "/EXECUTE", "//execute",
                             "/%65xecute", "/health/../execute"}) {
        http::Response response = ask("POST", path, R"({"script":""})");
        EXPECT_EQ(response.status, 404) << path;
        EXPECT_NE(response.body.find("\"error_type\":\"invalid_request\""), std::string::npos);
    }
    EXPECT_TRUE(backend_.jobs.empty());
}

// What is logged while it lives.
class LogCapture {
  public:
    LogCapture() : before_(spdlog::default_logger()) {
        auto logger = std::make_shared<spdlog::logger>(
            "test", std::make_shared<spdlog::sinks::ostream_sink_st>(text_));
        logger->set_pattern("%v");
        spdlog::set_default_logger(logger);
    }
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;
    ~LogCapture() { spdlog::set_default_logger(before_); }
    std::string text() const { return text_.str(); }

  private:
    std::ostringstream text_;
    std::shared_ptr<spdlog::logger> before_;
};

TEST_F(Routes, AJobIsLoggedOnceWithoutItsContent) {
    LogCapture log;
    backend_.outcome = {.ending = sched::Returned{"\"secret result\""},
                        .stdout_bytes = "secret print",
                        .queue_time = std::chrono::microseconds(12),
                        .run_time = std::chrono::microseconds(34),
                        .profile = "data"};
    backend_.job_takes = std::chrono::microseconds(56);

    ask("POST", "/execute", R"({"script":"secret script"})");

    EXPECT_EQ(log.text(),
              R"("event":"job","id":"the-id","outcome":"returned","status":200,)"
              R"("profile":"data","queue_us":12,"run_us":34,"total_us":56,"stdout_bytes":12)"
              "\n");
}

TEST_F(Routes, WhyAJobFailedIsLoggedAndNotAnswered) {
    LogCapture log;
    backend_.outcome.ending = sched::Failed{"mount /proc: EPERM"};

    http::Response response = ask("POST", "/execute", R"({"script":""})");

    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.body.find("mount"), std::string::npos);
    EXPECT_NE(log.text().find(R"("event":"job_failed","id":"the-id","error":"mount /proc: EPERM")"),
              std::string::npos);
}

TEST_F(Routes, CancellingARequestCancelsItsJob) {
    asio::io_context io;
    bool is_job_cancelled = false;
    bool is_answered = false;
    Backend backend = backend_.make();
    backend.run = [&](sched::Job) -> asio::awaitable<sched::Outcome> {
        asio::steady_timer never(io, asio::steady_timer::time_point::max());
        try {
            co_await never.async_wait(asio::use_awaitable);
        } catch (...) {
            is_job_cancelled = true;
            throw;
        }
        co_return sched::Outcome{};
    };
    http::Handler handler = make_handler(std::move(backend), limits_);
    http::Request request{.id = "",
                          .method = "POST",
                          .path = "/execute",
                          .content_type = "",
                          .body = R"({"script":""})"};
    asio::cancellation_signal hang_up;

    asio::co_spawn(io, handler(std::move(request)),
                   asio::bind_cancellation_slot(
                       hang_up.slot(), [&](std::exception_ptr thrown, const http::Response&) {
                           is_answered = thrown == nullptr;
                       }));
    io.poll();
    hang_up.emit(asio::cancellation_type::terminal);
    io.restart();
    io.poll();

    EXPECT_TRUE(is_job_cancelled);
    EXPECT_FALSE(is_answered);
}

TEST(ErrorBody, SaysOfATooLargeBodyThatTheScriptIsTooLarge) {
    auto body = make_error_body(ApiLimits{});

    EXPECT_EQ(body("request body is larger than 9 bytes", "script_too_large"),
              R"({"error":"script is larger than 200 KB: request body is larger than 9 bytes",)"
              R"("error_type":"script_too_large","stdout":""})");
    EXPECT_EQ(body("a", "b"), error_body("a", "b"));
}

TEST(ErrorBody, IsTheContractsErrorObject) {
    EXPECT_EQ(error_body("a", "b"), R"({"error":"a","error_type":"b","stdout":""})");
}

}  // namespace
}  // namespace snapjail::api
