#include "http/server.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <memory>

#include "http/service_for_test.h"

namespace snapjail::http {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kInvalid = "\"error_type\":\"invalid_request\"";

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

// Time limits.

TEST(HttpServer, ASlowHeaderIsRefused) {
    for (const char* begun :
         {"P", "POST /echo HTTP/1.1\r\nHos", "POST /echo HTTP/1.1\r\nHost: x\r\n"}) {
        Service service(with([](ServerLimits& l) { l.header_time_max = 30ms; }));
        Client client = service.connect();

        Answer answer = client.ask(begun);

        EXPECT_EQ(answer.status, 408);
        EXPECT_TRUE(contains(answer.body, kInvalid));
        EXPECT_EQ(answer.header("connection"), "close");
        EXPECT_EQ(answer.header("content-type"), "application/json");
        client.shut_down_sending();
        EXPECT_TRUE(client.is_closed_by_server());
    }
}

TEST(HttpServer, BytesThatTrickleInDoNotPutOffTheHeadersDeadline) {
    Service service(with([](ServerLimits& l) { l.header_time_max = 40ms; }));
    Client client = service.connect();
    auto begin = std::chrono::steady_clock::now();

    client.send("POST /echo HTTP/1.1\r\nHost: x\r\nA: ");
    ASSERT_TRUE(service.run_until([&] {
        client.send("a");
        return !client.is_silent();
    }));

    EXPECT_EQ(client.read_answer().status, 408);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
}

TEST(HttpServer, ASlowBodyIsRefused) {
    Service service(with([](ServerLimits& l) {
        l.header_time_max = 1ms;
        l.body_time_max = 40ms;
    }));

    for (const char* header : {"Content-Length: 9\r\n", "Transfer-Encoding: chunked\r\n"}) {
        Client client = service.connect();
        Answer answer =
            client.ask("POST /echo HTTP/1.1\r\nHost: x\r\n" + std::string(header) + "\r\n1\r\na");

        EXPECT_EQ(answer.status, 408);
        EXPECT_TRUE(contains(answer.body, "body"));
        client.shut_down_sending();
        EXPECT_TRUE(client.is_closed_by_server());
    }
}

TEST(HttpServer, ABodyThatIsSlowerThanTheHeaderMayBeIsAccepted) {
    Service service(with([](ServerLimits& l) { l.header_time_max = 20ms; }));
    Client client = service.connect();
    auto begin = std::chrono::steady_clock::now();

    client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na");
    ASSERT_TRUE(service.run_until([&] { return std::chrono::steady_clock::now() - begin > 50ms; }));

    EXPECT_EQ(client.ask("bc").body, "POST /echo abc");
}

TEST(HttpServer, AnIdleConnectionIsClosedWithoutAWord) {
    Service service(with([](ServerLimits& l) { l.idle_time_max = 30ms; }));
    Client never_asked = service.connect();
    Client asked = service.connect();

    EXPECT_EQ(asked.ask(get("/echo")).status, 200);

    EXPECT_TRUE(never_asked.is_closed_by_server());
    EXPECT_TRUE(asked.is_closed_by_server());
    EXPECT_EQ(service.server->connection_count(), 0U);
}

TEST(HttpServer, ARequestPutsOffTheIdleDeadline) {
    Service service(with([](ServerLimits& l) { l.idle_time_max = 60ms; }));
    Client client = service.connect();
    auto begin = std::chrono::steady_clock::now();

    while (std::chrono::steady_clock::now() - begin < 150ms) {
        ASSERT_EQ(client.ask(get("/echo")).status, 200);
    }
}

TEST(HttpServer, AHandlerHasNoDeadlineOfTheConnections) {
    Service service(with([](ServerLimits& l) {
        l.idle_time_max = l.header_time_max = l.body_time_max = l.write_time_max = 20ms;
    }));
    Client client = service.connect();
    auto begin = std::chrono::steady_clock::now();

    client.send(post("/wait", "x"));
    ASSERT_TRUE(service.run_until([&] { return std::chrono::steady_clock::now() - begin > 60ms; }));
    service.release();

    EXPECT_EQ(client.read_answer().body, "POST /wait x");
}

TEST(HttpServer, AClientThatDoesNotReadItsAnswerIsDropped) {
    Service service(with([](ServerLimits& l) { l.write_time_max = 30ms; }));
    service.large_bytes = 64 * 1024 * 1024;
    Client client = service.connect();

    client.send(get("/large"));

    ASSERT_TRUE(service.run_until([&] { return service.requests.size() == 1; }));
    EXPECT_TRUE(service.run_until([&] { return service.server->connection_count() == 0; }));
}

// Sizes.

TEST(HttpServer, AHeaderPastTheLimitIsRefused) {
    Service service;
    Client client = service.connect();

    Answer answer = client.ask(get("/echo", "A: " + std::string(100'000, 'a') + "\r\n"));

    EXPECT_EQ(answer.status, 431);
    EXPECT_TRUE(contains(answer.body, kInvalid));
    client.shut_down_sending();
    EXPECT_TRUE(client.is_closed_by_server());
}

TEST(HttpServer, ABodyPastTheLimitIsRefusedBeforeItIsRead) {
    Service service;
    Client client = service.connect();

    Answer answer = client.ask(
        "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: "
        "1000000000\r\n\r\n");

    EXPECT_EQ(answer.status, 413);
    EXPECT_TRUE(contains(answer.body, "\"error\":\"request body is larger than 1572864 bytes\""));
    EXPECT_TRUE(contains(answer.body, "\"error_type\":\"script_too_large\""));
    EXPECT_EQ(answer.header("connection"), "close");
    EXPECT_TRUE(service.requests.empty());
}

TEST(HttpServer, ABodyOfExactlyTheLimitIsTaken) {
    Service service(with([](ServerLimits& l) { l.body_bytes_max = 100'000; }));
    Client client = service.connect();

    EXPECT_EQ(client.ask(post("/echo", std::string(100'000, 'b'))).status, 200);
    EXPECT_EQ(client.ask(post("/echo", std::string(100'001, 'b'))).status, 413);
}

TEST(HttpServer, AClientThatSendsItsWholeBodyFirstStillReadsTheRefusal) {
    Service service;
    Client client = service.connect();

    EXPECT_TRUE(client.send(post("/echo", std::string(6'000'000, 'b'))));
    Answer answer = client.read_answer();
    client.shut_down_sending();

    EXPECT_EQ(answer.status, 413);
    EXPECT_TRUE(client.is_closed_by_server());
}

TEST(HttpServer, AChunkedBodyPastTheLimitIsRefusedWhereItPassesIt) {
    Service service(with([](ServerLimits& l) { l.body_bytes_max = 1000; }));
    Client client = service.connect();
    std::string chunk = "1f4\r\n" + std::string(500, 'c') + "\r\n";

    client.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk +
                chunk);
    service.run_ready();
    EXPECT_TRUE(client.is_silent());
    Answer answer = client.ask("1\r\n");

    EXPECT_EQ(answer.status, 413);
    EXPECT_TRUE(service.requests.empty());
}

TEST(HttpServer, ARefusedClientThatGoesOnSendingIsDroppedInTheEnd) {
    for (auto limits : {with([](ServerLimits& l) { l.linger_time_max = 30ms; }),
                        with([](ServerLimits& l) { l.linger_bytes_max = 1'000'000; })}) {
        Service service(limits);
        Client client = service.connect();
        EXPECT_EQ(client.ask("nonsense\r\n\r\n").status, 400);
        std::string more(10'000, 'x');

        EXPECT_TRUE(service.run_until([&] { return !client.send(more); }));
        EXPECT_EQ(service.server->connection_count(), 0U);
    }
}

TEST(HttpServer, ARefusedClientThatNeverClosesIsDroppedInTheEnd) {
    Service service(with([](ServerLimits& l) { l.linger_time_max = 30ms; }));
    Client client = service.connect();

    EXPECT_EQ(client.ask("nonsense\r\n\r\n").status, 400);

    EXPECT_TRUE(service.run_until([&] { return service.server->connection_count() == 0; }));
}

TEST(HttpServer, BodiesTogetherAreBounded) {
    Service service(with([](ServerLimits& l) { l.body_bytes_total_max = 250'000; }));
    std::string part = post("/echo", std::string(100'001, 'b'));
    part.pop_back();
    Client first = service.connect();
    Client second = service.connect();
    Client third = service.connect();
    first.send(part);
    second.send(part);
    service.run_ready();

    Answer refused = third.ask(part);
    Answer finished = first.ask("b");

    EXPECT_EQ(refused.status, 503);
    EXPECT_TRUE(contains(refused.body, "\"error_type\":\"overloaded\""));
    EXPECT_EQ(refused.header("retry-after"), "1");
    EXPECT_EQ(finished.status, 200);
    third = service.connect();
    EXPECT_EQ(third.ask(part + "b").status, 200);
}

TEST(HttpServer, BodiesThatWereDroppedNoLongerCount) {
    Service service(with([](ServerLimits& l) { l.body_bytes_total_max = 150'000; }));
    std::string whole = post("/echo", std::string(100'000, 'b'));

    for (int i = 0; i < 3; ++i) {
        Client dropped = service.connect();
        dropped.send(whole.substr(0, whole.size() - 1));
        service.run_ready();
        dropped.close();
        ASSERT_TRUE(service.run_until([&] { return service.server->connection_count() == 0; }));
        Client hung_up = service.connect();
        hung_up.send(post("/wait", std::string(100'000, 'b')));
        ASSERT_TRUE(service.run_until([&] { return service.waiting == 1; }));
        hung_up.close();
        ASSERT_TRUE(service.run_until([&] { return service.server->connection_count() == 0; }));
    }

    Client client = service.connect();
    EXPECT_EQ(client.ask(whole).status, 200);
}

// Numbers of connections.

TEST(HttpServer, PastItsConnectionsItSaysOverloadedAndCloses) {
    Service service(with([](ServerLimits& l) { l.connections_max = 2; }));
    auto first = std::make_unique<Client>(service);
    Client second = service.connect();
    EXPECT_EQ(first->ask(get("/echo")).status, 200);
    EXPECT_EQ(second.ask(get("/echo")).status, 200);

    Client third = service.connect();
    Answer answer = third.ask(get("/echo"));
    third.shut_down_sending();

    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.header("retry-after"), "1");
    EXPECT_EQ(answer.header("connection"), "close");
    EXPECT_EQ(answer.header("x-request-id").size(), 32U);
    EXPECT_TRUE(contains(answer.body, "\"error_type\":\"overloaded\""));
    EXPECT_TRUE(third.is_closed_by_server());
    EXPECT_EQ(service.requests.size(), 2U);
    first.reset();
    ASSERT_TRUE(service.run_until([&] { return service.server->connection_count() == 1; }));
    Client fourth = service.connect();
    EXPECT_EQ(fourth.ask(get("/echo")).status, 200);
}

TEST(HttpServer, AClientThatIsTurnedAwayNeedNotAskToBeTold) {
    Service service(with([](ServerLimits& l) { l.connections_max = 0; }));
    Client client = service.connect();

    EXPECT_EQ(client.read_answer().status, 503);
}

TEST(HttpServer, TwoThousandIdleConnectionsDoNotKeepOthersFromAnswers) {
    Service service;
    std::vector<Client> idle;
    for (int i = 0; i < 2000; ++i) {
        idle.push_back(service.connect());
        if (i % 100 == 0) {
            service.run_ready();
        }
    }
    ASSERT_TRUE(service.run_until([&] { return service.server->connection_count() == 2000; }));

    Client client = service.connect();
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(client.ask(post("/echo", "x")).body, "POST /echo x");
    }
    EXPECT_EQ(idle[1999].ask(get("/echo")).status, 200);

    idle.clear();
    EXPECT_TRUE(service.run_until([&] { return service.server->connection_count() == 1; }));
}

TEST(HttpServer, WithoutDescriptorsItWaitsAndGoesOnLater) {
    Service service;
    Client before = service.connect();
    EXPECT_EQ(before.ask(get("/echo")).status, 200);
    Client waiting = service.connect();
    rlimit original{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &original), 0);
    rlimit none{3, original.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);

    waiting.send(get("/echo"));
    std::size_t turns = 0;
    auto end = std::chrono::steady_clock::now() + 80ms;
    while (std::chrono::steady_clock::now() < end) {
        turns += service.io.run_one_for(5ms);
    }
    Answer meanwhile = before.ask(get("/echo"));
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &original), 0);

    EXPECT_EQ(meanwhile.status, 200);
    EXPECT_LT(turns, 20U);  // It backs off: a server that spins has taken thousands of turns.
    EXPECT_EQ(waiting.read_answer().status, 200);
}

}  // namespace
}  // namespace snapjail::http
