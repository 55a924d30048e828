#include "load/load.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <thread>

#include "http/server.h"
#include "http/service_for_test.h"

namespace snapjail::bench {
namespace {

using namespace std::chrono_literals;

// A server on a thread of its own that answers one request at a time, each after `delay`.
class SlowServer {
  public:
    explicit SlowServer(std::chrono::milliseconds delay, int status = 200) : status_(status) {
        UniqueFd listener = http::listen_on_loopback();
        sockaddr_in address{};
        socklen_t size = sizeof(address);
        EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
        port = ntohs(address.sin_port);
        server_.emplace(
            io_, std::move(listener), http::ServerLimits{},
            [this, delay](http::Request) { return answer(delay); },
            [](const std::string&, const std::string&) { return std::string("{}"); });
        server_->start();
        thread_ = std::thread([this] { io_.run(); });
    }
    ~SlowServer() {
        io_.stop();
        thread_.join();
    }

    std::uint16_t port = 0;

  private:
    boost::asio::awaitable<http::Response> answer(std::chrono::milliseconds delay) {
        free_at_ = std::max(free_at_, std::chrono::steady_clock::now()) + delay;
        boost::asio::steady_timer timer(io_, free_at_);
        co_await timer.async_wait(boost::asio::use_awaitable);
        co_return http::Response{.status = status_, .headers = {}, .body = "{}"};
    }

    boost::asio::io_context io_;
    int status_;
    std::chrono::steady_clock::time_point free_at_;
    std::optional<http::HttpServer> server_;
    std::thread thread_;
};

TEST(Load, AClosedLoopSendsAsManyAsItWasTold) {
    SlowServer server(0ms);

    LoadReport report = run_load(
        {.port = server.port, .request = http::post("/", "x"), .clients = 4, .requests_max = 25});

    EXPECT_EQ(report.latencies_us.size(), 25U);
    EXPECT_EQ(report.statuses, (std::map<unsigned, std::uint64_t>{{200, 25}}));
    EXPECT_EQ(report.errors, 0U);
    EXPECT_EQ(report.answer_bytes, 50U);
}

TEST(Load, AnOpenLoopCountsTheTimeThatARequestWaitedForAClient) {
    SlowServer server(20ms);

    // One client, a request due every millisecond or so, an answer every 20 ms: the last one was
    // due at some 10 ms and is answered at 200 ms. Counted from its sending it would be 20 ms.
    LoadReport report = run_load({.port = server.port,
                                  .request = http::post("/", "x"),
                                  .clients = 1,
                                  .requests_max = 10,
                                  .per_second = 1'000});

    ASSERT_EQ(report.latencies_us.size(), 10U);
    EXPECT_GT(report.latencies_us.back(), 150'000U);
}

TEST(Load, AClosedLoopCountsFromTheSending) {
    SlowServer server(20ms);

    LoadReport report = run_load(
        {.port = server.port, .request = http::post("/", "x"), .clients = 1, .requests_max = 5});

    ASSERT_EQ(report.latencies_us.size(), 5U);
    EXPECT_GE(report.latencies_us.back(), 20'000U);
    EXPECT_LT(report.latencies_us.back(), 90'000U);
}

TEST(Load, OtherStatusesAreCountedAndNotTimed) {
    SlowServer server(0ms, 503);

    LoadReport report =
        run_load({.port = server.port, .request = http::post("/", "x"), .requests_max = 3});

    EXPECT_TRUE(report.latencies_us.empty());
    EXPECT_EQ(report.statuses, (std::map<unsigned, std::uint64_t>{{503, 3}}));
}

TEST(Load, NothingBeginsAfterItsTime) {
    SlowServer server(1ms);

    LoadReport report = run_load(
        {.port = server.port, .request = http::post("/", "x"), .clients = 2, .time_max = 50ms});

    EXPECT_GE(report.latencies_us.size(), 2U);
    EXPECT_LE(report.latencies_us.size(), 51U);
}

TEST(Load, NobodyThereIsAnErrorAndNotAReport) {
    std::uint16_t port = 0;
    {
        SlowServer server(0ms);
        port = server.port;
    }

    EXPECT_THROW(run_load({.port = port, .request = "x", .requests_max = 1}),
                 boost::system::system_error);
}

}  // namespace
}  // namespace snapjail::bench
