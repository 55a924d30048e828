#include "api/routes.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "api/execute_request.h"
#include "api/execute_response.h"
#include "base/check.h"
#include "base/log.h"

namespace snapjail::api {
namespace {

namespace asio = boost::asio;

enum class Route { kExecute, kHealth, kReady };

struct Path {
    std::string_view path;
    Route route;
    std::string_view allow;
};

// The names with a "z" are for platforms that expect them; Cloud Run answers those by itself.
constexpr std::array kPaths{
    Path{"/execute", Route::kExecute, "POST, OPTIONS"},
    Path{"/health", Route::kHealth, "GET, HEAD, OPTIONS"},
    Path{"/healthz", Route::kHealth, "GET, HEAD, OPTIONS"},
    Path{"/ready", Route::kReady, "GET, HEAD, OPTIONS"},
    Path{"/readyz", Route::kReady, "GET, HEAD, OPTIONS"},
};

struct Routes {
    Backend backend;
    ApiLimits limits;
};

http::Response refuse(const Refusal& refusal) {
    return {
        .status = refusal.status, .headers = {}, .body = error_body(refusal.message, refusal.type)};
}

bool is_allowed(std::string_view allow, const std::string& method) {
    return (", " + std::string(allow) + ",").find(", " + method + ",") != std::string::npos;
}

using std::chrono::microseconds;

// "1.05": milliseconds, all their digits.
std::string milliseconds_text(microseconds time) {
    std::string thousandths = std::to_string(1000 + time.count() % 1000);
    return std::to_string(time.count() / 1000) + "." + thousandths.substr(1);
}

// As browsers and proxies read it: https://www.w3.org/TR/server-timing/
std::string server_timing(const sched::Outcome& outcome, microseconds total) {
    return "queue;dur=" + milliseconds_text(outcome.queue_time) +
           ", run;dur=" + milliseconds_text(outcome.run_time) +
           ", total;dur=" + milliseconds_text(total);
}

void log_job(const std::string& id, const sched::Outcome& outcome, microseconds total,
             const ExecuteResponse& answer) {
    log::info("job", {{"id", id},
                      {"outcome", answer.outcome},
                      {"status", std::int64_t{answer.response.status}},
                      {"profile", outcome.profile},
                      {"queue_us", std::int64_t{outcome.queue_time.count()}},
                      {"run_us", std::int64_t{outcome.run_time.count()}},
                      {"total_us", std::int64_t{total.count()}},
                      {"stdout_bytes", static_cast<std::int64_t>(outcome.stdout_bytes.size())}});
    if (const auto* failed = std::get_if<sched::Failed>(&outcome.ending)) {
        log::error("job_failed", {{"id", id}, {"error", failed->reason}});
    }
}

asio::awaitable<http::Response> execute(std::shared_ptr<const Routes> routes,
                                        http::Request request) {
    auto began = routes->backend.now();
    if (request.has_content_type && !is_json_media_type(request.content_type)) {
        co_return refuse(
            {.status = 415, .message = "Content-Type must be application/json in UTF-8"});
    }
    auto parsed = parse_execute_request(request.body, routes->limits.script_bytes_max);
    if (const auto* refusal = std::get_if<Refusal>(&parsed)) {
        co_return refuse(*refusal);
    }
    request.body = {};  // Not needed while the job runs, and it may be large.
    sched::Job job{.id = request.id, .script = std::move(std::get<ExecuteRequest>(parsed).script)};
    sched::Outcome outcome = co_await routes->backend.run(std::move(job));

    ResultLimits limits{.bytes_max = routes->limits.result_bytes_max,
                        .depth_max = static_cast<std::size_t>(routes->limits.result_depth_max)};
    ExecuteResponse answer = make_execute_response(outcome, limits, request.id);
    // Once, so that the client and the log are told the same.
    auto total = std::chrono::duration_cast<microseconds>(routes->backend.now() - began);
    answer.response.headers.emplace_back("Server-Timing", server_timing(outcome, total));
    log_job(request.id, outcome, total, answer);
    co_return std::move(answer.response);
}

http::Response ready(bool is_ready) {
    return {.status = is_ready ? 200 : 503,
            .headers = {},
            .body = is_ready ? "{\"ready\":true}" : "{\"ready\":false}"};
}

asio::awaitable<http::Response> answer(std::shared_ptr<const Routes> routes,
                                       http::Request request) {
    const auto* path = std::find_if(kPaths.begin(), kPaths.end(),
                                    [&](const Path& known) { return known.path == request.path; });
    if (path == kPaths.end()) {
        co_return refuse({.status = 404, .message = "there is nothing at this path"});
    }
    if (!is_allowed(path->allow, request.method)) {
        http::Response response =
            refuse({.status = 405, .message = "this path takes only " + std::string(path->allow)});
        response.headers.emplace_back("Allow", path->allow);
        co_return response;
    }
    if (request.method == "OPTIONS") {
        // Nothing is granted to other origins: there are no CORS headers.
        co_return http::Response{
            .status = 200, .headers = {{"Allow", std::string(path->allow)}}, .body = "{}"};
    }
    switch (path->route) {
        case Route::kExecute:
            co_return co_await execute(std::move(routes), std::move(request));
        case Route::kHealth:
            co_return http::Response{
                .status = 200, .headers = {}, .body = routes->backend.health_json()};
        case Route::kReady:
            co_return ready(routes->backend.is_ready());
    }
    CHECK(false);
}

}  // namespace

http::Handler make_handler(Backend backend, ApiLimits limits) {
    auto routes = std::make_shared<const Routes>(Routes{std::move(backend), limits});
    return [routes](http::Request request) { return answer(routes, std::move(request)); };
}

std::string error_body(const std::string& message, const std::string& type) {
    return make_refusal_body(message, type);
}

http::ErrorBody make_error_body(ApiLimits limits) {
    return [limits](const std::string& message, const std::string& type) {
        // A body too large for any script that is allowed: the client hears of the script first.
        bool is_too_large = type == kScriptTooLarge;
        return error_body(is_too_large
                              ? script_too_large_sentence(limits.script_bytes_max) + ": " + message
                              : message,
                          type);
    };
}

}  // namespace snapjail::api
