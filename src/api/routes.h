#pragma once
// Routes: the only place that knows both HTTP and jobs. /execute, /health, /ready (and /healthz,
// /readyz); the request's JSON is checked here, an Outcome becomes a status and a body here.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "http/message.h"
#include "sched/job.h"
#include "sched/outcome.h"

namespace snapjail::api {

// What the routes need of the rest, so that a test can stand in for it.
struct Backend {
    std::function<boost::asio::awaitable<sched::Outcome>(sched::Job)> run;
    std::function<bool()> is_ready;            // A warm guest waits, and we are not draining.
    std::function<std::string()> health_json;  // A JSON object: what /health answers.
    std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
};

struct ApiLimits {
    std::size_t script_bytes_max = 204'800;
    std::size_t result_bytes_max = 10 * 1024 * 1024;
    int result_depth_max = 1000;  // What CPython itself can nest before RecursionError.
};

http::Handler make_handler(Backend backend, ApiLimits limits);

// The body of what the server refuses by itself, in the contract's words.
http::ErrorBody make_error_body(ApiLimits limits);

// {"error": message, "error_type": type}
std::string error_body(const std::string& message, const std::string& type);

}  // namespace snapjail::api
