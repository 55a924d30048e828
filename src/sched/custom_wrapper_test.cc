// An operator's own WRAPPER_PATH, by the rule `wrapper script.py result.json`, warm and cold, with
// a real zygote.
#include <gtest/gtest.h>
#include <poll.h>

#include <boost/asio/co_spawn.hpp>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "base/syscall.h"
#include "sched/scheduler.h"
#include "zygote/launcher.h"

namespace snapjail::sched {
namespace {

namespace asio = boost::asio;
using std::chrono_literals::operator""s;

constexpr const char* kWrapper =
    "import json, runpy, sys\n"
    "program, script, result = sys.argv\n"
    "value = runpy.run_path(script)['main']()\n"
    "if value is not None:\n"
    "    with open(result, 'w') as file:\n"
    "        json.dump({'wrapped': value, 'name': __name__}, file)\n";

class CustomWrapper : public testing::TestWithParam<jail::GuestStart> {
  protected:
    ~CustomWrapper() override { std::filesystem::remove_all(folder_); }

    void SetUp() override {
        char name[] = "/var/tmp/snapjail-wrapper-XXXXXX";
        folder_ = ::mkdtemp(name);
        ASSERT_TRUE(write_file(folder_ + "/wrapper.py", kWrapper));
        const char* python = std::getenv("PYTHON_BIN");
        zygote::ZygoteSettings settings;
        settings.python_bin = python != nullptr ? python : "/usr/bin/python3";
        settings.library_folder = SNAPJAIL_TEST_LIBRARY;
        settings.wrapper_path = folder_ + "/wrapper.py";
        settings.start = GetParam();
        auto spec = zygote::make_zygote_spec(settings);
        ASSERT_TRUE(spec) << spec.error().to_string();
        auto started = zygote::launch_zygote(*spec);
        ASSERT_TRUE(started) << started.error().to_string();
        zygote_.emplace(std::move(*started));
        pollfd ready{zygote_->channel().get(), POLLIN, 0};
        ASSERT_EQ(::poll(&ready, 1, 20'000), 1);
        SchedulerLimits limits;
        limits.slots = 1;
        limits.wall_time_max = 30s;  // A cold start on a busy machine.
        scheduler_.emplace(io_, limits, std::vector{zygote::Profile{}});
        auto pair = make_seqpacket_pair();
        ASSERT_TRUE(pair);
        ASSERT_TRUE(zygote::attach_front(*zygote_, std::move(pair->second)));
        scheduler_->attach(0, std::move(pair->first));
    }

    Outcome run(const std::string& script) {
        std::optional<Outcome> outcome;
        asio::co_spawn(io_, scheduler_->run({"test", script}),
                       [&](std::exception_ptr, Outcome value) { outcome = std::move(value); });
        while (!outcome) {
            io_.run_one();
        }
        return std::move(*outcome);
    }

    Faulted fault_of(const std::string& script) {
        Outcome outcome = run(script);
        const auto* faulted = std::get_if<Faulted>(&outcome.ending);
        EXPECT_NE(faulted, nullptr) << "another ending, number " << outcome.ending.index();
        return faulted != nullptr ? *faulted : Faulted{};
    }

    std::string folder_;
    asio::io_context io_;
    std::optional<ChildProcess> zygote_;
    std::optional<Scheduler> scheduler_;
};

TEST_P(CustomWrapper, WhatItWritesToItsResultFileIsTheResult) {
    Outcome outcome = run("def main():\n    print('out')\n    return 7\n");

    const auto* returned = std::get_if<Returned>(&outcome.ending);
    ASSERT_NE(returned, nullptr) << outcome.ending.index();
    EXPECT_EQ(returned->json, R"({"wrapped": 7, "name": "__main__"})");
    EXPECT_EQ(outcome.stdout_bytes, "out\n");
}

TEST_P(CustomWrapper, ThatWritesNoResultIsAnEarlyExit) {
    Faulted faulted = fault_of("def main(): return None\n");

    EXPECT_EQ(faulted.kind, FaultKind::kExit);
    EXPECT_EQ(faulted.message, "the wrapper ended without writing its result");
}

TEST_P(CustomWrapper, ThatRaisesIsToldWithTheScriptsLine) {
    Faulted faulted = fault_of("def main():\n    raise ValueError('boom')\n");

    EXPECT_EQ(faulted.kind, FaultKind::kException);
    EXPECT_EQ(faulted.message, "ValueError: boom (line 2)");
}

TEST_P(CustomWrapper, ThatExitsIsToldByItsCode) {
    EXPECT_EQ(fault_of("import sys\ndef main(): sys.exit(3)\n").kind, FaultKind::kExit);
}

TEST_P(CustomWrapper, AResultThatIsNoRegularFileIsNone) {
    for (const char* call :
         {"os.mkdir('/tmp/result.json')", "os.symlink('/etc/passwd', '/tmp/result.json')"}) {
        Faulted faulted = fault_of(std::string("import os\ndef main(): ") + call + "\n");

        EXPECT_EQ(faulted.message, "the wrapper ended without writing its result") << call;
    }
}

INSTANTIATE_TEST_SUITE_P(WarmAndCold, CustomWrapper,
                         testing::Values(jail::GuestStart::kWarm, jail::GuestStart::kCold),
                         [](const auto& test) {
                             return test.param == jail::GuestStart::kWarm ? "Warm" : "Cold";
                         });

}  // namespace
}  // namespace snapjail::sched
