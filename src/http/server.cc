#include "http/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <exception>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/log.h"
#include "base/syscall.h"
#include "http/connection.h"

namespace snapjail::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// How many connections are accepted before the others get a turn.
constexpr int kAcceptsPerTurn = 64;
// accept() fails where descriptors or memory are short; the client that waits stays in the backlog,
// so trying again at once would spin.
constexpr std::chrono::milliseconds kAcceptBackoff{50};
// How many clients may be told that there is no room at one time. Past it they are just closed.
constexpr std::size_t kTurnedAwayMax = 256;

}  // namespace

struct HttpServer::State : std::enable_shared_from_this<State> {
    State(asio::io_context& io_context, ServerLimits limits, Handler handler, ErrorBody error_body)
        : io(io_context),
          listener(io),
          backoff(io),
          last_moment(io),
          context(std::make_shared<ServerContext>(
              ServerContext{limits, std::move(handler), std::move(error_body)})) {}

    asio::awaitable<void> accept_until_drained();
    bool accept_some();
    void admit(UniqueFd client);
    void forget(Connection* connection, std::exception_ptr thrown);
    void drain();
    void stop_accepting();

    asio::io_context& io;
    asio::posix::stream_descriptor listener;
    asio::steady_timer backoff;
    asio::steady_timer last_moment;  // From drain() until nobody listens.
    std::shared_ptr<ServerContext> context;
    std::unordered_set<Connection*> served;
    std::unordered_set<Connection*> turned_away;
    bool is_accept_failing = false;
};

// Returns once the listener is closed.
asio::awaitable<void> HttpServer::State::accept_until_drained() {
    while (listener.is_open()) {
        error_code ec;
        co_await listener.async_wait(asio::posix::stream_descriptor::wait_read,
                                     asio::redirect_error(asio::use_awaitable, ec));
        if (listener.is_open() && !accept_some()) {
            backoff.expires_after(kAcceptBackoff);
            co_await backoff.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        }
    }
}

// False if accept() failed for another reason than that nobody waits.
bool HttpServer::State::accept_some() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
        auto client = retry_eintr("accept4", [this] {
            return ::accept4(listener.native_handle(), nullptr, nullptr,
                             SOCK_CLOEXEC | SOCK_NONBLOCK);
        });
        if (!client) {
            int reason = client.error().sys_errno;
            if (reason == EAGAIN || reason == ECONNABORTED) {
                return true;
            }
            if (!is_accept_failing) {  // Once for a time of need, not for each try.
                log::warning("accept_failed", {{"error", client.error().to_string()}});
            }
            is_accept_failing = true;
            return false;
        }
        is_accept_failing = false;
        admit(UniqueFd(*client));
    }
    return true;
}

void HttpServer::State::admit(UniqueFd client) {
    bool has_room = served.size() < context->limits.connections_max;
    if (!has_room && turned_away.size() >= kTurnedAwayMax) {
        return;
    }
    // Fails for a socket that is not TCP, which needs none.
    int on = 1;
    (void)::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

    Connection::Socket socket(io);
    error_code ec;
    socket.assign(asio::generic::stream_protocol(AF_INET, IPPROTO_TCP), client.get(), ec);
    if (ec) {
        log::warning("accept_failed", {{"error", ec.message()}});
        return;
    }
    (void)client.release();
    socket.non_blocking(true, ec);
    auto connection = std::make_shared<Connection>(std::move(socket), context);
    (has_room ? served : turned_away).insert(connection.get());
    auto life = has_room ? connection->serve() : connection->turn_away();
    asio::co_spawn(io, std::move(life),
                   [self = shared_from_this(), connection](std::exception_ptr thrown) {
                       self->forget(connection.get(), std::move(thrown));
                   });
}

void HttpServer::State::forget(Connection* connection, std::exception_ptr thrown) {
    served.erase(connection);
    turned_away.erase(connection);
    if (!thrown) {
        return;
    }
    connection->abort();
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
        log::error("connection_threw", {{"error", std::string_view(e.what())}});
    }
}

void HttpServer::State::drain() {
    if (std::exchange(context->is_draining, true)) {
        return;
    }
    for (Connection* connection : served) {
        connection->drain();
    }
    last_moment.expires_after(context->limits.last_request_time_max);
    last_moment.async_wait([weak = weak_from_this()](error_code) {
        if (auto self = weak.lock()) {
            self->stop_accepting();
        }
    });
}

void HttpServer::State::stop_accepting() {
    if (!listener.is_open()) {
        return;
    }
    // What has connected by now is in the backlog: closing would cut it. A client in the midst of
    // its handshake is still cut: a socket filter that drops SYNs would spare it, but Linux 6.18
    // takes one for TCP from CAP_NET_ADMIN alone.
    (void)accept_some();
    error_code ignored;
    listener.close(ignored);
    backoff.cancel();
}

HttpServer::HttpServer(asio::io_context& io, UniqueFd listener, ServerLimits limits,
                       Handler handler, ErrorBody error_body)
    : state_(std::make_shared<State>(io, limits, std::move(handler), std::move(error_body))) {
    state_->listener.assign(listener.release());
    state_->listener.non_blocking(true);
}

HttpServer::~HttpServer() {
    state_->context->is_draining = true;
    state_->stop_accepting();
    state_->last_moment.cancel();
    for (auto* connections : {&state_->served, &state_->turned_away}) {
        for (Connection* connection : *connections) {
            connection->abort();
        }
    }
}

void HttpServer::start() {
    asio::co_spawn(
        state_->io,
        [state = state_]() -> asio::awaitable<void> { co_await state->accept_until_drained(); },
        asio::detached);
}

void HttpServer::drain() {
    state_->drain();
}

bool HttpServer::is_drained() const {
    return !state_->listener.is_open() && connection_count() == 0;
}

std::size_t HttpServer::connection_count() const {
    return state_->served.size() + state_->turned_away.size();
}

}  // namespace snapjail::http
