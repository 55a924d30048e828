// The scheduler with a real zygote and real guests: needs namespaces, as a service in tier full
// does.
#include "sched/scheduler.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstdlib>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "base/syscall.h"
#include "sched/fake_zygote_for_test.h"
#include "zygote/launcher.h"

namespace snapjail::sched {
namespace {

namespace asio = boost::asio;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

zygote::ZygoteSettings small_settings() {
    const char* python = std::getenv("PYTHON_BIN");
    zygote::ZygoteSettings settings;
    settings.python_bin = python != nullptr ? python : "/usr/bin/python3";
    settings.library_folder = SNAPJAIL_TEST_LIBRARY;
    settings.limits.cpu_time_max = 1s;
    // Little enough to be filled well within that second, on a busy machine too.
    settings.limits.memory_bytes_max = 256ull << 20;
    return settings;
}

// One zygote for all tests of this file: starting one takes a good part of a second.
class SchedulerTest : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        auto spec = zygote::make_zygote_spec(small_settings());
        ASSERT_TRUE(spec) << spec.error().to_string();
        auto started = zygote::launch_zygote(*spec);
        ASSERT_TRUE(started) << started.error().to_string();
        zygote_.emplace(std::move(*started));
        pollfd ready{zygote_->channel().get(), POLLIN, 0};
        ASSERT_EQ(::poll(&ready, 1, 20'000), 1) << "the zygote did not become ready";
    }
    static void TearDownTestSuite() { zygote_.reset(); }

    static SchedulerLimits small_limits() {
        SchedulerLimits limits;
        limits.slots = 2;
        limits.queue_depth_max = 2;
        limits.wall_time_max = 1500ms;
        limits.cpu_time_max = 1s;
        limits.stdout_bytes_max = 1000;
        limits.result_bytes_max = 1000;
        return limits;
    }

    void SetUp() override { start(small_limits()); }

    void start(SchedulerLimits limits) {
        scheduler_.emplace(io_, limits, std::vector{zygote::Profile{}});
        auto pair = make_seqpacket_pair();
        ASSERT_TRUE(pair);
        ASSERT_TRUE(zygote::attach_front(*zygote_, std::move(pair->second)));
        scheduler_->attach(0, std::move(pair->first));
    }

    Outcome run(const std::string& script) {
        std::optional<Outcome> outcome;
        asio::co_spawn(io_, scheduler_->run({"test", script}),
                       [&](std::exception_ptr error, Outcome value) {
                           EXPECT_FALSE(error);
                           outcome = std::move(value);
                       });
        // An io_context that has once run out of work does nothing more until it is told to.
        io_.restart();
        run_until([&] { return outcome.has_value(); });
        return outcome ? std::move(*outcome) : Outcome{};
    }

    void run_until(const std::function<bool()>& is_reached) {
        while (!is_reached()) {
            ASSERT_GT(io_.run_one_for(40s), 0u) << "nothing happened for 40 s";
        }
    }

    static std::optional<ChildProcess> zygote_;
    asio::io_context io_;
    std::optional<Scheduler> scheduler_;
};

std::optional<ChildProcess> SchedulerTest::zygote_;

template <class T>
T ending_as(const Outcome& outcome) {
    const T* ending = std::get_if<T>(&outcome.ending);
    if (ending == nullptr) {
        const auto* faulted = std::get_if<Faulted>(&outcome.ending);
        ADD_FAILURE() << "another ending, number " << outcome.ending.index() << ": "
                      << (faulted != nullptr ? faulted->message : "");
        return T{};
    }
    return *ending;
}

TEST_F(SchedulerTest, AJobsResultAndOutputComeBack) {
    Outcome outcome = run("def main():\n    print('hello')\n    return {'n': 2**100}\n");

    EXPECT_EQ(ending_as<Returned>(outcome).json, R"({"n":1267650600228229401496703205376})");
    EXPECT_EQ(outcome.stdout_bytes, "hello\n");
    EXPECT_FALSE(outcome.stdout_truncated);
}

TEST_F(SchedulerTest, AGuestIsUsedOnce) {
    run("import os\ndef main(): open('/tmp/left', 'w').close()\n");

    Outcome outcome = run("import os\ndef main(): return os.listdir('/tmp')\n");

    EXPECT_EQ(ending_as<Returned>(outcome).json, R"(["script.py"])");
}

TEST_F(SchedulerTest, AnExceptionNamesItsLine) {
    Outcome outcome = run("def main():\n    raise ValueError('boom')\n");

    Faulted faulted = ending_as<Faulted>(outcome);
    EXPECT_EQ(faulted.kind, FaultKind::kException);
    EXPECT_EQ(faulted.message, "ValueError: boom (line 2)");
    EXPECT_NE(faulted.traceback.find("/tmp/script.py"), std::string::npos);
    EXPECT_EQ(faulted.traceback.find(jail::kLibraryFolder), std::string::npos);
}

TEST_F(SchedulerTest, AJobPastItsWallTimeIsEnded) {
    Outcome outcome = run("import time\ndef main(): time.sleep(60)\n");

    EXPECT_EQ(ending_as<TimedOut>(outcome).limit, 1500ms);
    EXPECT_LT(outcome.run_time, 2500ms);
}

TEST_F(SchedulerTest, AJobPastItsCpuTimeIsEnded) {
    SchedulerLimits limits = small_limits();
    limits.wall_time_max = 30s;  // One second of processor takes longer where others want it too.
    start(limits);

    Outcome outcome = run("def main():\n    while True: pass\n");

    EXPECT_EQ(ending_as<CpuExhausted>(outcome).limit, 1s);
}

TEST_F(SchedulerTest, AnEarlyExitIsToldWithItsCode) {
    Outcome outcome = run("import os\ndef main(): os._exit(7)\n");

    Faulted faulted = ending_as<Faulted>(outcome);
    EXPECT_EQ(faulted.kind, FaultKind::kExit);
    EXPECT_EQ(faulted.message, "script exited before main() returned, with code 7");
}

TEST_F(SchedulerTest, ACrashIsToldByItsSignal) {
    Outcome outcome = run("import ctypes\ndef main(): ctypes.string_at(0)\n");

    EXPECT_EQ(ending_as<Signaled>(outcome).signal, SIGSEGV);
}

TEST_F(SchedulerTest, UncaughtMemoryErrorIsTheMemoryLimit) {
    Outcome outcome = run("def main(): return len(bytearray(4 << 30))\n");

    EXPECT_EQ(ending_as<Faulted>(outcome).kind, FaultKind::kMemoryLimit);
}

TEST_F(SchedulerTest, AResultForWhichThereIsNoMemoryIsTheMemoryLimit) {
    SchedulerLimits limits = small_limits();
    limits.result_bytes_max = std::size_t{10} << 20;
    limits.wall_time_max = 30s;
    start(limits);

    for (const char* value :
         {"'x' * 9_000_000", "['x' * 1000] * 9_000", "{'k': ['y'] * 1_000_000}"}) {
        Outcome outcome = run(std::string("value = ") + value +
                              "\n"
                              "hog = []\n"
                              "def main():\n"
                              "    for size in (1 << 24, 1 << 20, 1 << 16, 1 << 12):\n"
                              "        try:\n"
                              "            while True: hog.append(bytearray(size))\n"
                              "        except MemoryError: pass\n"
                              "    return value\n");

        Faulted faulted = ending_as<Faulted>(outcome);
        EXPECT_EQ(faulted.kind, FaultKind::kMemoryLimit) << value << faulted.message;
    }
}

TEST_F(SchedulerTest, OutputIsCutAtItsBoundAndTheJobRunsOn) {
    Outcome exact = run("def main():\n    print('x' * 999)\n    return 1\n");
    Outcome over = run("def main():\n    print('x' * 1000)\n    return 1\n");

    EXPECT_EQ(exact.stdout_bytes.size(), 1000u);
    EXPECT_FALSE(exact.stdout_truncated);
    EXPECT_EQ(over.stdout_bytes.size(), 1000u);
    EXPECT_TRUE(over.stdout_truncated);
    EXPECT_EQ(ending_as<Returned>(over).json, "1");
}

TEST_F(SchedulerTest, AResultPastItsBoundIsAFault) {
    Outcome exact = run("def main(): return 'x' * 998\n");
    Outcome over = run("def main(): return 'x' * 999\n");

    EXPECT_EQ(ending_as<Returned>(exact).json.size(), 1000u);
    EXPECT_EQ(ending_as<Faulted>(over).kind, FaultKind::kResultTooLarge);
}

TEST_F(SchedulerTest, BytesOnTheResultsDescriptorAreNeverAResult) {
    Outcome outcome =
        run("import os\n"
            "def main():\n"
            "    for fd in range(3, 1024):\n"
            "        try: os.write(fd, b'{\"result\": \"forged\"}')\n"
            "        except OSError: pass\n"
            "    return 1\n");

    EXPECT_EQ(ending_as<Faulted>(outcome).kind, FaultKind::kNotJson);
}

TEST_F(SchedulerTest, TheFirstJobPastTheQueuesDepthIsRefused) {
    run_until([&] { return scheduler_->is_ready(); });
    std::vector<Outcome> outcomes;
    auto collect = [&](std::exception_ptr, Outcome outcome) {
        outcomes.push_back(std::move(outcome));
    };
    for (int i = 0; i < 5; ++i) {  // Two slots, two places in the queue.
        asio::co_spawn(io_, scheduler_->run({"test", "def main(): return 1\n"}), collect);
    }

    run_until([&] { return outcomes.size() == 5; });

    EXPECT_GT(ending_as<Overloaded>(outcomes.front()).retry_after, 0s);
    for (std::size_t i = 1; i < outcomes.size(); ++i) {
        bool is_done = std::holds_alternative<Returned>(outcomes[i].ending) ||
                       std::holds_alternative<Overloaded>(outcomes[i].ending);
        EXPECT_TRUE(is_done);
    }
}

TEST_F(SchedulerTest, DrainingRefusesWhatWaitsAndFinishesWhatRuns) {
    std::vector<Outcome> outcomes;
    auto collect = [&](std::exception_ptr, Outcome outcome) {
        outcomes.push_back(std::move(outcome));
    };
    const char* script = "import time\ndef main(): time.sleep(0.3)\n";
    for (int i = 0; i < 2; ++i) {
        asio::co_spawn(io_, scheduler_->run({"test", script}), collect);
    }
    run_until([&] { return scheduler_->stats().guests_running == 2; });
    for (int i = 0; i < 2; ++i) {
        asio::co_spawn(io_, scheduler_->run({"test", script}), collect);
    }
    run_until([&] { return scheduler_->stats().jobs_queued == 2; });

    scheduler_->drain();
    run_until([&] { return outcomes.size() == 4; });

    EXPECT_EQ(ending_as<Overloaded>(outcomes[0]).retry_after, 1s);
    EXPECT_EQ(ending_as<Overloaded>(outcomes[1]).retry_after, 1s);
    EXPECT_EQ(ending_as<Returned>(outcomes[2]).json, "null");
    EXPECT_EQ(ending_as<Returned>(outcomes[3]).json, "null");
}

TEST_F(SchedulerTest, JobsThatRunCanBeEnded) {
    std::vector<Outcome> outcomes;
    for (int i = 0; i < 2; ++i) {
        asio::co_spawn(
            io_, scheduler_->run({"test", "import time\ndef main(): time.sleep(60)\n"}),
            [&](std::exception_ptr, Outcome ended) { outcomes.push_back(std::move(ended)); });
    }
    run_until([&] { return scheduler_->stats().guests_running == 2; });
    io_.poll();  // Who has been handed a guest has yet to begin with it.

    scheduler_->drain();
    scheduler_->end_running();
    run_until([&] { return outcomes.size() == 2; });

    for (const Outcome& outcome : outcomes) {
        EXPECT_EQ(ending_as<Failed>(outcome).reason, "the service ended before the job");
    }
    EXPECT_EQ(scheduler_->stats().guests_running, 0u);
}

TEST_F(SchedulerTest, ACancelledJobFreesItsSlotAtOnce) {
    asio::cancellation_signal hang_up;
    bool has_ended = false;
    asio::co_spawn(io_, scheduler_->run({"test", "import time\ndef main(): time.sleep(60)\n"}),
                   asio::bind_cancellation_slot(
                       hang_up.slot(), [&](std::exception_ptr, Outcome) { has_ended = true; }));
    run_until([&] { return scheduler_->stats().guests_running == 1; });

    hang_up.emit(asio::cancellation_type::terminal);
    run_until([&] { return has_ended; });

    EXPECT_EQ(scheduler_->stats().guests_running, 0u);
    EXPECT_EQ(ending_as<Returned>(run("def main(): return 2\n")).json, "2");
}

TEST_F(SchedulerTest, AZygotesDeathEndsItsJobsAndTheNextZygoteServes) {
    auto spec = zygote::make_zygote_spec(small_settings());
    ASSERT_TRUE(spec);
    auto doomed = zygote::launch_zygote(*spec);
    ASSERT_TRUE(doomed);
    auto pair = make_seqpacket_pair();
    ASSERT_TRUE(pair);
    ASSERT_TRUE(zygote::attach_front(*doomed, std::move(pair->second)));
    scheduler_->attach(0, std::move(pair->first));
    std::optional<Outcome> outcome;
    asio::co_spawn(io_, scheduler_->run({"test", "import time\ndef main(): time.sleep(60)\n"}),
                   [&](std::exception_ptr, Outcome value) { outcome = std::move(value); });
    run_until([&] { return scheduler_->stats().guests_running == 1; });

    ::kill(doomed->pid(), SIGKILL);
    run_until([&] { return outcome.has_value(); });

    EXPECT_FALSE(ending_as<Failed>(*outcome).reason.empty());
    EXPECT_FALSE(scheduler_->is_ready());
    scheduler_.reset();
    start(small_limits());
    EXPECT_EQ(ending_as<Returned>(run("def main(): return 3\n")).json, "3");
}

// Its zygote has no memory for a guest.
TEST_F(SchedulerTest, AJobForWhichNoGuestCanBeStartedIsOurFailure) {
    SchedulerLimits limits = small_limits();
    limits.queue_time_max = 100ms;
    FakeZygote poor;
    scheduler_.emplace(io_, limits, std::vector{zygote::Profile{}});
    scheduler_->attach(0, poor.take_front_end());
    std::optional<Outcome> outcome;
    asio::co_spawn(io_, scheduler_->run({"test", "def main(): pass\n"}),
                   [&](std::exception_ptr, Outcome value) { outcome = std::move(value); });

    io_.restart();
    run_until([&] {
        for (const zygote::Command& command : poor.commands()) {
            poor.say_failed(command.guest_id, ENOMEM);
        }
        return outcome.has_value();
    });

    EXPECT_EQ(ending_as<Failed>(*outcome).reason, "no guest could be started");
    EXPECT_GE(outcome->queue_time, 100ms) << "the next guest might have come";
}

// The lean profile's zygote promises guests and never brings one; the rich one's is real.
class SchedulerOfTwo : public SchedulerTest {
  protected:
    void SetUp() override {}

    void start_with_a_lean_zygote_that_stalls(SchedulerLimits limits) {
        std::vector<zygote::Profile> profiles(2);
        profiles[0].name = "lean";
        profiles[1].name = "rich";
        profiles[1].modules = {"json"};
        scheduler_.emplace(io_, limits, profiles);
        scheduler_->attach(0, stalled_.take_front_end());
        auto pair = make_seqpacket_pair();
        ASSERT_TRUE(pair);
        ASSERT_TRUE(zygote::attach_front(*zygote_, std::move(pair->second)));
        scheduler_->attach(1, std::move(pair->first));
        io_.restart();
        run_until([&] { return scheduler_->stats().guests_waiting == 1; });
    }

    FakeZygote stalled_;
};

TEST_F(SchedulerOfTwo, AJobWaitsForALeanGuestAMomentAndNotUntilItIsRefused) {
    start_with_a_lean_zygote_that_stalls(small_limits());
    auto begin = std::chrono::steady_clock::now();

    Outcome outcome = run("def main(): return 5\n");

    EXPECT_EQ(ending_as<Returned>(outcome).json, "5");
    EXPECT_EQ(outcome.profile, "rich");
    EXPECT_GE(outcome.queue_time, 15ms) << "it was not patient";
    EXPECT_LT(std::chrono::steady_clock::now() - begin, small_limits().queue_time_max);
}

TEST_F(SchedulerOfTwo, WhereTheQueueIsFullAJobTakesWhatThereIs) {
    SchedulerLimits limits = small_limits();
    limits.queue_depth_max = 0;
    start_with_a_lean_zygote_that_stalls(limits);

    Outcome outcome = run("def main(): return 6\n");

    EXPECT_EQ(ending_as<Returned>(outcome).json, "6");
    EXPECT_EQ(outcome.profile, "rich");
}

}  // namespace
}  // namespace snapjail::sched
