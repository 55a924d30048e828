#pragma once
// Service and Client: for tests. A real HttpServer on 127.0.0.1 and raw sockets that talk to it,
// all on the test's one thread: whoever waits for bytes runs the server meanwhile.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "http/server.h"

namespace snapjail::http {

// A safety net: nothing that is waited for takes so long unless it is broken.
constexpr std::chrono::seconds kPatience{10};

struct Answer {
    int status = 0;
    std::map<std::string, std::string> headers;
    std::string body;

    std::string header(const std::string& name) const {
        auto found = headers.find(name);
        return found == headers.end() ? "(absent)" : found->second;
    }
};

inline UniqueFd listen_on_loopback() {
    UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener.get(), 4096), 0);
    return listener;
}

class Client;

// Its routes: /echo answers "METHOD PATH BODY"; /wait waits for release() or for being cancelled;
// /throw throws; /large answers `large_bytes` bytes.
class Service {
  public:
    explicit Service(ServerLimits limits = {}) {
        UniqueFd listener = listen_on_loopback();
        socklen_t size = sizeof(address_);
        EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address_), &size), 0);
        server.emplace(
            io, std::move(listener), limits,
            [this](Request request) { return handle(std::move(request)); },
            [](const std::string& message, const std::string& type) {
                return "{\"error\":\"" + message + "\",\"error_type\":\"" + type + "\"}";
            });
        server->start();
    }

    template <class Predicate>
    [[nodiscard]] bool run_until(Predicate is_true) {
        auto end = std::chrono::steady_clock::now() + kPatience;
        while (!is_true()) {
            if (std::chrono::steady_clock::now() > end) {
                return false;
            }
            if (io.stopped()) {
                io.restart();
            }
            io.run_one_for(std::chrono::milliseconds(1));
        }
        return true;
    }

    // Runs what is ready now, and nothing that has to be waited for.
    void run_ready() {
        do {
            io.restart();
        } while (io.poll() > 0);
    }

    Client connect();
    void release() { ++released; }

    boost::asio::io_context io;
    std::optional<HttpServer> server;
    std::vector<Request> requests;
    std::size_t large_bytes = 0;
    int released = 0;
    int waiting = 0;
    int cancelled = 0;

  private:
    friend class Client;

    boost::asio::awaitable<Response> handle(Request request) {
        requests.push_back(request);
        if (request.path == "/throw") {
            throw std::runtime_error("secret detail");
        }
        if (request.path == "/large") {
            co_return Response{.status = 200, .headers = {}, .body = std::string(large_bytes, 'x')};
        }
        if (request.path == "/wait") {
            co_await wait_for_release();
        }
        co_return Response{.status = 200,
                           .headers = {{"X-Test", "yes"}},
                           .body = request.method + " " + request.path + " " + request.body};
    }

    boost::asio::awaitable<void> wait_for_release() {
        ++waiting;
        boost::asio::steady_timer timer(io);
        while (released == 0) {
            timer.expires_after(std::chrono::milliseconds(1));
            try {
                co_await timer.async_wait(boost::asio::use_awaitable);
            } catch (const boost::system::system_error&) {
                --waiting;
                ++cancelled;
                throw;
            }
        }
        --released;
        --waiting;
    }

    sockaddr_in address_{};
};

class Client {
  public:
    explicit Client(Service& service) : service_(&service) {
        fd_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        int on = 1;  // What a test cuts into pieces is to arrive in pieces, and at once.
        ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&service.address_),
                            sizeof(service.address_)),
                  0);
    }

    // Sends all, running the server while its buffers are full. False if the server has closed.
    bool send(std::string_view bytes) {
        return service_->run_until([&] {
            if (bytes.empty()) {
                return true;
            }
            ssize_t size =
                ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (size < 0) {
                is_broken_ = errno != EAGAIN;
                return is_broken_;
            }
            bytes.remove_prefix(static_cast<std::size_t>(size));
            return bytes.empty();
        }) && !is_broken_;
    }

    // The next answer; status 0 if the server closed instead. `method` says whether a body comes.
    Answer read_answer(std::string_view method = "POST") {
        Answer answer;
        if (!read_until([&] { return unread_.find("\r\n\r\n") != std::string::npos; })) {
            return answer;
        }
        std::size_t head_size = unread_.find("\r\n\r\n") + 4;
        parse_head(unread_.substr(0, head_size), answer);
        unread_.erase(0, head_size);
        if (answer.status == 100 || method == "HEAD") {
            return answer;
        }
        std::size_t size = std::stoul("0" + answer.headers["content-length"]);
        if (!read_until([&] { return unread_.size() >= size; })) {
            ADD_FAILURE() << "closed within a body";
        }
        answer.body = unread_.substr(0, size);
        unread_.erase(0, size);
        return answer;
    }

    Answer ask(std::string_view bytes) {
        send(bytes);
        return read_answer();
    }

    // Waits for the server's close. False if bytes came, or RST instead of FIN.
    bool is_closed_by_server() {
        (void)read_until([&] { return !unread_.empty(); });
        return unread_.empty() && is_at_end_ && !is_reset_;
    }

    // True if nothing was sent and nothing was closed so far.
    bool is_silent() {
        service_->run_ready();
        read_once();
        return unread_.empty() && !is_at_end_;
    }

    void shut_down_sending() { ::shutdown(fd_.get(), SHUT_WR); }
    void close() { fd_.reset(); }
    void reset() {
        linger hard{1, 0};
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        fd_.reset();
    }

  private:
    template <class Predicate>
    bool read_until(Predicate is_true) {
        bool is_over = service_->run_until([&] {
            if (!is_true() && !is_at_end_) {
                read_once();
            }
            return is_true() || is_at_end_;
        });
        EXPECT_TRUE(is_over) << "waited too long; so far: " << unread_.substr(0, 500);
        return is_over && is_true();
    }

    void read_once() {
        char buffer[65536];
        ssize_t size = ::recv(fd_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
        if (size > 0) {
            unread_.append(buffer, static_cast<std::size_t>(size));
        } else if (size == 0) {
            is_at_end_ = true;
        } else if (errno != EAGAIN) {
            is_at_end_ = true;
            is_reset_ = true;
        }
    }

    static void parse_head(const std::string& head, Answer& answer) {
        answer.status = std::stoi(head.substr(9, 3));
        std::size_t at = head.find("\r\n") + 2;
        for (;;) {
            std::size_t end = head.find("\r\n", at);
            if (end == at || end == std::string::npos) {
                return;
            }
            std::size_t colon = head.find(": ", at);
            std::string name = head.substr(at, colon - at);
            std::transform(name.begin(), name.end(), name.begin(), [](char c) {
                return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
            });
            answer.headers[name] = head.substr(colon + 2, end - colon - 2);
            at = end + 2;
        }
    }

    Service* service_;
    UniqueFd fd_;
    std::string unread_;
    bool is_at_end_ = false;
    bool is_reset_ = false;
    bool is_broken_ = false;
};

inline Client Service::connect() {
    return Client(*this);
}

ServerLimits with(auto change) {
    ServerLimits limits;
    change(limits);
    return limits;
}

// "POST /echo" with that body.
inline std::string post(std::string_view path, std::string_view body, std::string_view more = "") {
    return "POST " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + std::string(more) +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

inline std::string get(std::string_view path, std::string_view more = "") {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + std::string(more) + "\r\n";
}

}  // namespace snapjail::http
