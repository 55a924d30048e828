#pragma once
// HttpServer: bytes to requests and back, by Boost.Beast with coroutines on one thread. HTTP/1.0
// and 1.1, keep-alive, pipelining, chunked bodies, Expect: 100-continue, HEAD. Every bound is in
// ServerLimits. It knows no routes and no jobs: that is the Handler's business.
//
// While a handler runs the connection is watched. A client that closes, or that only shuts down its
// sending side, has hung up: its handler is cancelled and the connection is dropped, even if
// further requests had arrived before the close. All functions are for the thread that runs `io`.

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <memory>

#include "base/unique_fd.h"
#include "http/message.h"
#include "http/server_limits.h"

namespace snapjail::http {

class HttpServer {
  public:
    // Takes a listening stream socket that is already bound. Serves nothing until start().
    HttpServer(boost::asio::io_context& io, UniqueFd listener, ServerLimits limits, Handler handler,
               ErrorBody error_body);
    // Drops every connection; handlers under way are cancelled once `io` runs again. To be
    // destroyed before `io`.
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    void start();
    // Ends in order: connections get their answer with Connection: close. For
    // `last_request_time_max` what comes is still accepted and handed to the handler, which is to
    // refuse it; then nobody listens, and connections without a request are closed. May be called
    // twice.
    void drain();
    // Nobody listens, and all is said.
    bool is_drained() const;
    // Open connections, those that are being refused included.
    std::size_t connection_count() const;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace snapjail::http
