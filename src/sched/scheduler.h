#pragma once
// Scheduler: jobs to guests. It keeps pools of waiting guests filled from the zygotes, one for each
// profile, a bounded queue with a deadline before them, a deadline for each running job, and says
// what became of each. A job goes to the leanest profile that has what its script imports.
// It knows no HTTP. One thread: all of it runs on the io_context's.
//
// Every guest is used once. Whatever ends a job also ends its jail, whole, before the slot is
// reused.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/unique_fd.h"
#include "sched/job.h"
#include "sched/outcome.h"
#include "sched/profile_choice.h"
#include "zygote/profile.h"

namespace snapjail::sched {

struct SchedulerLimits {
    std::uint32_t slots = 8;               // Guests alive at once, waiting or running.
    std::uint32_t guests_waiting_max = 8;  // Kept warm ahead of need; each costs some 4 MB.
    std::uint32_t guests_joining_max = 0;  // Started on top of one a core: they sleep for a while.
    std::size_t queue_depth_max = 512;     // Jobs waiting for a guest; the next one is refused.
    std::chrono::milliseconds queue_time_max{10'000};  // A job that has waited so long is refused.
    std::chrono::milliseconds wall_time_max{6'000};
    std::chrono::seconds cpu_time_max{2};
    std::size_t stdout_bytes_max = std::size_t{1} << 20;
    std::size_t result_bytes_max = std::size_t{10} << 20;
    bool tells_of_jobs = false;  // Tier `process`: see PoolLimits.
    bool guests_can_kill_themselves = false;
};

struct ProfileStats {
    std::uint32_t guests_waiting = 0;
    std::uint32_t guests_running = 0;
};
struct SchedulerStats {
    std::vector<ProfileStats> profiles;  // In the order of the profiles.
    std::uint32_t guests_waiting = 0;    // Of all.
    std::uint32_t guests_running = 0;
    std::size_t jobs_queued = 0;
    std::uint64_t jobs_done = 0;
};

class Scheduler {
  public:
    // Leanest first; at least one.
    Scheduler(boost::asio::io_context& io, SchedulerLimits limits,
              const std::vector<zygote::Profile>& profiles);
    ~Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    // Takes the socket to a zygote of that profile that is ready; it replaces an earlier one, whose
    // running jobs end as Failed if that zygote has died, and are left to finish if it lives.
    void attach(ProfileIndex profile, UniqueFd zygote_socket);

    // Called at most once for each profile: none of its first guests could be started, and why. Who
    // does not want to wait for better times ends.
    void on_none_starts(std::function<void(ProfileIndex profile, const std::string& why)> told);

    // Runs one job to its outcome. Cancelling it (terminal) ends the jail at once.
    boost::asio::awaitable<Outcome> run(Job job);

    // Every profile has had a guest that waited, and we are not draining.
    bool is_ready() const;

    // From now on every job is Overloaded, new or in the queue; those that run go on. The time
    // until the end is a running job's: one that began later could be cut.
    void drain();
    // After drain(): those that still run end as Failed, with what they have printed.
    void end_running();

    SchedulerStats stats() const;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace snapjail::sched
