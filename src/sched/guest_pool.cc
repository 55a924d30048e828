#include "sched/guest_pool.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

namespace snapjail::sched {
namespace {

// A job that is over sooner has the processor to itself; when it ends the pool is filled anyway.
constexpr std::chrono::milliseconds kRefillPause{10};
constexpr std::int64_t kHoweverSmall = std::numeric_limits<std::int64_t>::min();

}  // namespace

GuestPool::GuestPool(boost::asio::io_context& io, PoolLimits limits, std::function<void()> on_ready)
    : limits_(limits),
      sizes_(limits.profiles, std::min(limits.slots, limits.guests_waiting_max)),
      slots_(std::make_shared<SlotList>(limits.slots)),
      on_ready_(std::move(on_ready)),
      refill_timer_(io) {
    for (ProfileIndex profile = 0; profile < limits_.profiles; ++profile) {
        pools_.push_back(std::make_shared<ProfilePool>(
            io, slots_,
            ProfilePoolSettings{
                .profile = profile,
                .result_bytes_max = limits_.result_bytes_max,
                .tells_of_jobs = limits_.tells_of_jobs,
                .guests_can_kill_themselves = limits_.guests_can_kill_themselves,
                .on_ready = on_ready_,
                .on_room = [this] { refill(); },
                .on_none_starts =
                    [this, profile](const std::string& why) { none_starts_(profile, why); }}));
    }
}

void GuestPool::attach(ProfileIndex profile, UniqueFd zygote_socket) {
    pools_[profile]->attach(std::move(zygote_socket));
}

std::shared_ptr<Guest> GuestPool::take(const Wish& wish) {
    ProfilePool* pool = find_waiting(wish);
    if (pool == nullptr) {
        return nullptr;
    }
    refill_soon();
    return pool->take();
}

ProfilePool* GuestPool::find_waiting(const Wish& wish) const {
    bool may_leaner_come = false;
    for (ProfileIndex profile : wish.candidates) {
        std::uint32_t waiting = pools_[profile]->waiting_count();
        if (waiting > (may_leaner_come ? sizes_.size_of(profile) : 0)) {
            return pools_[profile].get();
        }
        may_leaner_come = wish.is_patient && (may_leaner_come || can_bring(profile));
    }
    return nullptr;
}

// Within a moment, that is: one that is ending makes room, and one that is starting is soon there.
bool GuestPool::can_bring(ProfileIndex profile) const {
    const ProfilePool& pool = *pools_[profile];
    bool has_room = slots_->has_free() || sum(&ProfilePool::ending_count) > 0;
    return pool.can_spawn() && (pool.starting_count() > 0 || (may_start() && has_room));
}

void GuestPool::end(const std::shared_ptr<Guest>& guest) {
    pools_[guest->profile]->end(guest);
}

void GuestPool::set_demand(std::vector<Wish> demand) {
    demand_ = std::move(demand);
    refill();
}

void GuestPool::close() {
    is_closed_ = true;
    refill_timer_.cancel();
    for (const auto& pool : pools_) {
        pool->close();
    }
}

bool GuestPool::is_ready() const {
    // With fewer slots than profiles some have no guest, and which these are changes with the jobs.
    bool has_one_of_each = std::min(limits_.slots, limits_.guests_waiting_max) >= pools_.size();
    auto is_well = [&](const auto& pool) {
        return has_one_of_each ? pool->has_been_ready() : pool->is_attached();
    };
    auto has_been_ready = [](const auto& pool) { return pool->has_been_ready(); };
    return !is_closed_ && std::all_of(pools_.begin(), pools_.end(), is_well) &&
           std::any_of(pools_.begin(), pools_.end(), has_been_ready);
}

bool GuestPool::fails_to_start() const {
    return running_count() < limits_.slots &&
           std::any_of(pools_.begin(), pools_.end(),
                       [](const auto& pool) { return pool->is_attached() && pool->has_failed(); });
}

void GuestPool::refill() {
    if (is_closed_) {
        return;
    }
    meet_demand();
    fill_pools();
    tell_of_those_that_wait();
}

// A patient job that was left without a guest may have one when no leaner one can come any more.
// Whoever takes one changes the demand, which brings us here again.
void GuestPool::tell_of_those_that_wait() {
    if (std::any_of(demand_.begin(), demand_.end(),
                    [&](const Wish& wish) { return has_waiting(wish); })) {
        on_ready_();
    }
}

// Not one timer for each job: the first one counts for all that come meanwhile.
void GuestPool::refill_soon() {
    if (std::exchange(will_refill_soon_, true)) {
        return;
    }
    refill_timer_.expires_after(kRefillPause);
    refill_timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        auto self = weak.lock();
        if (self && !error) {
            self->will_refill_soon_ = false;
            self->refill();
        }
    });
}

bool GuestPool::may_start() const {
    return sum(&ProfilePool::starting_count) < limits_.guests_starting_max;
}

// For each job that waits one guest is on its way; where all slots are taken, and some by guests
// that nobody wants, one of these makes room.
void GuestPool::meet_demand() {
    std::vector<std::uint32_t> expected;
    for (const auto& pool : pools_) {
        expected.push_back(pool->starting_count() + pool->waiting_count());
    }
    std::uint32_t slots_to_come = sum(&ProfilePool::ending_count);
    auto has_any = [&](ProfileIndex profile) { return pools_[profile]->waiting_count() > 0; };
    for (const auto& [candidates, is_patient] : demand_) {
        auto able = std::find_if(candidates.begin(), candidates.end(), [&](ProfileIndex profile) {
            return pools_[profile]->can_spawn();
        });
        if (able == candidates.end()) {
            continue;  // Its zygote is not there yet, or not well.
        }
        if (expected[*able] > 0) {
            --expected[*able];
            continue;
        }
        if (!may_start()) {
            return;
        }
        if (slots_->has_free()) {
            pools_[*able]->spawn(zygote::WarmUp::kNone);
        } else if (slots_to_come > 0) {
            --slots_to_come;
        } else if (std::none_of(candidates.begin(), candidates.end(), has_any)) {
            if (ProfilePool* other = find_pool_to_spare_from(kHoweverSmall)) {
                other->end_a_waiting_one();
            }
        }
    }
}

void GuestPool::fill_pools() {
    for (ProfilePool* pool = find_pool_below_its_size(); pool != nullptr && may_start();
         pool = find_pool_below_its_size()) {
        std::uint32_t waiting_max = std::min(limits_.slots, limits_.guests_waiting_max);
        bool is_full =
            sum(&ProfilePool::waiting_count) + sum(&ProfilePool::starting_count) >= waiting_max;
        if (is_full || !slots_->has_free()) {
            ProfilePool* other = find_pool_to_spare_from(1);
            // One at a time: when it has gone we come here again.
            if (other != nullptr && sum(&ProfilePool::ending_count) == 0) {
                other->end_a_waiting_one();
            }
            return;
        }
        pool->spawn(zygote::WarmUp::kFull);
    }
}

// Of those whose waiting guests are that many above its size the one that has most to spare.
ProfilePool* GuestPool::find_pool_to_spare_from(std::int64_t spare_min) const {
    ProfilePool* found = nullptr;
    for (ProfileIndex profile = 0; profile < pools_.size(); ++profile) {
        std::int64_t waiting = pools_[profile]->waiting_count();
        std::int64_t spare = waiting - sizes_.size_of(profile);
        if (waiting > 0 && spare >= spare_min) {
            found = pools_[profile].get();
            spare_min = spare + 1;
        }
    }
    return found;
}

// The one that lacks most and could be filled, null if none is.
ProfilePool* GuestPool::find_pool_below_its_size() const {
    ProfilePool* found = nullptr;
    std::int64_t most = 0;
    for (ProfileIndex profile = 0; profile < pools_.size(); ++profile) {
        const ProfilePool& pool = *pools_[profile];
        std::int64_t lack =
            std::int64_t{sizes_.size_of(profile)} - pool.waiting_count() - pool.starting_count();
        if (lack > most && pool.can_spawn()) {
            found = pools_[profile].get();
            most = lack;
        }
    }
    return found;
}

std::uint32_t GuestPool::sum(std::uint32_t (ProfilePool::*count)() const) const {
    std::uint32_t all = 0;
    for (const auto& pool : pools_) {
        all += (pool.get()->*count)();
    }
    return all;
}

}  // namespace snapjail::sched
