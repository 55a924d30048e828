#include "sched/ending.h"

#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <string>
#include <utility>

namespace snapjail::sched {

Ending ending_of_violation() {
    return Faulted{FaultKind::kNotJson,
                   "main() returned a non-JSON-serializable value: what came in its place is not "
                   "what the runner sends; the script has written to the result's descriptor",
                   ""};
}

Ending ending_of_frame(Frame frame) {
    if (frame.kind == zygote::FrameKind::kResult) {
        return Returned{std::move(frame.payload)};
    }
    if (frame.kind != zygote::FrameKind::kFault) {
        return ending_of_violation();
    }
    zygote::FaultHeader header;
    std::memcpy(&header, frame.payload.data(), sizeof(header));
    std::size_t text_bytes = frame.payload.size() - sizeof(header);
    bool is_sound = header.kind <= static_cast<std::uint32_t>(FaultKind::kMemoryLimit) &&
                    header.message_bytes <= text_bytes &&
                    header.message_bytes <= zygote::kMessageBytesMax &&
                    text_bytes - header.message_bytes <= zygote::kTracebackBytesMax;
    if (!is_sound) {
        return ending_of_violation();
    }
    return Faulted{static_cast<FaultKind>(header.kind),
                   frame.payload.substr(sizeof(header), header.message_bytes),
                   frame.payload.substr(sizeof(header) + header.message_bytes)};
}

Ending ending_of_death(const Death& death, std::chrono::seconds cpu_time_max) {
    switch (death.limit_hit) {
        case zygote::LimitHit::kNone:
            break;
        case zygote::LimitHit::kMemory:
            return Faulted{FaultKind::kMemoryLimit,
                           "memory limit exceeded by the job's processes together", ""};
        case zygote::LimitHit::kFolder:
            return Faulted{FaultKind::kMemoryLimit,
                           "memory limit exceeded: the job has filled its /tmp", ""};
        case zygote::LimitHit::kProcesses:
            return Faulted{FaultKind::kMemoryLimit,
                           "memory limit exceeded: more processes and threads than allowed", ""};
    }
    if (WIFEXITED(death.wait_status)) {
        return Faulted{FaultKind::kExit,
                       "script exited before main() returned, with code " +
                           std::to_string(WEXITSTATUS(death.wait_status)),
                       ""};
    }
    int signal = WTERMSIG(death.wait_status);
    if (signal != SIGKILL) {
        return Signaled{signal};
    }
    // SIGKILL cannot come from inside where a guest is PID 1 of its namespace. It is the kernel's,
    // for RLIMIT_CPU (soft and hard are one) or for want of memory. The kernel checks the former by
    // its ticks, and then tells the time that it measured: on a busy machine a third less was seen.
    if (death.cpu_time * 2 >= std::chrono::microseconds(cpu_time_max)) {
        return CpuExhausted{cpu_time_max};
    }
    if (death.could_kill_itself) {
        return Signaled{signal};
    }
    return Faulted{FaultKind::kMemoryLimit, "memory limit exceeded (ended by the kernel)", ""};
}

}  // namespace snapjail::sched
