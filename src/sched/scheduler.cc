#include "sched/scheduler.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "sched/guest_pool.h"
#include "sched/job_run.h"

namespace snapjail::sched {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

// So long a job waits for a lean guest while a richer one is idle. A lean one is forked within a
// millisecond or two; on a busy machine, or where a slot cannot be cleaned, it is not.
constexpr std::chrono::milliseconds kPatience{20};
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// A job waiting for a guest. Lives in its coroutine's frame; the queue points at it.
struct Waiter {
    Waiter(asio::io_context& io, const Wish& wanted) : wake(io), wish(wanted) {}
    asio::steady_timer wake;  // Runs out when the job has waited too long; cancelled to wake it.
    Wish wish;
    std::shared_ptr<Guest> guest;
};

PoolLimits pool_limits(const SchedulerLimits& limits, std::size_t profiles) {
    return {.profiles = profiles,
            .slots = limits.slots,
            .guests_waiting_max = std::min(limits.slots, limits.guests_waiting_max),
            .guests_starting_max =
                std::max(2u, std::thread::hardware_concurrency()) + limits.guests_joining_max,
            .result_bytes_max = limits.result_bytes_max,
            .tells_of_jobs = limits.tells_of_jobs,
            .guests_can_kill_themselves = limits.guests_can_kill_themselves};
}

}  // namespace

struct Scheduler::State : std::enable_shared_from_this<State> {
    State(asio::io_context& io_context, SchedulerLimits scheduler_limits,
          const std::vector<zygote::Profile>& profiles)
        : io(io_context), limits(scheduler_limits), choice(profiles) {
        for (const zygote::Profile& profile : profiles) {
            names.push_back(profile.name);
        }
    }

    asio::awaitable<Outcome> run(Job job);
    asio::awaitable<std::shared_ptr<Guest>> acquire_guest(Wish wish);
    asio::awaitable<Outcome> run_in_guest(std::shared_ptr<Guest> guest, Job job);
    void hand_out_guests();
    void refuse_waiting();
    std::chrono::seconds retry_after() const;

    asio::io_context& io;
    SchedulerLimits limits;
    ProfileChoice choice;
    std::vector<std::string> names;  // Of the profiles.
    std::shared_ptr<GuestPool> pool;
    std::deque<Waiter*> queue;
    std::set<JobRun*> running;  // Those in run_in_guest().
    std::uint64_t jobs_done = 0;
    bool is_draining = false;
    bool is_over = false;  // Nothing may begin to run any more.
};

namespace {

// Of those that have no guest yet; more than can be starting at once do not matter.
std::vector<Wish> demand_of(const std::deque<Waiter*>& queue) {
    constexpr std::size_t kEnough = 64;
    std::vector<Wish> demand;
    for (const Waiter* waiter : queue) {
        if (!waiter->guest && demand.size() < kEnough) {
            demand.push_back(waiter->wish);
        }
    }
    return demand;
}

Outcome without_output(Ending ending) {
    Outcome outcome;
    outcome.ending = std::move(ending);
    return outcome;
}

Overloaded shutting_down() {
    return {"the service is shutting down", std::chrono::seconds(1)};
}

// Takes a waiter out of the queue however its coroutine ends, and gives back a guest that it was
// handed but will not use.
class QueuePlace {
  public:
    QueuePlace(std::deque<Waiter*>& queue, GuestPool& pool, Waiter& waiter)
        : queue_(queue), pool_(pool), waiter_(waiter) {
        queue_.push_back(&waiter_);
    }
    QueuePlace(const QueuePlace&) = delete;
    QueuePlace& operator=(const QueuePlace&) = delete;
    ~QueuePlace() {
        std::erase(queue_, &waiter_);
        if (waiter_.guest) {
            pool_.end(waiter_.guest);
        }
        pool_.set_demand(demand_of(queue_));
    }

  private:
    std::deque<Waiter*>& queue_;
    GuestPool& pool_;
    Waiter& waiter_;
};

// Ends the guest however the coroutine that uses it ends: a client that hangs up frees its slot.
class GuestUse {
  public:
    GuestUse(std::set<JobRun*>& running, std::shared_ptr<GuestPool> pool,
             std::shared_ptr<Guest> guest, std::shared_ptr<JobRun> run)
        : running_(running),
          pool_(std::move(pool)),
          guest_(std::move(guest)),
          run_(std::move(run)) {
        running_.insert(run_.get());
    }
    GuestUse(const GuestUse&) = delete;
    GuestUse& operator=(const GuestUse&) = delete;
    ~GuestUse() {
        running_.erase(run_.get());
        run_->abandon();
        pool_->end(guest_);
    }

  private:
    std::set<JobRun*>& running_;
    std::shared_ptr<GuestPool> pool_;
    std::shared_ptr<Guest> guest_;
    std::shared_ptr<JobRun> run_;
};

}  // namespace

// First come, first served, among those that want the same.
void Scheduler::State::hand_out_guests() {
    for (Waiter* waiter : queue) {
        if (pool->waiting_count() == 0) {
            break;
        }
        if (waiter->guest) {
            continue;  // Woken already; its coroutine has yet to run.
        }
        waiter->guest = pool->take(waiter->wish);
        if (waiter->guest) {
            waiter->wake.cancel();
        }
    }
    pool->set_demand(demand_of(queue));
}

void Scheduler::State::refuse_waiting() {
    for (Waiter* waiter : queue) {
        if (!waiter->guest) {
            waiter->wake.cancel();
        }
    }
}

// Null: nobody came in time, the job was cancelled, or the service ends.
asio::awaitable<std::shared_ptr<Guest>> Scheduler::State::acquire_guest(Wish wish) {
    // One that waits is not what those in the queue wait for: they would have it, or soon have a
    // leaner one.
    if (auto guest = pool->take(wish)) {
        co_return guest;
    }
    auto now = steady_clock::now();
    auto deadline = now + limits.queue_time_max;
    auto patience_ends = std::min(now + kPatience, deadline);
    while (!is_draining) {
        Waiter waiter(io, wish);
        QueuePlace place(queue, *pool, waiter);
        pool->set_demand(demand_of(queue));
        if (waiter.wish.is_patient) {
            waiter.wake.expires_at(patience_ends);
            co_await waiter.wake.async_wait(kAwait);
            waiter.wish.is_patient = false;
            if (!waiter.guest && !is_draining) {
                hand_out_guests();
            }
        }
        if (!waiter.guest && !is_draining) {
            waiter.wake.expires_at(deadline);
            co_await waiter.wake.async_wait(kAwait);
        }
        if (!waiter.guest || !waiter.guest->is_gone()) {
            co_return std::exchange(waiter.guest, nullptr);
        }
        // It died between being handed out and now. Nothing of the script has run: try another.
    }
    co_return nullptr;
}

asio::awaitable<Outcome> Scheduler::State::run_in_guest(std::shared_ptr<Guest> guest, Job job) {
    auto job_run = std::make_shared<JobRun>(io, guest,
                                            RunLimits{.wall_time_max = limits.wall_time_max,
                                                      .cpu_time_max = limits.cpu_time_max,
                                                      .stdout_bytes_max = limits.stdout_bytes_max,
                                                      .result_bytes_max = limits.result_bytes_max});
    GuestUse use(running, pool, guest, job_run);
    asio::steady_timer ended(io, steady_clock::time_point::max());
    job_run->start(std::move(job), [&ended] { ended.cancel(); });
    if (!job_run->has_ended()) {
        co_await ended.async_wait(kAwait);
    }
    if (!job_run->has_ended()) {
        co_return without_output(Failed{"the client hung up"});
    }
    ++jobs_done;
    co_return job_run->take_outcome();
}

std::chrono::seconds Scheduler::State::retry_after() const {
    // When the queue before it will have gone at the worst: every job at its wall limit, all slots
    // busy.
    auto rounds = 1 + queue.size() / std::max(1u, limits.slots);
    auto worst = limits.wall_time_max * static_cast<std::int64_t>(rounds);
    auto seconds =
        std::chrono::ceil<std::chrono::seconds>(worst / 4);  // Few jobs are at the worst.
    return std::clamp(seconds, std::chrono::seconds(1), std::chrono::seconds(30));
}

asio::awaitable<Outcome> Scheduler::State::run(Job job) {
    auto self = shared_from_this();  // The scheduler may go before its last job.
    if (is_draining) {
        co_return without_output(shutting_down());
    }
    auto submitted = steady_clock::now();
    Candidates candidates = choice.candidates_for(job.script);
    pool->note_job(candidates);
    Wish wish(candidates);
    if (queue.size() >= limits.queue_depth_max) {
        wish.is_patient = false;
        if (!pool->has_waiting(wish)) {
            co_return without_output(Overloaded{"too many jobs are waiting", retry_after()});
        }
    }
    auto guest = co_await acquire_guest(wish);
    auto queue_time =
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - submitted);
    // Not as a conditional expression: gcc 12 destroys the value of a co_await within one twice.
    Outcome outcome;
    if (guest && is_over) {
        pool->end(guest);
        outcome = without_output(shutting_down());
    } else if (guest) {
        ProfileIndex profile = guest->profile;
        outcome = co_await run_in_guest(std::move(guest), std::move(job));
        outcome.profile = names[profile];
    } else if (is_draining) {
        outcome = without_output(shutting_down());
    } else if (pool->fails_to_start()) {
        outcome = without_output(Failed{"no guest could be started"});
    } else {
        outcome = without_output(Overloaded{"no guest became free in time", retry_after()});
    }
    outcome.queue_time = queue_time;
    co_return outcome;
}

Scheduler::Scheduler(asio::io_context& io, SchedulerLimits limits,
                     const std::vector<zygote::Profile>& profiles)
    : state_(std::make_shared<State>(io, limits, profiles)) {
    state_->pool = std::make_shared<GuestPool>(io, pool_limits(limits, profiles.size()),
                                               [weak = std::weak_ptr<State>(state_)] {
                                                   if (auto state = weak.lock()) {
                                                       state->hand_out_guests();
                                                   }
                                               });
}

Scheduler::~Scheduler() {
    state_->pool->close();
}

void Scheduler::attach(ProfileIndex profile, UniqueFd zygote_socket) {
    state_->pool->attach(profile, std::move(zygote_socket));
}

void Scheduler::on_none_starts(
    std::function<void(ProfileIndex profile, const std::string& why)> told) {
    state_->pool->on_none_starts(std::move(told));
}

asio::awaitable<Outcome> Scheduler::run(Job job) {
    return state_->run(std::move(job));
}

bool Scheduler::is_ready() const {
    return !state_->is_draining && state_->pool->is_ready();
}

void Scheduler::drain() {
    state_->is_draining = true;
    state_->refuse_waiting();
}

void Scheduler::end_running() {
    state_->is_over = true;
    for (JobRun* run : state_->running) {
        run->fail("the service ended before the job");  // Its coroutine has yet to see it.
    }
}

SchedulerStats Scheduler::stats() const {
    SchedulerStats stats{.profiles = {},
                         .guests_waiting = state_->pool->waiting_count(),
                         .guests_running = state_->pool->running_count(),
                         .jobs_queued = state_->queue.size(),
                         .jobs_done = state_->jobs_done};
    for (ProfileIndex profile = 0; profile < state_->pool->profile_count(); ++profile) {
        const ProfilePool& pool = state_->pool->of(profile);
        stats.profiles.push_back({pool.waiting_count(), pool.running_count()});
    }
    return stats;
}

}  // namespace snapjail::sched
