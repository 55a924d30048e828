#include "sched/job_run.h"

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <memory>
#include <string>

#include "sched/fake_zygote_for_test.h"

namespace snapjail::sched {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using zygote::FrameKind;

// A guest whose other side is the test.
class JobRunTest : public testing::Test {
  protected:
    JobRunTest() { ::signal(SIGPIPE, SIG_IGN); }  // As the front does.
    ~JobRunTest() override {
        run_->abandon();
        guest_->close_pipes();
        settle(io_);
    }

    void SetUp() override { make(small_limits()); }

    static RunLimits small_limits() {
        return {.wall_time_max = 60s,
                .cpu_time_max = 1s,
                .stdout_bytes_max = 10,
                .result_bytes_max = 100};
    }
    void make(RunLimits limits) {
        FakePipes pipes = make_fake_pipes();
        other_ = std::move(pipes.guest);
        guest_ = std::make_shared<Guest>(io_, limits.result_bytes_max);
        guest_->job.assign(pipes.front[0].release());
        guest_->output.assign(pipes.front[1].release());
        guest_->result.assign(pipes.front[2].release());
        for (Guest::Stream* stream : {&guest_->job, &guest_->output, &guest_->result}) {
            stream->non_blocking(true);
        }
        run_ = std::make_shared<JobRun>(io_, guest_, limits);
    }
    void start(const std::string& script = "pass") {
        run_->start({"test", script}, [this] { ++ends_; });
        settle(io_);
    }
    void send_frame(FrameKind kind, const std::string& payload) {
        write_all(other_.result, header_bytes(kind, payload.size()) + payload);
    }
    // What a pool does when the zygote has reaped the guest.
    void die(int wait_status) {
        guest_->death = Death{wait_status, {}};
        if (guest_->on_gone) {
            std::exchange(guest_->on_gone, nullptr)();
        }
    }
    template <class T>
    T ending() {
        EXPECT_EQ(ends_, 1);
        outcome_ = run_->take_outcome();
        EXPECT_TRUE(std::holds_alternative<T>(outcome_.ending)) << outcome_.ending.index();
        return std::holds_alternative<T>(outcome_.ending) ? std::get<T>(outcome_.ending) : T{};
    }

    boost::asio::io_context io_;
    FakeGuest other_;
    std::shared_ptr<Guest> guest_;
    std::shared_ptr<JobRun> run_;
    Outcome outcome_;
    int ends_ = 0;
};

TEST_F(JobRunTest, TheGuestGetsAHeaderThenTheScriptThenTheEnd) {
    start("print(1)");

    zygote::JobHeader header;
    ASSERT_EQ(::read(other_.job.get(), &header, sizeof(header)),
              static_cast<ssize_t>(sizeof(header)));
    EXPECT_EQ(header.version, zygote::kProtocolVersion);
    EXPECT_EQ(header.script_bytes, 8u);
    EXPECT_EQ(header.result_bytes_max, 100u);
    EXPECT_EQ(*read_fd_to_end(other_.job, 100), "print(1)");
}

TEST_F(JobRunTest, AResultFrameIsTheEnd) {
    start();

    send_frame(FrameKind::kResult, "[1]");
    settle(io_);

    EXPECT_EQ(ending<Returned>().json, "[1]");
}

TEST_F(JobRunTest, AFrameMayComeInPieces) {
    start();
    std::string bytes = header_bytes(FrameKind::kResult, 3) + "[1]";
    for (char byte : bytes) {
        EXPECT_FALSE(run_->has_ended());
        write_all(other_.result, std::string(1, byte));
        settle(io_);
    }

    EXPECT_EQ(ending<Returned>().json, "[1]");
}

TEST_F(JobRunTest, BytesThatAreNoFrameAreAFaultOfTheScript) {
    start();

    write_all(other_.result, "{\"result\": 1}");
    settle(io_);

    EXPECT_EQ(ending<Faulted>().kind, FaultKind::kNotJson);
}

TEST_F(JobRunTest, ASecondReadyIsAFaultOfTheScript) {
    start();

    send_frame(FrameKind::kReady, "");
    settle(io_);

    EXPECT_EQ(ending<Faulted>().kind, FaultKind::kNotJson);
}

TEST_F(JobRunTest, OutputWrittenBeforeTheFrameIsKeptWhicheverIsReadFirst) {
    start();

    send_frame(FrameKind::kResult, "1");
    write_all(other_.output, "hello");
    settle(io_);

    ending<Returned>();
    EXPECT_EQ(outcome_.stdout_bytes, "hello");
    EXPECT_FALSE(outcome_.stdout_truncated);
}

TEST_F(JobRunTest, OutputIsKeptUpToItsBoundAndCutOneByteAfterIt) {
    for (std::size_t size : {0u, 9u, 10u, 11u, 5'000u}) {
        make(small_limits());
        ends_ = 0;
        start();
        write_all(other_.output, std::string(size, 'x'));
        settle(io_);

        send_frame(FrameKind::kResult, "1");
        settle(io_);

        ending<Returned>();
        EXPECT_EQ(outcome_.stdout_bytes, std::string(std::min<std::size_t>(size, 10), 'x'));
        EXPECT_EQ(outcome_.stdout_truncated, size > 10) << size;
    }
}

TEST_F(JobRunTest, OutputPastItsBoundIsReadOnSoThatTheScriptNeverWaits) {
    start();
    for (int i = 0; i < 100; ++i) {  // Some hundred times what a pipe holds.
        write_all(other_.output, std::string(60'000, 'x'));
        settle(io_);
    }

    send_frame(FrameKind::kResult, "1");
    settle(io_);

    ending<Returned>();
    EXPECT_EQ(outcome_.stdout_bytes.size(), 10u);
}

TEST_F(JobRunTest, ADeathIsTheEnd) {
    start();

    die(3 << 8);

    EXPECT_EQ(ending<Faulted>().message, "script exited before main() returned, with code 3");
}

TEST_F(JobRunTest, AFrameSentBeforeTheDeathWinsOverIt) {
    start();

    send_frame(FrameKind::kResult, "1");
    die(0);

    EXPECT_EQ(ending<Returned>().json, "1");
}

TEST_F(JobRunTest, HalfAFrameBeforeTheDeathDoesNot) {
    start();

    write_all(other_.result, header_bytes(FrameKind::kResult, 10) + "[1");
    die(SIGSEGV);

    EXPECT_EQ(ending<Signaled>().signal, SIGSEGV);
}

TEST_F(JobRunTest, ALostZygoteIsOurFailure) {
    start();

    guest_->is_zygote_lost = true;
    std::exchange(guest_->on_gone, nullptr)();

    EXPECT_FALSE(ending<Failed>().reason.empty());
}

TEST_F(JobRunTest, AGuestThatWasGoneBeforeItsJobIsOurFailure) {
    guest_->death = Death{SIGKILL, {}};

    start();

    EXPECT_FALSE(ending<Failed>().reason.empty());
}

TEST_F(JobRunTest, ClosedPipesAreNoEnd) {
    start();

    other_ = {};
    settle(io_);

    EXPECT_FALSE(run_->has_ended());
    die(1 << 8);
    EXPECT_EQ(ending<Faulted>().kind, FaultKind::kExit);
}

TEST_F(JobRunTest, AGuestThatReadsNothingOfItsScriptIsEndedAtTheDeadline) {
    RunLimits limits = small_limits();
    limits.wall_time_max = 30ms;
    make(limits);
    start(std::string(4'000'000, '#'));

    while (!run_->has_ended()) {
        io_.restart();
        ASSERT_GT(io_.run_one_for(5s), 0u);
    }

    EXPECT_EQ(ending<TimedOut>().limit, 30ms);
    EXPECT_GE(outcome_.run_time, 30ms);
}

TEST_F(JobRunTest, WhatHappensAfterTheEndChangesNothing) {
    start();
    send_frame(FrameKind::kResult, "1");
    settle(io_);

    die(SIGKILL);
    write_all(other_.output, "late");
    settle(io_);

    EXPECT_EQ(ending<Returned>().json, "1");
    EXPECT_EQ(outcome_.stdout_bytes, "");
}

TEST_F(JobRunTest, AnAbandonedRunTellsNobody) {
    start();

    run_->abandon();
    send_frame(FrameKind::kResult, "1");
    die(0);
    settle(io_);

    EXPECT_EQ(ends_, 0);
    EXPECT_TRUE(run_->has_ended());
}

}  // namespace
}  // namespace snapjail::sched
