#include "load/load.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "load/schedule.h"

namespace snapjail::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Clock = std::chrono::steady_clock;
using boost::system::error_code;

// Above the largest answer that the service can give: a result and an output at their limits.
constexpr std::uint64_t kAnswerBytesMax = 256u << 20;

std::uint32_t to_us(Clock::duration time) {
    auto us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 0, UINT32_MAX));
}

class Load {
  public:
    explicit Load(const LoadSpec& spec) : spec_(spec) {
        if (spec.per_second > 0) {
            schedule_.emplace(spec.per_second, spec.seed);
        }
    }

    LoadReport run() {
        std::vector<std::unique_ptr<Client>> clients;
        for (std::uint32_t i = 0; i < spec_.clients; ++i) {
            clients.push_back(std::make_unique<Client>(io_));
            clients.back()->stream.socket().connect(endpoint_);
            set_no_delay(*clients.back());
        }
        begin_ = Clock::now();
        last_answer_ = begin_;
        for (auto& client : clients) {
            asio::co_spawn(io_, be_client(*client), asio::detached);
        }
        io_.run();
        report_.elapsed = last_answer_ - begin_;
        return std::move(report_);
    }

  private:
    struct Client {
        explicit Client(asio::io_context& io) : stream(io), timer(io) {}
        beast::tcp_stream stream;
        beast::flat_buffer buffer;
        std::vector<char> body;
        asio::steady_timer timer;
    };

    struct Head {
        unsigned status = 0;
        bool is_kept_alive = false;
    };

    static void set_no_delay(Client& client) {
        error_code ignored;
        client.stream.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    }

    // When the next request is due; none when enough were sent.
    std::optional<Clock::time_point> next_due() {
        if (spec_.requests_max > 0 && taken_ == spec_.requests_max) {
            return std::nullopt;
        }
        Clock::time_point due = schedule_ ? begin_ + schedule_->next() : Clock::now();
        if (spec_.time_max.count() > 0 && due - begin_ >= spec_.time_max) {
            return std::nullopt;
        }
        ++taken_;
        return due;
    }

    asio::awaitable<void> be_client(Client& client) {
        while (auto due = next_due()) {
            if (schedule_ && *due > Clock::now()) {
                co_await wait_until(client, *due);
            }
            co_await ask(client, *due);
            if (spec_.pause.count() > 0) {
                co_await wait_until(client, Clock::now() + spec_.pause);
            }
        }
    }

    static asio::awaitable<void> wait_until(Client& client, Clock::time_point time) {
        error_code ignored;
        client.timer.expires_at(time);
        co_await client.timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }

    asio::awaitable<void> ask(Client& client, Clock::time_point due) {
        error_code error;
        client.stream.expires_after(spec_.answer_time_max);
        if (!client.stream.socket().is_open()) {
            co_await client.stream.async_connect(endpoint_,
                                                 asio::redirect_error(asio::use_awaitable, error));
            set_no_delay(client);
        }
        Head head;
        if (!error) {
            error = co_await exchange(client, head);
        }
        last_answer_ = Clock::now();
        if (error) {
            ++report_.errors;
        } else {
            note(head.status, client.body.size(), last_answer_ - due);
        }
        if (error || !head.is_kept_alive) {
            client.stream.close();
            client.buffer.clear();
        }
    }

    // The body is read by ourselves: Beast asks the kernel for a kilobyte or two at a time, and
    // with answers of megabytes this client would be what is measured.
    asio::awaitable<error_code> exchange(Client& client, Head& head) {
        error_code error;
        auto token = asio::redirect_error(asio::use_awaitable, error);
        co_await asio::async_write(client.stream, asio::buffer(spec_.request), token);
        if (error) {
            co_return error;
        }
        beast::http::response_parser<beast::http::empty_body> parser;
        parser.skip(true);  // The body is not the parser's.
        co_await beast::http::async_read_header(client.stream, client.buffer, parser, token);
        if (error) {
            co_return error;
        }
        auto length = parser.content_length();
        if (!length || *length > kAnswerBytesMax) {
            co_return beast::http::error::bad_content_length;
        }
        head = {parser.get().result_int(), parser.get().keep_alive()};
        client.body.resize(*length);
        std::size_t taken = asio::buffer_copy(asio::buffer(client.body), client.buffer.data());
        client.buffer.consume(taken);
        co_await asio::async_read(client.stream, asio::buffer(client.body) + taken, token);
        co_return error;
    }

    void note(unsigned status, std::size_t body_bytes, Clock::duration latency) {
        ++report_.statuses[status];
        report_.answer_bytes += body_bytes;
        if (status == 200) {
            report_.latencies_us.push_back(to_us(latency));
        }
    }

    const LoadSpec& spec_;
    asio::io_context io_{1};
    asio::ip::tcp::endpoint endpoint_{asio::ip::address_v4::loopback(), spec_.port};
    std::optional<Schedule> schedule_;
    Clock::time_point begin_;
    Clock::time_point last_answer_;
    std::uint64_t taken_ = 0;
    LoadReport report_;
};

}  // namespace

LoadReport run_load(const LoadSpec& spec) {
    return Load(spec).run();
}

}  // namespace snapjail::bench
