#pragma once
// A request and a response as our routes see them: plain values, no Beast type, no connection.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace snapjail::http {

struct Request {
    std::string id;      // Made by the server for each request; sent back as X-Request-Id.
    std::string method;  // As sent: "POST".
    std::string path;    // Without the query.
    bool has_content_type = false;
    std::string content_type;
    std::string body;
};

struct Response {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers;  // Besides those the server adds.
    std::string body;                                          // Always JSON.
};

// Answers one request. Cancelled (terminal) when the client hangs up: it must then end soon.
// It may be called again on another connection before it has ended on this one; one thread.
using Handler = std::function<boost::asio::awaitable<Response>(Request)>;

// The body of every refusal that the server makes by itself: the contract's error object.
// `message` and `type` must be valid UTF-8.
using ErrorBody = std::function<std::string(const std::string& message, const std::string& type)>;

}  // namespace snapjail::http
