#pragma once
// Connection: one client, from its first byte to the close: read a request, hand it to the handler,
// write the answer, again. While it is idle it owns no buffer. One thread; see server.h for what a
// client may expect.

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "http/message.h"
#include "http/request_id.h"
#include "http/request_parser.h"
#include "http/response_head.h"
#include "http/server_limits.h"

namespace snapjail::http {

// What the connections of one server have in common.
struct ServerContext {
    ServerLimits limits;
    Handler handler;
    ErrorBody error_body;
    RequestIds request_ids = {};
    HttpDate date = {};
    std::size_t body_bytes = 0;  // Of all connections; see body_bytes_total_max.
    bool is_draining = false;
    // Where bytes that nobody wants are read to, by all connections alike.
    std::array<char, 64 * 1024> discarded = {};
};

class Connection : public std::enable_shared_from_this<Connection> {
  public:
    using Socket = boost::asio::generic::stream_protocol::socket;

    Connection(Socket socket, std::shared_ptr<ServerContext> context);

    // Serves requests until the connection is over. Keep a shared_ptr for as long as it runs.
    boost::asio::awaitable<void> serve();
    // Says 503, for a server that has no room, once the client has sent something or a moment
    // later.
    boost::asio::awaitable<void> turn_away();

    // The server drains: closes after the answer to the request under way. Where there is none, one
    // that arrives within a moment is still answered, by a handler that refuses.
    void drain();
    // Drops the connection whatever it does, its handler too.
    void abort();

  private:
    struct HungUp {};
    using Arrival = std::variant<Request, Refusal, HungUp>;
    struct Reply {
        Response response;
        std::string request_id;
        Persistence persistence = Persistence::kClose;
        bool is_head = false;  // The body is counted, and not sent.
    };
    enum class Received { kBytes, kNothing, kHungUp };
    enum class Next { kRequest, kClose, kLingerAndClose };

    boost::asio::awaitable<bool> await_request();
    boost::asio::awaitable<Next> serve_one();
    boost::asio::awaitable<Arrival> read_request(RequestParser& parser);
    boost::asio::awaitable<Received> receive(std::size_t bytes_max);
    Received try_receive(std::size_t bytes_max);
    std::optional<Refusal> account_for_body(std::size_t size);

    boost::asio::awaitable<std::optional<Response>> answer(Request request);
    boost::asio::awaitable<Response> call_handler(Request request);
    boost::asio::awaitable<void> watch_for_hang_up();

    Response make_refusal(const Refusal& refusal) const;
    boost::asio::awaitable<bool> write_reply(const Reply& reply);
    boost::asio::awaitable<bool> write(std::array<boost::asio::const_buffer, 2> parts);
    boost::asio::awaitable<void> linger();
    void close();

    std::chrono::milliseconds read_time_max(bool is_header_done) const;
    void set_deadline(std::chrono::milliseconds after);
    void clear_deadline() { deadline_ = std::chrono::steady_clock::time_point::max(); }
    void arm_timer();
    void on_timer();

    Socket socket_;
    std::shared_ptr<ServerContext> context_;
    boost::beast::flat_buffer buffer_;
    // One timer for the connection's whole life: it is armed anew only where the deadline moves
    // nearer, and a deadline that has moved away is noticed when it fires.
    boost::asio::steady_timer timer_;
    std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
    std::size_t body_bytes_ = 0;  // Our share of the context's.
    bool is_timer_armed_ = false;
    bool is_late_ = false;
    bool is_idle_ = false;     // Waits for the first byte of a request.
    bool is_reading_ = false;  // Waits for the rest of one.
    bool has_hung_up_ = false;
};

}  // namespace snapjail::http
