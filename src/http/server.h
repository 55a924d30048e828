#pragma once
// HttpServer: bytes to requests and back, by Boost.Beast with coroutines on one thread. HTTP/1.0 and
// 1.1, keep-alive, pipelining, chunked bodies, Expect: 100-continue, HEAD. Every bound is in
// ServerLimits. It knows no routes and no jobs: that is the Handler's business.

#include <chrono>
#include <cstddef>
#include <memory>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "base/unique_fd.h"
#include "http/message.h"

namespace snapjail::http {

struct ServerLimits {
    std::size_t header_bytes_max = 16 * 1024;     // What browsers and proxies send fits many times.
    std::size_t body_bytes_max = 1536 * 1024;     // Set by the caller from the script's limit.
    std::size_t connections_max = 4096;           // Past that: 503 and close.
    std::chrono::milliseconds header_time_max{10'000};  // From the first byte to the last header.
    std::chrono::milliseconds body_time_max{30'000};
    std::chrono::milliseconds idle_time_max{75'000};    // Between two requests of one connection.
    std::chrono::milliseconds write_time_max{30'000};   // A client that does not read its answer.
};

class HttpServer {
  public:
    // Takes a listening TCP socket that is already bound. Serves nothing until start().
    HttpServer(boost::asio::io_context& io, UniqueFd listener, ServerLimits limits, Handler handler,
               ErrorBody error_body);
    ~HttpServer();

    void start();
    // Stops accepting, closes idle connections; those with a request under way get their answer with
    // Connection: close. May be called twice.
    void drain();
    std::size_t connection_count() const;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace snapjail::http
