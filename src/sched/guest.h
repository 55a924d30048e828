#pragma once
// Guest: the front's handle on one untrusted process: its three pipes and what is known of its end.
// Used once. Holding one keeps nothing alive: the pool decides when the process ends.

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/unique_fd.h"
#include "sched/ending.h"
#include "sched/frame_reader.h"
#include "sched/profile_choice.h"
#include "sched/zygote_link.h"

namespace snapjail::sched {

enum class GuestState : unsigned char {
    kStarting,  // Being jailed and warmed.
    kWaiting,   // Ready, in the pool.
    kTaken,     // Handed out: it has a job, or is about to.
    kEnding,    // Told to die.
};

struct Guest {
    using Stream = boost::asio::posix::stream_descriptor;

    Guest(boost::asio::io_context& io, std::size_t result_bytes_max)
        : job(io), output(io), result(io), frames(result_bytes_max) {}

    bool is_gone() const { return death.has_value() || is_zygote_lost; }

    void close_pipes() {
        boost::system::error_code ignored;
        job.close(ignored);
        output.close(ignored);
        result.close(ignored);
    }

    std::uint64_t id = 0;
    std::uint32_t slot = 0;
    ProfileIndex profile = 0;
    std::shared_ptr<ZygoteLink> link;
    Stream job;
    Stream output;
    Stream result;
    FrameReader frames;
    GuestState state = GuestState::kStarting;
    bool is_zygote_lost = false;
    std::optional<Death> death;     // Set when the zygote has reaped it.
    std::function<void()> on_gone;  // Called once, when it is dead or its zygote is lost.
};

}  // namespace snapjail::sched
