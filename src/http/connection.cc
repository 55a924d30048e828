#include "http/connection.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/buffers_suffix.hpp>
#include <exception>
#include <utility>

#include "base/log.h"

namespace snapjail::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// One read of a header: most requests are shorter, so one read is all they take.
constexpr std::size_t kHeaderReadBytes = 4 * 1024;
constexpr std::size_t kBodyReadBytes = 64 * 1024;
// How much of further requests is taken in while one is being handled. Past it the client waits,
// and its hanging up is noticed only when the answer is written.
constexpr std::size_t kPipelinedBytesMax = 16 * 1024;
// Many clients take an answer that comes before they asked for a broken connection, so a client
// that is turned away gets this long to ask.
constexpr milliseconds kTurnAwayAfter{1'000};

auto redirect(error_code& ec) {
    return asio::redirect_error(asio::use_awaitable, ec);
}

std::string describe(const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "not a std::exception";
    }
}

}  // namespace

Connection::Connection(Socket socket, std::shared_ptr<ServerContext> context)
    : socket_(std::move(socket)), context_(std::move(context)), timer_(socket_.get_executor()) {}

asio::awaitable<void> Connection::serve() {
    Next next = Next::kClose;
    while (co_await await_request()) {
        next = co_await serve_one();
        if (next != Next::kRequest) {
            break;
        }
        next = Next::kClose;
    }
    if (next == Next::kLingerAndClose) {
        co_await linger();
    }
    close();
}

asio::awaitable<void> Connection::turn_away() {
    set_deadline(kTurnAwayAfter);
    Received received = co_await receive(kHeaderReadBytes);
    if (received != Received::kHungUp) {
        Reply reply{.response = make_refusal({503, "overloaded", "too many connections are open"}),
                    .request_id = context_->request_ids.next()};
        if (co_await write_reply(reply)) {
            co_await linger();
        }
    }
    close();
}

void Connection::drain() {
    const ServerLimits& limits = context_->limits;
    auto left = deadline_ - steady_clock::now();
    if (is_idle_ && left > limits.last_request_time_max) {
        set_deadline(limits.last_request_time_max);
    }
    if (is_reading_ && left > limits.last_body_time_max) {
        set_deadline(limits.last_body_time_max);
    }
}

void Connection::abort() {
    has_hung_up_ = true;
    close();
}

void Connection::close() {
    error_code ignored;
    socket_.close(ignored);
    timer_.cancel();
    account_for_body(0);
}

// Waits for the first byte of a request, with no buffer. False if the connection is over instead.
asio::awaitable<bool> Connection::await_request() {
    if (buffer_.size() > 0) {
        co_return true;
    }
    set_deadline(context_->is_draining ? context_->limits.last_request_time_max
                                       : context_->limits.idle_time_max);
    for (;;) {
        // First, and whatever ended the wait: what came just before the end is still answered.
        Received received = try_receive(kHeaderReadBytes);
        if (received != Received::kNothing) {
            co_return received == Received::kBytes;
        }
        if (is_late_) {
            co_return false;
        }
        buffer_.shrink_to_fit();
        error_code ec;
        is_idle_ = true;
        co_await socket_.async_wait(Socket::wait_read, redirect(ec));
        is_idle_ = false;
    }
}

asio::awaitable<Connection::Next> Connection::serve_one() {
    Reply reply{.response = {}, .request_id = context_->request_ids.next()};
    RequestParser parser(context_->limits);
    is_reading_ = true;
    Arrival arrival = co_await read_request(parser);
    is_reading_ = false;
    clear_deadline();
    reply.is_head = parser.is_head();
    if (std::holds_alternative<HungUp>(arrival)) {
        co_return Next::kClose;
    }
    if (auto* refusal = std::get_if<Refusal>(&arrival)) {
        reply.response = make_refusal(*refusal);
        bool is_written = co_await write_reply(reply);
        co_return is_written ? Next::kLingerAndClose : Next::kClose;
    }

    Request& request = std::get<Request>(arrival);
    request.id = reply.request_id;
    std::optional<Response> response = co_await answer(std::move(request));
    account_for_body(0);
    if (!response) {
        co_return Next::kClose;
    }
    reply.response = std::move(*response);
    if (parser.is_keep_alive() && !context_->is_draining) {
        reply.persistence =
            parser.is_version_1_0() ? Persistence::kKeepAliveStated : Persistence::kKeepAlive;
    }
    bool is_written = co_await write_reply(reply);
    if (!is_written) {
        co_return Next::kClose;
    }
    if (reply.persistence != Persistence::kClose) {
        co_return Next::kRequest;
    }
    // A client that asked us to close has nothing more to send; any other may be sending still.
    bool is_client_done = !parser.is_keep_alive() && buffer_.size() == 0;
    co_return is_client_done ? Next::kClose : Next::kLingerAndClose;
}

asio::awaitable<Connection::Arrival> Connection::read_request(RequestParser& parser) {
    using Progress = RequestParser::Progress;
    bool is_deadline_set = false;
    for (;;) {
        switch (parser.feed(buffer_)) {
            case Progress::kComplete:
                co_return parser.take_request();
            case Progress::kRefused:
                co_return parser.refusal();
            case Progress::kHeaderDone:
                is_deadline_set = false;
                if (parser.expects_continue() && buffer_.size() == 0) {
                    set_deadline(context_->limits.write_time_max);
                    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
                    bool is_written =
                        co_await write({asio::buffer(kContinue), asio::const_buffer()});
                    if (!is_written) {
                        co_return HungUp{};
                    }
                }
                continue;
            case Progress::kNeedMore:
                break;
        }
        if (auto refusal = account_for_body(parser.body_size())) {
            co_return *std::move(refusal);
        }
        bool is_header_done = parser.is_header_done();
        if (!is_deadline_set) {
            is_deadline_set = true;
            set_deadline(read_time_max(is_header_done));
        }
        Received received = co_await receive(is_header_done ? kBodyReadBytes : kHeaderReadBytes);
        if (received == Received::kHungUp) {
            co_return HungUp{};
        }
        if (received == Received::kNothing && context_->is_draining) {
            co_return Refusal{503, "overloaded", "the service is shutting down"};
        }
        if (received == Received::kNothing) {
            co_return Refusal{408, "invalid_request",
                              is_header_done ? "request body did not arrive in time"
                                             : "request header did not arrive in time"};
        }
    }
}

// kNothing: the deadline has passed.
asio::awaitable<Connection::Received> Connection::receive(std::size_t bytes_max) {
    for (;;) {
        Received received = try_receive(bytes_max);
        if (received != Received::kNothing || is_late_) {
            co_return received;
        }
        error_code ec;
        co_await socket_.async_wait(Socket::wait_read, redirect(ec));
        if (has_hung_up_) {
            co_return Received::kHungUp;
        }
    }
}

Connection::Received Connection::try_receive(std::size_t bytes_max) {
    error_code ec;
    std::size_t size = socket_.read_some(buffer_.prepare(bytes_max), ec);
    buffer_.commit(size);
    if (!ec) {
        return Received::kBytes;
    }
    return ec == asio::error::would_block ? Received::kNothing : Received::kHungUp;
}

// Replaces our share of what all bodies take together by `size`.
std::optional<Refusal> Connection::account_for_body(std::size_t size) {
    context_->body_bytes = context_->body_bytes - body_bytes_ + size;
    body_bytes_ = size;
    if (size > 0 && context_->body_bytes > context_->limits.body_bytes_total_max) {
        return Refusal{503, "overloaded", "too many large requests are under way"};
    }
    return std::nullopt;
}

// Nothing, if the client has hung up before the answer was there.
asio::awaitable<std::optional<Response>> Connection::answer(Request request) {
    using asio::experimental::awaitable_operators::operator||;
    auto first = co_await (call_handler(std::move(request)) || watch_for_hang_up());
    if (auto* response = std::get_if<Response>(&first)) {
        co_return std::move(*response);
    }
    co_return std::nullopt;
}

// Never throws: an exception would not end the watch, only a value does.
asio::awaitable<Response> Connection::call_handler(Request request) {
    std::string id = request.id;
    try {
        co_return co_await context_->handler(std::move(request));
    } catch (...) {
        if (!has_hung_up_) {
            log::error("handler_threw",
                       {{"id", id}, {"error", describe(std::current_exception())}});
        }
    }
    co_return make_refusal({500, "internal", "internal error; request id " + id});
}

// Ends when the client has hung up. Only waits and takes what is there already, so that a cancelled
// watch has lost no byte.
asio::awaitable<void> Connection::watch_for_hang_up() {
    while (buffer_.size() < kPipelinedBytesMax) {
        error_code ec;
        co_await socket_.async_wait(Socket::wait_read, redirect(ec));
        if (ec == asio::error::operation_aborted) {
            co_return;  // The handler was first, or abort().
        }
        if (ec || try_receive(kPipelinedBytesMax - buffer_.size()) == Received::kHungUp) {
            has_hung_up_ = true;
            co_return;
        }
    }
    asio::steady_timer never(socket_.get_executor(), steady_clock::time_point::max());
    co_await never.async_wait(asio::use_awaitable);
}

Response Connection::make_refusal(const Refusal& refusal) const {
    Response response{.status = refusal.status,
                      .headers = {},
                      .body = context_->error_body(refusal.message, refusal.type)};
    if (refusal.status == 503) {
        response.headers.emplace_back("Retry-After", "1");
    }
    return response;
}

asio::awaitable<bool> Connection::write_reply(const Reply& reply) {
    set_deadline(context_->limits.write_time_max);
    std::string head = make_response_head(reply.response, {.request_id = reply.request_id,
                                                           .date = context_->date.now(),
                                                           .persistence = reply.persistence});
    std::string_view body = reply.is_head ? std::string_view() : reply.response.body;
    co_return co_await write({asio::buffer(head), asio::buffer(body)});
}

// False if the client is gone or does not read. A deadline must be set.
asio::awaitable<bool> Connection::write(std::array<asio::const_buffer, 2> parts) {
    boost::beast::buffers_suffix<std::array<asio::const_buffer, 2>> left(parts);
    while (asio::buffer_size(left) > 0) {
        error_code ec;
        left.consume(socket_.write_some(left, ec));
        if (ec == asio::error::would_block) {
            if (is_late_) {
                co_return false;
            }
            co_await socket_.async_wait(Socket::wait_write, redirect(ec));
        } else if (ec) {
            co_return false;
        }
    }
    co_return true;
}

// Ends the answer, and lets the client read it before the close.
asio::awaitable<void> Connection::linger() {
    error_code ec;
    socket_.shutdown(Socket::shutdown_send, ec);
    buffer_.clear();
    buffer_.shrink_to_fit();
    set_deadline(context_->limits.linger_time_max);
    std::size_t left = context_->limits.linger_bytes_max;
    while (left > 0 && !is_late_ && socket_.is_open()) {
        co_await socket_.async_wait(Socket::wait_read, redirect(ec));
        std::size_t size = socket_.read_some(asio::buffer(context_->discarded), ec);
        if (ec && ec != asio::error::would_block) {
            co_return;
        }
        left -= std::min(left, size);
    }
}

milliseconds Connection::read_time_max(bool is_header_done) const {
    const ServerLimits& limits = context_->limits;
    milliseconds usual = is_header_done ? limits.body_time_max : limits.header_time_max;
    return context_->is_draining ? std::min(usual, limits.last_body_time_max) : usual;
}

void Connection::set_deadline(milliseconds after) {
    is_late_ = false;
    deadline_ = steady_clock::now() + after;
    if (!is_timer_armed_ || deadline_ < timer_.expiry()) {
        arm_timer();
    }
}

void Connection::arm_timer() {
    is_timer_armed_ = true;
    timer_.expires_at(deadline_);
    timer_.async_wait([self = shared_from_this()](error_code ec) {
        if (!ec) {
            self->on_timer();
        }
    });
}

void Connection::on_timer() {
    is_timer_armed_ = false;
    if (deadline_ == steady_clock::time_point::max() || !socket_.is_open()) {
        return;
    }
    if (steady_clock::now() < deadline_) {
        arm_timer();
        return;
    }
    is_late_ = true;
    error_code ignored;
    socket_.cancel(ignored);
}

}  // namespace snapjail::http
