#include "sched/ending.h"

#include <gtest/gtest.h>

#include <csignal>
#include <string>

namespace snapjail::sched {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""us;
using zygote::FrameKind;

Frame fault_frame(std::uint32_t kind, std::uint32_t message_bytes, const std::string& text) {
    zygote::FaultHeader header{kind, message_bytes};
    return {FrameKind::kFault,
            std::string(reinterpret_cast<const char*>(&header), sizeof(header)) + text};
}

template <class T>
T as(const Ending& ending) {
    EXPECT_TRUE(std::holds_alternative<T>(ending)) << "another ending, number " << ending.index();
    const T* value = std::get_if<T>(&ending);
    return value != nullptr ? *value : T{};
}

bool is_violation(const Ending& ending) {
    const auto* faulted = std::get_if<Faulted>(&ending);
    return faulted != nullptr && faulted->kind == FaultKind::kNotJson &&
           faulted->message == std::get<Faulted>(ending_of_violation()).message;
}

// As wait4(2) encodes them.
constexpr int exited(int code) {
    return code << 8;
}
constexpr int kDumpedCore = 0x80;

TEST(EndingOfFrame, AResultIsReturnedAsItCame) {
    EXPECT_EQ(as<Returned>(ending_of_frame({FrameKind::kResult, "not { even json"})).json,
              "not { even json");
}

TEST(EndingOfFrame, AFaultIsCutWhereItsHeaderSays) {
    auto faulted = as<Faulted>(ending_of_frame(fault_frame(2, 4, "boomTraceback")));

    EXPECT_EQ(faulted.kind, FaultKind::kException);
    EXPECT_EQ(faulted.message, "boom");
    EXPECT_EQ(faulted.traceback, "Traceback");
}

TEST(EndingOfFrame, AFaultMayBeEmpty) {
    auto faulted = as<Faulted>(ending_of_frame(fault_frame(0, 0, "")));

    EXPECT_EQ(faulted.kind, FaultKind::kNoMain);
    EXPECT_EQ(faulted.message + faulted.traceback, "");
}

TEST(EndingOfFrame, EveryKindOfFaultIsKnownAndTheNextIsAViolation) {
    constexpr auto kLast = static_cast<std::uint32_t>(FaultKind::kMemoryLimit);
    for (std::uint32_t kind = 0; kind <= kLast; ++kind) {
        EXPECT_EQ(as<Faulted>(ending_of_frame(fault_frame(kind, 0, ""))).kind,
                  static_cast<FaultKind>(kind));
    }
    EXPECT_TRUE(is_violation(ending_of_frame(fault_frame(kLast + 1, 0, ""))));
    EXPECT_TRUE(is_violation(ending_of_frame(fault_frame(0xffffffff, 0, ""))));
    // Not by its low byte alone.
    EXPECT_TRUE(is_violation(ending_of_frame(fault_frame(0x100, 0, ""))));
}

TEST(EndingOfFrame, AFaultThatLiesAboutItsLengthIsAViolation) {
    EXPECT_FALSE(is_violation(ending_of_frame(fault_frame(2, 4, "boom"))));
    EXPECT_TRUE(is_violation(ending_of_frame(fault_frame(2, 5, "boom"))));
    EXPECT_TRUE(is_violation(ending_of_frame(fault_frame(2, 0xffffffff, "boom"))));
}

TEST(EndingOfFrame, MessageAndTracebackEachHaveABound) {
    constexpr std::uint32_t kMessage = zygote::kMessageBytesMax;
    constexpr std::uint32_t kTraceback = zygote::kTracebackBytesMax;
    std::string text(kMessage + kTraceback, 'x');

    EXPECT_FALSE(is_violation(ending_of_frame(fault_frame(2, kMessage, text))));
    EXPECT_TRUE(is_violation(ending_of_frame(fault_frame(2, kMessage + 1, text))));
    EXPECT_TRUE(is_violation(ending_of_frame(fault_frame(2, kMessage - 1, text))));
}

TEST(EndingOfFrame, AFrameOfTheSetUpIsAViolationOnceAJobRuns) {
    EXPECT_TRUE(is_violation(ending_of_frame({FrameKind::kReady, ""})));
    EXPECT_TRUE(is_violation(ending_of_frame({FrameKind::kSetupFailed, "12345678"})));
}

TEST(EndingOfDeath, AnExitIsToldWithItsCode) {
    for (int code : {0, 1, 7, 255}) {
        auto faulted = as<Faulted>(ending_of_death({exited(code), 0us}, 2s));

        EXPECT_EQ(faulted.kind, FaultKind::kExit);
        EXPECT_EQ(faulted.message,
                  "script exited before main() returned, with code " + std::to_string(code));
    }
}

TEST(EndingOfDeath, AnExitIsAnExitHoweverMuchTimeItTook) {
    EXPECT_EQ(as<Faulted>(ending_of_death({exited(0), 10s}, 2s)).kind, FaultKind::kExit);
}

TEST(EndingOfDeath, ASignalIsToldByItsNumberWithACoreOrWithout) {
    for (int signal : {SIGSEGV, SIGABRT, SIGSYS, SIGBUS, SIGXFSZ, SIGTERM, SIGRTMAX}) {
        EXPECT_EQ(as<Signaled>(ending_of_death({signal, 10s}, 2s)).signal, signal);
        EXPECT_EQ(as<Signaled>(ending_of_death({signal | kDumpedCore, 0us}, 2s)).signal, signal);
    }
}

// The kernel measures by ticks what it ends and by the clock what it tells.
TEST(EndingOfDeath, AKillIsTheProcessorsLimitFromHalfOfItOn) {
    EXPECT_EQ(as<CpuExhausted>(ending_of_death({SIGKILL, 1'000ms}, 2s)).limit, 2s);
    EXPECT_EQ(as<CpuExhausted>(ending_of_death({SIGKILL, 2'000ms}, 2s)).limit, 2s);
    EXPECT_EQ(as<CpuExhausted>(ending_of_death({SIGKILL, 3'600s}, 2s)).limit, 2s);
    EXPECT_EQ(as<Faulted>(ending_of_death({SIGKILL, 999'999us}, 2s)).kind, FaultKind::kMemoryLimit);
    EXPECT_EQ(as<Faulted>(ending_of_death({SIGKILL, 0us}, 2s)).kind, FaultKind::kMemoryLimit);
}

}  // namespace
}  // namespace snapjail::sched
