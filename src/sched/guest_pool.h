#pragma once
// GuestPool: keeps guests of each profile waiting, forked, jailed and warmed ahead of need, and the
// slots between them in order. Jobs that wait come first, in their order; then each profile's pool
// is filled to its size. One thread.

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sched/pool_sizes.h"
#include "sched/profile_choice.h"
#include "sched/profile_pool.h"

namespace snapjail::sched {

struct PoolLimits {
    std::size_t profiles = 1;
    std::uint32_t slots = 8;                // Guests alive at once, of all profiles.
    std::uint32_t guests_waiting_max = 8;   // An idle guest costs some 4 MB, at most.
    std::uint32_t guests_starting_max = 2;  // Warming one takes a core for some milliseconds.
    std::size_t result_bytes_max = std::size_t{10} << 20;
    bool tells_of_jobs = false;  // Tier `process`: the zygote watches those that run.
    // They are no PID 1, or the kernel (gVisor) does not protect one from its own SIGKILL.
    bool guests_can_kill_themselves = false;
};

// Which guests a job would take.
struct Wish {
    // NOLINTNEXTLINE(google-explicit-constructor): a job's candidates are most of its wish.
    Wish(const Candidates& wanted) : candidates(wanted), is_patient(wanted.count() > 1) {}
    Candidates candidates;
    // It leaves a richer guest to that one's own jobs while a leaner one can come in a moment: to
    // replace a guest of Pandas costs several times what a lean one does.
    bool is_patient;
};

class GuestPool : public std::enable_shared_from_this<GuestPool> {
  public:
    // `on_ready` is called when there may be a guest to take for a job that waits.
    GuestPool(boost::asio::io_context& io, PoolLimits limits, std::function<void()> on_ready);
    ~GuestPool() { close(); }
    GuestPool(const GuestPool&) = delete;
    GuestPool& operator=(const GuestPool&) = delete;

    void attach(ProfileIndex profile, UniqueFd zygote_socket);

    // `told` is called when no guest of a profile has been ready, and so many have failed that none
    // will be: with why the last one did.
    using NoneStarts = std::function<void(ProfileIndex profile, const std::string& why)>;
    void on_none_starts(NoneStarts told) { none_starts_ = std::move(told); }

    // Pools are sized by what the jobs wanted, whether a guest waited for them or not.
    void note_job(const Candidates& candidates) { sizes_.note_job(candidates.first()); }

    // A waiting guest of the first candidate that has one, or null. Its caller must end() it.
    std::shared_ptr<Guest> take(const Wish& wish);

    // Kills the guest, whole; its slot is free when the zygote has reaped it. May be called twice.
    void end(const std::shared_ptr<Guest>& guest);

    // What the first jobs wait for that have no guest, in their order; for more than can be
    // starting at once no guest is made ready.
    void set_demand(std::vector<Wish> demand);

    // No callback, no new guest after this; all guests end.
    void close();

    // Every profile has a zygote, and has had a guest of it; where there are fewer slots than
    // profiles, one of them has.
    bool is_ready() const;
    // Whether jobs that wait do so for guests that cannot be started, and not for a free slot.
    bool fails_to_start() const;
    std::uint32_t waiting_count() const { return sum(&ProfilePool::waiting_count); }
    std::uint32_t running_count() const { return sum(&ProfilePool::running_count); }
    // Whether take() would find one.
    bool has_waiting(const Wish& wish) const { return find_waiting(wish) != nullptr; }
    std::size_t profile_count() const { return pools_.size(); }
    const ProfilePool& of(ProfileIndex profile) const { return *pools_[profile]; }

  private:
    void refill();
    void refill_soon();
    void meet_demand();
    void tell_of_those_that_wait();
    void fill_pools();
    bool may_start() const;
    ProfilePool* find_waiting(const Wish& wish) const;
    bool can_bring(ProfileIndex profile) const;
    ProfilePool* find_pool_to_spare_from(std::int64_t spare_min) const;
    ProfilePool* find_pool_below_its_size() const;
    std::uint32_t sum(std::uint32_t (ProfilePool::*count)() const) const;

    PoolLimits limits_;
    PoolSizes sizes_;
    std::shared_ptr<SlotList> slots_;
    std::vector<std::shared_ptr<ProfilePool>> pools_;  // One for each profile, in their order.
    std::vector<Wish> demand_;
    std::function<void()> on_ready_;
    NoneStarts none_starts_ = [](ProfileIndex, const std::string&) {};
    boost::asio::steady_timer refill_timer_;
    bool will_refill_soon_ = false;
    bool is_closed_ = false;
};

}  // namespace snapjail::sched
