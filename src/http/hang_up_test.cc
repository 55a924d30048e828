#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>

#include "http/service_for_test.h"

namespace snapjail::http {
namespace {

using std::chrono_literals::operator""ms;

std::size_t count_descriptors() {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                      std::filesystem::directory_iterator()));
}

// A client whose request has reached the handler and waits there.
Client waiting_client(Service& service, const std::string& more = "") {
    Client client = service.connect();
    client.send(post("/wait", "x") + more);
    EXPECT_TRUE(service.run_until([&] { return service.waiting == 1; }));
    return client;
}

bool is_cancelled_and_dropped(Service& service) {
    return service.run_until([&] { return service.server->connection_count() == 0; }) &&
           service.cancelled == 1 && service.waiting == 0;
}

TEST(HangUp, AClientThatClosesCancelsItsHandler) {
    Service service;
    Client client = waiting_client(service);

    client.close();

    EXPECT_TRUE(is_cancelled_and_dropped(service));
}

TEST(HangUp, AClientThatResetsCancelsItsHandler) {
    Service service;
    Client client = waiting_client(service);

    client.reset();

    EXPECT_TRUE(is_cancelled_and_dropped(service));
}

TEST(HangUp, AClientThatOnlyEndsItsSendingCancelsItsHandlerToo) {
    Service service;
    Client client = waiting_client(service);

    client.shut_down_sending();

    EXPECT_TRUE(is_cancelled_and_dropped(service));
    EXPECT_TRUE(client.is_closed_by_server());
}

TEST(HangUp, CancelsEvenWithFurtherRequestsReceivedAndServesNoneOfThem) {
    Service service;
    Client client = waiting_client(service, get("/echo"));

    client.send(get("/echo"));
    client.shut_down_sending();

    EXPECT_TRUE(is_cancelled_and_dropped(service));
    EXPECT_EQ(service.requests.size(), 1U);
}

TEST(HangUp, AClientThatStaysIsAnswered) {
    Service service;
    Client client = waiting_client(service);

    service.release();

    EXPECT_EQ(client.read_answer().body, "POST /wait x");
    EXPECT_EQ(service.cancelled, 0);
}

TEST(HangUp, OfOneClientDoesNotCancelAnother) {
    Service service;
    Client stays = waiting_client(service);
    Client leaves = service.connect();
    leaves.send(post("/wait", "y"));
    ASSERT_TRUE(service.run_until([&] { return service.waiting == 2; }));

    leaves.close();
    ASSERT_TRUE(service.run_until([&] { return service.cancelled == 1; }));
    service.release();

    EXPECT_EQ(stays.read_answer().body, "POST /wait x");
}

TEST(HangUp, AHandlerThatAnswersAtOnceIsHeardEvenByAClientThatEndedItsSending) {
    Service service;
    Client client = service.connect();

    client.send(get("/echo"));
    client.shut_down_sending();

    EXPECT_EQ(client.read_answer().status, 200);
    EXPECT_TRUE(client.is_closed_by_server());
}

TEST(HangUp, ManyLeaveNoDescriptorAndNoConnectionBehind) {
    Service service;
    service.run_ready();
    std::size_t before = count_descriptors();

    for (int i = 0; i < 200; ++i) {
        Client client = service.connect();
        client.send(post("/wait", "x"));
        ASSERT_TRUE(service.run_until([&] { return service.waiting == 1; }));
        i % 2 == 0 ? client.close() : client.reset();
        ASSERT_TRUE(service.run_until([&] { return service.server->connection_count() == 0; }));
    }

    EXPECT_EQ(count_descriptors(), before);
    EXPECT_EQ(service.cancelled, 200);
}

TEST(HangUp, DescriptorsOfClientsAreNotInherited) {
    Service service;
    Client client = service.connect();
    EXPECT_EQ(client.ask(get("/echo")).status, 200);

    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        int fd = std::stoi(entry.path().filename());
        int flags = ::fcntl(fd, F_GETFD);
        std::error_code ignored;
        bool is_socket = std::filesystem::is_socket(entry.path(), ignored);
        EXPECT_TRUE(!is_socket || fd <= 2 || (flags & FD_CLOEXEC) != 0) << fd;
    }
}

TEST(Drain, ClosesIdleConnectionsAndAcceptsNoMore) {
    Service service(with([](ServerLimits& l) { l.last_request_time_max = 50ms; }));
    Client never_asked = service.connect();
    Client asked = service.connect();
    EXPECT_EQ(asked.ask(get("/echo")).status, 200);

    service.server->drain();
    service.server->drain();

    EXPECT_TRUE(never_asked.is_closed_by_server());
    EXPECT_TRUE(asked.is_closed_by_server());
    EXPECT_TRUE(service.run_until([&] { return service.server->is_drained(); }));
    EXPECT_EQ(service.server->connection_count(), 0U);
}

TEST(Drain, ARequestThatWasOnItsWayIsAnswered) {
    Service service;
    Client idle = service.connect();
    EXPECT_EQ(idle.ask(get("/echo")).status, 200);

    service.server->drain();
    Client late = service.connect();  // In the backlog at most.
    Answer idles = idle.ask(get("/echo"));
    Answer lates = late.ask(get("/echo"));

    EXPECT_EQ(idles.status, 200);
    EXPECT_EQ(idles.header("connection"), "close");
    EXPECT_EQ(lates.status, 200);
    EXPECT_EQ(lates.header("connection"), "close");
}

TEST(Drain, ARequestThatDoesNotArriveInTimeIsRefusedAndNotCut) {
    Service service(with([](ServerLimits& l) { l.last_body_time_max = 50ms; }));
    Client half = service.connect();
    half.send(post("/echo", "abc").substr(0, 20));
    service.run_ready();

    service.server->drain();

    Answer answer = half.read_answer();
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.header("retry-after"), "1");
}

TEST(Drain, ARequestUnderWayGetsItsAnswerWithConnectionClose) {
    Service service;
    Client waiting = waiting_client(service);
    Client half = service.connect();
    std::string request = post("/echo", "abc");
    half.send(request.substr(0, 20));
    service.run_ready();

    service.server->drain();
    service.release();
    Answer waited = waiting.read_answer();
    Answer halved = half.ask(request.substr(20));

    EXPECT_EQ(waited.body, "POST /wait x");
    EXPECT_EQ(waited.header("connection"), "close");
    EXPECT_EQ(halved.body, "POST /echo abc");
    EXPECT_EQ(halved.header("connection"), "close");
    waiting.shut_down_sending();
    half.shut_down_sending();
    EXPECT_TRUE(waiting.is_closed_by_server());
    EXPECT_TRUE(half.is_closed_by_server());
    EXPECT_TRUE(service.run_until([&] { return service.server->connection_count() == 0; }));
}

TEST(Drain, ARequestThatWasSentBeforeIsAnswered) {
    Service service;
    Client client = service.connect();
    service.run_ready();

    client.send(get("/echo"));
    service.server->drain();

    Answer answer = client.read_answer();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("connection"), "close");
}

TEST(Drain, ARequestPipelinedBehindOneUnderWayIsNotServed) {
    Service service;
    Client client = waiting_client(service, get("/echo"));

    service.server->drain();
    service.release();

    EXPECT_EQ(client.read_answer().header("connection"), "close");
    client.shut_down_sending();
    EXPECT_TRUE(client.is_closed_by_server());
    EXPECT_EQ(service.requests.size(), 1U);
}

TEST(Drain, AHandlerUnderWayIsStillCancelledByItsClient) {
    Service service;
    Client client = waiting_client(service);

    service.server->drain();
    client.close();

    EXPECT_TRUE(is_cancelled_and_dropped(service));
}

TEST(HttpServerEnd, CancelsHandlersAndClosesConnections) {
    Service service;
    Client waiting = waiting_client(service);
    Client idle = service.connect();
    Client half = service.connect();
    half.send("POST ");
    service.run_ready();

    service.server.reset();

    EXPECT_TRUE(service.run_until([&] { return service.cancelled == 1; }));
    EXPECT_TRUE(waiting.is_closed_by_server());
    EXPECT_TRUE(idle.is_closed_by_server());
    EXPECT_TRUE(half.is_closed_by_server());
}

TEST(HttpServerEnd, TheLoopMayEndWithRequestsUnderWay) {
    Service service;
    Client waiting = waiting_client(service);
    Client idle = service.connect();
    service.run_ready();

    service.server.reset();  // And `io` is destroyed with all of it, unrun.
}

}  // namespace
}  // namespace snapjail::http
