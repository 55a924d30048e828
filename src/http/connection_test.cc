#include "http/connection.h"

#include <gtest/gtest.h>

#include <set>

#include "http/service_for_test.h"

namespace snapjail::http {
namespace {

TEST(Connection, AnswersARequestWithWhatTheHandlerSaid) {
    Service service;
    Client client = service.connect();

    Answer answer = client.ask(post("/echo?q=1", "hello"));

    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "POST /echo hello");
    EXPECT_EQ(answer.header("x-test"), "yes");
}

TEST(Connection, EveryAnswerCarriesTheHeadersThatClientsRelyOn) {
    Service service;

    for (const std::string& bytes :
         {post("/echo", ""), post("/throw", ""), std::string("?\r\n\r\n")}) {
        Client client = service.connect();
        Answer answer = client.ask(bytes);

        EXPECT_EQ(answer.header("content-type"), "application/json");
        EXPECT_EQ(answer.header("x-content-type-options"), "nosniff");
        EXPECT_EQ(answer.header("cache-control"), "no-store");
        EXPECT_EQ(answer.header("server"), "Snapjail");
        EXPECT_EQ(answer.header("content-length"), std::to_string(answer.body.size()));
        EXPECT_EQ(answer.header("x-request-id").size(), 32U);
        EXPECT_EQ(answer.header("date").size(), 29U);
    }
}

TEST(Connection, TheRequestIdIsTheServersOwnAndTheHandlersToo) {
    Service service;
    Client client = service.connect();

    Answer answer = client.ask(post("/echo", "", "X-Request-Id: mine\r\n"));

    EXPECT_EQ(answer.header("x-request-id").find_first_not_of("0123456789abcdef"),
              std::string::npos);
    EXPECT_EQ(answer.header("x-request-id"), service.requests.at(0).id);
}

TEST(Connection, RequestIdsDiffer) {
    Service service;
    Client client = service.connect();
    std::set<std::string> ids;

    for (int i = 0; i < 100; ++i) {
        ids.insert(client.ask(post("/echo", "")).header("x-request-id"));
    }

    EXPECT_EQ(ids.size(), 100U);
}

TEST(Connection, IsKeptAliveInHttp11) {
    Service service;
    Client client = service.connect();

    for (int i = 0; i < 3; ++i) {
        Answer answer = client.ask(post("/echo", std::to_string(i)));
        EXPECT_EQ(answer.body, "POST /echo " + std::to_string(i));
        EXPECT_EQ(answer.header("connection"), "(absent)");
    }
    EXPECT_TRUE(client.is_silent());
}

TEST(Connection, ClosesWhenTheClientAsksForIt) {
    Service service;
    Client client = service.connect();

    Answer answer = client.ask(post("/echo", "x", "Connection: close\r\n"));

    EXPECT_EQ(answer.header("connection"), "close");
    EXPECT_TRUE(client.is_closed_by_server());
}

TEST(Connection, ClosesInHttp10) {
    Service service;
    Client client = service.connect();

    Answer answer = client.ask("GET /echo HTTP/1.0\r\n\r\n");

    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("connection"), "close");
    EXPECT_TRUE(client.is_closed_by_server());
}

TEST(Connection, IsKeptAliveInHttp10WhenTheClientAsksForItAndSaysSo) {
    Service service;
    Client client = service.connect();

    Answer answer = client.ask("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");

    EXPECT_EQ(answer.header("connection"), "keep-alive");
    EXPECT_EQ(client.ask(get("/echo")).status, 200);
}

TEST(Connection, AnswersPipelinedRequestsInOrder) {
    Service service;
    Client client = service.connect();

    client.send(post("/echo", "1") + get("/echo") + post("/echo", "3"));

    EXPECT_EQ(client.read_answer().body, "POST /echo 1");
    EXPECT_EQ(client.read_answer().body, "GET /echo ");
    EXPECT_EQ(client.read_answer().body, "POST /echo 3");
    EXPECT_TRUE(client.is_silent());
}

TEST(Connection, APipelinedRequestThatArrivesWhileTheFirstRunsIsNotLost) {
    Service service;
    Client client = service.connect();
    std::string second = post("/echo", "second");
    client.send(post("/wait", "first"));
    ASSERT_TRUE(service.run_until([&] { return service.waiting == 1; }));

    for (char byte : second) {
        client.send({&byte, 1});
        service.run_ready();
    }
    EXPECT_TRUE(client.is_silent());
    service.release();

    EXPECT_EQ(client.read_answer().body, "POST /wait first");
    EXPECT_EQ(client.read_answer().body, "POST /echo second");
}

TEST(Connection, ARequestCutAnywhereByTheArrivalOfTheAnswerIsNotLost) {
    std::string second = post("/echo", "second");
    for (std::size_t cut = 0; cut <= second.size(); ++cut) {
        Service service;
        Client client = service.connect();
        client.send(post("/wait", "first"));
        ASSERT_TRUE(service.run_until([&] { return service.waiting == 1; }));

        client.send(second.substr(0, cut));
        service.release();
        EXPECT_EQ(client.read_answer().body, "POST /wait first");
        client.send(second.substr(cut));

        ASSERT_EQ(client.read_answer().body, "POST /echo second") << cut;
    }
}

TEST(Connection, MorePipelinedBytesThanAreTakenInAreAnsweredLater) {
    Service service;
    Client client = service.connect();
    client.send(post("/wait", "first"));
    ASSERT_TRUE(service.run_until([&] { return service.waiting == 1; }));
    std::string body(20'000, 'b');

    for (int i = 0; i < 5; ++i) {
        client.send(post("/echo", body));
    }
    service.release();

    EXPECT_EQ(client.read_answer().body, "POST /wait first");
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(client.read_answer().body, "POST /echo " + body);
    }
}

TEST(Connection, AnEmptyLineAfterABodyIsIgnored) {
    Service service;
    Client client = service.connect();

    client.send(post("/echo", "1") + "\r\n" + post("/echo", "2"));

    EXPECT_EQ(client.read_answer().body, "POST /echo 1");
    EXPECT_EQ(client.read_answer().body, "POST /echo 2");
}

TEST(Connection, TakesARequestCutAtAnyByte) {
    Service service;
    Client client = service.connect();
    std::string chunked =
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n";

    for (const std::string& bytes : {post("/echo", "abcde"), chunked}) {
        for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
            client.send(bytes.substr(0, cut));
            service.run_ready();
            Answer answer = client.ask(bytes.substr(cut));
            ASSERT_EQ(answer.body, "POST /echo abcde") << cut << " " << answer.status;
        }
    }
}

TEST(Connection, TakesARequestByteByByte) {
    Service service;
    Client client = service.connect();

    for (char byte : post("/echo", "abcde")) {
        client.send({&byte, 1});
        service.run_ready();
    }

    EXPECT_EQ(client.read_answer().body, "POST /echo abcde");
}

TEST(Connection, AnswersHeadWithTheHeadersOfGetAndNoBody) {
    Service service;
    Client client = service.connect();

    client.send("HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n" + get("/echo"));
    Answer head = client.read_answer("HEAD");
    Answer next = client.read_answer();

    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.header("content-length"), std::to_string(std::string("HEAD /echo ").size()));
    EXPECT_EQ(head.header("content-type"), "application/json");
    EXPECT_EQ(next.body, "GET /echo ");
}

TEST(Connection, SaysContinueBeforeTheBodyIsSent) {
    Service service;
    Client client = service.connect();

    client.send(
        "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 4\r\n\r\n");
    Answer interim = client.read_answer();
    Answer answer = client.ask("body");

    EXPECT_EQ(interim.status, 100);
    EXPECT_EQ(answer.body, "POST /echo body");
}

TEST(Connection, SaysNoContinueWhereTheBodyIsThereOrIsEmpty) {
    Service service;
    Client client = service.connect();

    EXPECT_EQ(client.ask(post("/echo", "body", "Expect: 100-continue\r\n")).status, 200);
    EXPECT_EQ(client.ask(post("/echo", "", "Expect: 100-continue\r\n")).status, 200);
    EXPECT_EQ(client.ask(get("/echo", "Expect: 100-continue\r\n")).status, 200);
}

TEST(Connection, SaysNoContinueInHttp10) {
    Service service;
    Client client = service.connect();

    client.send("POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    EXPECT_TRUE(client.is_silent());

    EXPECT_EQ(client.ask("body").body, "POST /echo body");
}

TEST(Connection, RefusesAMalformedRequestAndCloses) {
    for (const char* bytes : {"nonsense\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                              "GET / HTTP/2.0\r\n\r\n", "GET /\r\n\r\n"}) {
        Service service;
        Client client = service.connect();

        Answer answer = client.ask(bytes);

        EXPECT_EQ(answer.status, 400) << bytes;
        EXPECT_NE(answer.body.find("\"error_type\":\"invalid_request\""), std::string::npos);
        EXPECT_EQ(answer.header("connection"), "close");
        client.shut_down_sending();
        EXPECT_TRUE(client.is_closed_by_server());
        EXPECT_TRUE(service.requests.empty());
    }
}

TEST(Connection, NothingAfterARefusedRequestIsServed) {
    Service service;
    Client client = service.connect();

    Answer answer = client.ask(
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\n" +
        get("/echo"));

    EXPECT_EQ(answer.status, 400);
    client.shut_down_sending();
    EXPECT_TRUE(client.is_closed_by_server());
    EXPECT_TRUE(service.requests.empty());
}

TEST(Connection, AHandlerThatThrowsIsAnInternalErrorWithoutDetail) {
    Service service;
    Client client = service.connect();

    Answer answer = client.ask(post("/throw", ""));

    EXPECT_EQ(answer.status, 500);
    EXPECT_NE(answer.body.find("\"error_type\":\"internal\""), std::string::npos);
    EXPECT_NE(answer.body.find(answer.header("x-request-id")), std::string::npos);
    EXPECT_EQ(answer.body.find("secret"), std::string::npos);
    EXPECT_EQ(client.ask(post("/echo", "x")).status, 200);
}

TEST(Connection, OtherConnectionsAreServedWhileOneWaits) {
    Service service;
    Client slow = service.connect();
    slow.send(post("/wait", ""));
    ASSERT_TRUE(service.run_until([&] { return service.waiting == 1; }));

    Client quick = service.connect();

    EXPECT_EQ(quick.ask(post("/echo", "x")).status, 200);
    EXPECT_EQ(service.waiting, 1);
}

TEST(Connection, AClientThatEndsWithinARequestIsForgotten) {
    std::string bytes = post("/echo", "abc");
    for (std::size_t cut : {std::size_t{0}, std::size_t{1}, bytes.size() - 4, bytes.size() - 1}) {
        Service service;
        Client client = service.connect();

        client.send(bytes.substr(0, cut));
        ASSERT_TRUE(service.run_until([&] { return service.server->connection_count() == 1; }));
        client.shut_down_sending();

        EXPECT_TRUE(client.is_closed_by_server()) << cut;
        EXPECT_EQ(service.server->connection_count(), 0U);
    }
}

TEST(Connection, ALargeAnswerArrivesWhole) {
    Service service;
    service.large_bytes = 20 * 1024 * 1024;
    Client client = service.connect();

    Answer answer = client.ask(get("/large"));

    EXPECT_EQ(answer.body, std::string(service.large_bytes, 'x'));
    EXPECT_EQ(client.ask(get("/echo")).status, 200);
}

}  // namespace
}  // namespace snapjail::http
