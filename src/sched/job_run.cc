#include "sched/job_run.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <span>
#include <utility>

#include "zygote/protocol.h"

namespace snapjail::sched {
namespace {

// The most that a pipe can hold for an unprivileged process (fs.pipe-max-size): what the script
// wrote before its end is at most that; what its children go on writing is not waited for.
constexpr std::size_t kPipeBytesMax = std::size_t{1} << 20;

// Read at one turn, before others have theirs.
constexpr std::size_t kTurnBytes = 256 * 1024;

}  // namespace

JobRun::JobRun(boost::asio::io_context& io, std::shared_ptr<Guest> guest, RunLimits limits)
    : guest_(std::move(guest)),
      limits_(limits),
      deadline_(io),
      // Not make_unique: it would fill it with zeros, and touch every page, for each job.
      chunk_(new char[kChunkBytes]) {}

void JobRun::start(Job job, std::function<void()> on_ended) {
    on_ended_ = std::move(on_ended);
    started_ = std::chrono::steady_clock::now();
    zygote::JobHeader header;
    header.script_bytes = static_cast<std::uint32_t>(job.script.size());
    header.result_bytes_max = static_cast<std::uint32_t>(limits_.result_bytes_max);
    message_.reserve(sizeof(header) + job.script.size());
    message_.assign(reinterpret_cast<const char*>(&header), sizeof(header));
    message_ += job.script;

    if (guest_->is_gone()) {
        finish(Failed{"the guest had died before its job came"});
        return;
    }
    guest_->on_gone = [self = shared_from_this()] { self->on_gone(); };
    deadline_.expires_after(limits_.wall_time_max);
    deadline_.async_wait([self = shared_from_this()](boost::system::error_code error) {
        if (!error) {
            self->finish(TimedOut{self->limits_.wall_time_max});
        }
    });
    send_job();
    watch_output();
    watch_result();
}

void JobRun::send_job() {
    boost::asio::async_write(guest_->job, boost::asio::buffer(message_),
                             [self = shared_from_this()](boost::system::error_code, std::size_t) {
                                 // A guest that has closed its end is about to end, and its end
                                 // says why.
                                 boost::system::error_code ignored;
                                 self->guest_->job.close(ignored);
                                 self->message_ = {};
                             });
}

void JobRun::watch_output() {
    guest_->output.async_wait(Guest::Stream::wait_read,
                              [self = shared_from_this()](boost::system::error_code error) {
                                  if (self->ending_ || error) {
                                      return;
                                  }
                                  self->read_output(kTurnBytes);
                                  if (!self->is_output_at_end_) {
                                      self->watch_output();
                                  }
                              });
}

void JobRun::watch_result() {
    guest_->result.async_wait(Guest::Stream::wait_read,
                              [self = shared_from_this()](boost::system::error_code error) {
                                  if (self->ending_ || error) {
                                      return;
                                  }
                                  self->read_result(kTurnBytes);
                                  if (!self->ending_ && !self->is_result_at_end_) {
                                      self->watch_result();
                                  }
                              });
}

// What is in the pipe now, up to a bound: a guest that writes faster than we read must not keep us.
void JobRun::read_output(std::size_t bytes_max) {
    while (guest_->output.is_open() && bytes_max > 0) {
        ssize_t count = ::read(guest_->output.native_handle(), chunk_.get(), kChunkBytes);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        is_output_at_end_ = is_output_at_end_ || count == 0;
        if (count <= 0) {
            return;
        }
        keep_output(static_cast<std::size_t>(count));
        bytes_max -= std::min(bytes_max, static_cast<std::size_t>(count));
    }
}

void JobRun::keep_output(std::size_t size) {
    std::size_t room = limits_.stdout_bytes_max - output_.size();
    output_.append(chunk_.get(), std::min(size, room));
    is_output_truncated_ = is_output_truncated_ || size > room;
}

void JobRun::read_result(std::size_t bytes_max) {
    while (!ending_ && guest_->result.is_open() && bytes_max > 0) {
        ssize_t count = ::read(guest_->result.native_handle(), chunk_.get(), kChunkBytes);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        // End of file without a frame: the process is ending, or has closed the pipe and goes on.
        // Either way its death or the deadline decides.
        is_result_at_end_ = is_result_at_end_ || count == 0;
        if (count <= 0) {
            return;
        }
        take_result_bytes(static_cast<std::size_t>(count));
        bytes_max -= std::min(bytes_max, static_cast<std::size_t>(count));
    }
}

void JobRun::take_result_bytes(std::size_t size) {
    if (!guest_->frames.feed(std::span(chunk_.get(), size))) {
        finish(ending_of_violation());
        return;
    }
    if (auto frame = guest_->frames.take()) {
        finish(ending_of_frame(std::move(*frame)));
    }
}

void JobRun::on_gone() {
    // The news of its death may have overtaken its last frame: that is in the pipe, whole or never.
    read_result(sizeof(zygote::FrameHeader) + limits_.result_bytes_max + kPipeBytesMax);
    if (ending_) {
        return;
    }
    if (guest_->death) {
        finish(ending_of_death(*guest_->death, limits_.cpu_time_max));
    } else {
        finish(Failed{"the zygote ended while the job ran"});
    }
}

void JobRun::finish(Ending ending) {
    if (ending_) {
        return;
    }
    ended_ = std::chrono::steady_clock::now();
    // What the script wrote before its end is in the pipe already.
    if (!is_output_truncated_) {
        read_output(kPipeBytesMax);
    }
    ending_ = std::move(ending);
    deadline_.cancel();
    guest_->on_gone = nullptr;
    if (on_ended_) {
        std::exchange(on_ended_, nullptr)();
    }
}

void JobRun::fail(std::string reason) {
    finish(Failed{std::move(reason)});
}

void JobRun::abandon() {
    on_ended_ = nullptr;
    fail("abandoned");
}

Outcome JobRun::take_outcome() {
    CHECK(ending_.has_value());
    return Outcome{
        .ending = std::move(*ending_),
        .stdout_bytes = std::move(output_),
        .stdout_truncated = is_output_truncated_,
        .queue_time = {},
        .run_time = std::chrono::duration_cast<std::chrono::microseconds>(ended_ - started_)};
}

}  // namespace snapjail::sched
