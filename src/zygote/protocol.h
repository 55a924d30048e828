#pragma once
// The wire protocol between supervisor, front, zygote and guest: plain structures and frames, with
// a version. Supervisor, front and zygote trust each other's layout: they are one build. A guest is
// trusted in nothing: what comes from it is a Frame, checked by sched/guest_channel.

#include <cstdint>
#include <type_traits>

namespace snapjail::zygote {

constexpr std::uint32_t kProtocolVersion = 3;

// Descriptors that a zygote finds open when it is exec'ed, besides 0, 1 and 2.
constexpr int kChannelFd = 3;   // SEQPACKET to the supervisor.
constexpr int kPlanFd = 4;      // A memfd: jail::JailPlan, then its cgroups.
constexpr int kProcSelfFd = 5;  // The folder /proc/<its own pid> of the host's procfs.

// Supervisor -> zygote: only this one message, with the socket to the front as its one descriptor.
// A zygote that has a front already ends that one's guests, and says nothing of it.
struct AttachMessage {
    std::uint32_t version = kProtocolVersion;
    std::uint32_t front = 0;  // Its number, by which kIdle tells whose guests have gone.
};

// Zygote -> supervisor.
enum class NewsKind : std::uint32_t {
    kReady = 1,  // Imports are done, guests can be forked.
    kIdle = 2,   // Its front has gone; of that one's guests nothing is left, in no slot.
};
struct News {
    std::uint32_t version = kProtocolVersion;
    NewsKind kind = NewsKind::kReady;
    std::uint32_t front = 0;  // kIdle.
};

// Front -> zygote.
enum class CommandKind : std::uint32_t {
    kSpawn = 1,
    kKill = 2,
    kWatch = 3,  // Tier `process`: the guest is about to get its job.
};
enum class WarmUp : std::uint32_t {
    kFull,  // The guest touches what a job will touch, before it says that it is ready.
    kNone,  // A job waits for it already: it would only pay for the same pages sooner.
};
struct Command {
    CommandKind kind = CommandKind::kSpawn;
    std::uint32_t slot = 0;          // kSpawn: whose network namespace to use.
    WarmUp warm_up = WarmUp::kFull;  // kSpawn.
    std::uint64_t guest_id = 0;
};

// Zygote -> front. kSpawned carries three descriptors: the job's write end, the output's and the
// result's read end, in this order.
enum class EventKind : std::uint32_t { kSpawned = 1, kSpawnFailed = 2, kGone = 3 };
// Which limit of a job the zygote has seen it pass, and has ended it for.
enum class LimitHit : std::uint32_t { kNone, kMemory, kFolder, kProcesses };
struct Event {
    EventKind kind = EventKind::kSpawned;
    std::uint32_t step = 0;  // kSpawnFailed: a jail::SetupStep.
    std::uint64_t guest_id = 0;
    std::int32_t sys_errno = 0;            // kSpawnFailed.
    std::int32_t wait_status = 0;          // kGone: as from wait4(2).
    LimitHit limit_hit = LimitHit::kNone;  // kGone.
    std::uint64_t cpu_time_us = 0;  // kGone: user and system time, children waited for included.
};
static_assert(std::is_trivially_copyable_v<Command> && std::is_trivially_copyable_v<Event>);

constexpr std::uint32_t kSlotsMax = 4096;  // One network namespace and one descriptor for each.

// Front -> guest, on the job pipe: this header, then the script's bytes, then end of file.
struct JobHeader {
    std::uint32_t version = kProtocolVersion;
    std::uint32_t script_bytes = 0;
    std::uint32_t result_bytes_max = 0;  // The guest stops there; the front does not trust it to.
};
constexpr std::uint32_t kScriptBytesMax = 64u << 20;  // Above any SCRIPT_BYTES_MAX that is allowed.

// Guest -> front, on the result pipe. One kReady when it waits, then at most one other, then
// nothing.
enum class FrameKind : std::uint32_t {
    kReady = 0x52454459,        // No payload.
    kSetupFailed = 0x4641494c,  // SetupFailedPayload.
    kResult = 0x52534c54,       // The JSON text of main()'s value.
    kFault = 0x464c5421,        // FaultHeader, then message_bytes and the traceback's.
};
struct FrameHeader {
    FrameKind kind = FrameKind::kReady;
    std::uint32_t payload_bytes = 0;
};
struct SetupFailedPayload {
    std::uint32_t step = 0;
    std::int32_t sys_errno = 0;
};
struct FaultHeader {
    std::uint32_t kind = 0;  // A sched::FaultKind.
    std::uint32_t message_bytes = 0;
};
// The runner cuts at these; the front refuses what is longer.
constexpr std::uint32_t kMessageBytesMax = 16 * 1024;
constexpr std::uint32_t kTracebackBytesMax = 64 * 1024;

}  // namespace snapjail::zygote
