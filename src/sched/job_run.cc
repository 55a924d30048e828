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

}  // namespace

JobRun::JobRun(boost::asio::io_context& io, std::shared_ptr<Guest> guest, RunLimits limits)
    : guest_(std::move(guest)),
      limits_(limits),
      deadline_(io),
      // Not make_unique: it would fill them with zeros, and touch every page, for each job.
      output_chunk_(new char[kChunkBytes]),
      result_chunk_(new char[kChunkBytes]) {}

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
    read_output();
    read_result();
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

void JobRun::read_output() {
    guest_->output.async_read_some(
        boost::asio::buffer(output_chunk_.get(), kChunkBytes),
        [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
            if (self->ending_ || error) {
                return;
            }
            self->keep_output(self->output_chunk_.get(), size);
            self->read_output();
        });
}

void JobRun::keep_output(const char* bytes, std::size_t size) {
    std::size_t room = limits_.stdout_bytes_max - output_.size();
    output_.append(bytes, std::min(size, room));
    is_output_truncated_ = is_output_truncated_ || size > room;
}

void JobRun::read_result() {
    guest_->result.async_read_some(
        boost::asio::buffer(result_chunk_.get(), kChunkBytes),
        [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
            // End of file without a frame: the process is ending, or has closed the pipe and goes
            // on. Either way its death or the deadline decides.
            if (self->ending_ || error) {
                return;
            }
            self->take_result_bytes(size);
            if (!self->ending_) {
                self->read_result();
            }
        });
}

void JobRun::take_result_bytes(std::size_t size) {
    if (!guest_->frames.feed(std::span(result_chunk_.get(), size))) {
        finish(ending_of_violation());
        return;
    }
    if (auto frame = guest_->frames.take()) {
        finish(ending_of_frame(std::move(*frame)));
    }
}

// What the script wrote before its frame is in the pipe already; it is read without waiting.
void JobRun::drain_output() {
    std::size_t left = kPipeBytesMax;
    while (guest_->output.is_open() && !is_output_truncated_ && left > 0) {
        ssize_t count = ::read(guest_->output.native_handle(), output_chunk_.get(), kChunkBytes);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return;
        }
        keep_output(output_chunk_.get(), static_cast<std::size_t>(count));
        left -= std::min(left, static_cast<std::size_t>(count));
    }
}

void JobRun::drain_result() {
    while (!ending_ && guest_->result.is_open()) {
        ssize_t count = ::read(guest_->result.native_handle(), result_chunk_.get(), kChunkBytes);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return;
        }
        take_result_bytes(static_cast<std::size_t>(count));
    }
}

void JobRun::on_gone() {
    drain_result();  // Its last frame may have overtaken nothing, but been overtaken.
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
    drain_output();
    ending_ = std::move(ending);
    deadline_.cancel();
    guest_->on_gone = nullptr;
    if (on_ended_) {
        std::exchange(on_ended_, nullptr)();
    }
}

void JobRun::abandon() {
    on_ended_ = nullptr;
    finish(Failed{"abandoned"});
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
