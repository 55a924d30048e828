#pragma once
// What the supervisor and the front have between them: the descriptors that the front is exec'ed
// with, its settings, and the messages on their channel. Plain structures: one build, two
// processes.

#include <array>
#include <chrono>
#include <cstdint>
#include <type_traits>

#include "api/routes.h"
#include "base/log.h"
#include "http/server_limits.h"
#include "sched/scheduler.h"

namespace snapjail::app {

// Besides 0, 1 and 2.
constexpr int kFrontChannelFd = 3;   // SEQPACKET to the supervisor.
constexpr int kFrontListenerFd = 4;  // Bound and listening.
constexpr int kFrontSettingsFd = 5;  // A memfd that holds one FrontSettings.

constexpr std::size_t kProfilesTextBytesMax = 8191;

struct FrontSettings {
    static constexpr std::uint32_t kVersion = 4;
    std::uint32_t version = kVersion;
    log::Level log_level = log::Level::kInfo;
    sched::SchedulerLimits scheduler;
    http::ServerLimits http;
    api::ApiLimits api;
    // From kDrain on: how long jobs that run may go on, before they are answered as ended.
    std::chrono::milliseconds drain_time_max{};
    // What /health says and the front cannot find out: texts, each ended by a NUL.
    std::array<char, 16> tier{};
    std::array<char, 16> kernel{};
    std::array<char, 16> mode{};
    std::array<char, 32> python_version{};
    // As zygote::parse_profiles reads it, interpreters included: what draws a script to one counts.
    std::array<char, kProfilesTextBytesMax + 1> profiles{};
    std::array<char, 512> layers{};       // Separated by commas.
    std::array<char, 1024> departures{};  // As to_lines() makes them.
};
static_assert(std::is_trivially_copyable_v<FrontSettings>);

enum class FrontMessageKind : std::uint32_t {
    kAttachZygote = 1,  // To the front, with the socket to a zygote that is ready.
    kDrain,             // To the front: no new work, then exit with 0.
    kListening,         // From the front: it is confined and accepts.
    kNoneStarts,        // From the front: no guest of `profile` could be started, and `why`.
};
struct FrontMessage {
    FrontMessageKind kind = FrontMessageKind::kDrain;
    std::uint32_t profile = 0;    // kAttachZygote, kNoneStarts: whose.
    std::array<char, 128> why{};  // Of kNoneStarts, ended by a NUL.
};
static_assert(std::is_trivially_copyable_v<FrontMessage>);

}  // namespace snapjail::app
