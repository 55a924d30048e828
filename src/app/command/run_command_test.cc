#include "app/command/run_command.h"

#include <gtest/gtest.h>

#include <csignal>

namespace snapjail::app {
namespace {

using sched::FaultKind;

TEST(RunCommand, ExitsWithZeroOnlyForAResultThatIsJson) {
    EXPECT_EQ(exit_status_of(sched::Returned{"1"}, true), 0);
    EXPECT_EQ(exit_status_of(sched::Returned{"NaN"}, false), 1);
}

TEST(RunCommand, ExitsWithOneForTheScriptsOwnFaults) {
    for (FaultKind kind : {FaultKind::kNoMain, FaultKind::kSyntaxError, FaultKind::kException,
                           FaultKind::kExit, FaultKind::kNotJson, FaultKind::kResultTooLarge}) {
        EXPECT_EQ(exit_status_of(sched::Faulted{kind, "", ""}, false), 1);
    }
}

TEST(RunCommand, TellsLimitsSignalsAndOurOwnFaultsApart) {
    using namespace std::chrono_literals;

    EXPECT_EQ(exit_status_of(sched::TimedOut{6s}, false), 124);
    EXPECT_EQ(exit_status_of(sched::CpuExhausted{2s}, false), 124);
    EXPECT_EQ(exit_status_of(sched::Faulted{FaultKind::kMemoryLimit, "", ""}, false), 137);
    EXPECT_EQ(exit_status_of(sched::Signaled{SIGSEGV}, false), 139);
    EXPECT_EQ(exit_status_of(sched::Overloaded{"", 1s}, false), 70);
    EXPECT_EQ(exit_status_of(sched::Failed{""}, false), 70);
}

}  // namespace
}  // namespace snapjail::app
