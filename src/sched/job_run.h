#pragma once
// JobRun: one job in one guest, from the script's first byte sent until its ending is known. Reads
// both of the guest's pipes all the time, whatever the guest does; nothing that it does can make
// this wait.

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "sched/guest.h"
#include "sched/job.h"
#include "sched/outcome.h"

namespace snapjail::sched {

struct RunLimits {
    std::chrono::milliseconds wall_time_max{6'000};
    std::chrono::seconds cpu_time_max{2};
    std::size_t stdout_bytes_max = std::size_t{1} << 20;
    std::size_t result_bytes_max = std::size_t{10} << 20;
};

class JobRun : public std::enable_shared_from_this<JobRun> {
  public:
    JobRun(boost::asio::io_context& io, std::shared_ptr<Guest> guest, RunLimits limits);

    // `on_ended` is called once, from the io_context, when outcome() is known. The guest still has
    // to be ended then: it may live on.
    void start(Job job, std::function<void()> on_ended);

    // Ends it as Failed, unless it has ended.
    void fail(std::string reason);
    // Stops looking: `on_ended` is not called any more.
    void abandon();

    bool has_ended() const { return ending_.has_value(); }
    // Once, after the end. queue_time is left to the caller.
    Outcome take_outcome();

  private:
    void send_job();
    void watch_output();
    void watch_result();
    void read_output(std::size_t bytes_max);
    void read_result(std::size_t bytes_max);
    void keep_output(std::size_t size);
    void take_result_bytes(std::size_t size);
    void on_gone();
    void finish(Ending ending);

    static constexpr std::size_t kChunkBytes = 64 * 1024;  // A pipe's usual capacity.

    std::shared_ptr<Guest> guest_;
    RunLimits limits_;
    boost::asio::steady_timer deadline_;
    std::function<void()> on_ended_;
    std::string message_;  // The job as it is sent; freed when it is.
    // Filled and emptied within one call. No read is ever under way in the background: one that had
    // come to its end, its handler still to run, would be overtaken by the reads at the job's end.
    std::unique_ptr<char[]> chunk_;
    std::optional<Ending> ending_;
    std::string output_;
    bool is_output_truncated_ = false;
    bool is_output_at_end_ = false;
    bool is_result_at_end_ = false;
    std::chrono::steady_clock::time_point started_;
    std::chrono::steady_clock::time_point ended_;
};

}  // namespace snapjail::sched
