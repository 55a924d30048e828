#pragma once
// What a frame or a wait status says about a job, as an Ending. Pure functions: all the evidence
// comes in, the verdict goes out.

#include <chrono>
#include <cstdint>

#include "sched/frame_reader.h"
#include "sched/outcome.h"
#include "zygote/protocol.h"

namespace snapjail::sched {

// A kResult or kFault frame; anything else, and a fault that contradicts itself, counts as a script
// that has written to the result's descriptor itself.
Ending ending_of_frame(Frame frame);

// For bytes that are no frame.
Ending ending_of_violation();

struct Death {
    int wait_status = 0;  // As from wait4(2).
    std::chrono::microseconds cpu_time{};
    zygote::LimitHit limit_hit = zygote::LimitHit::kNone;
    bool could_kill_itself = false;  // It was no PID 1, or one that is not protected.
};
// A guest that ended without a frame, and that we did not end.
Ending ending_of_death(const Death& death, std::chrono::seconds cpu_time_max);

}  // namespace snapjail::sched
