#include "sched/profile_pool.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "jail/setup_step.h"

namespace snapjail::sched {
namespace {

// After a guest that could not be started: 20 ms, doubled with each further one, up to 2 s.
constexpr std::chrono::milliseconds kPauseFirst{20};
constexpr std::chrono::milliseconds kPauseMax{2'000};
// For longer than this the supervisor does not wait for what a dead zygote has left.
constexpr std::chrono::milliseconds kStraysTime{3'000};

}  // namespace

ProfilePool::ProfilePool(boost::asio::io_context& io, std::shared_ptr<SlotList> slots,
                         ProfilePoolSettings settings)
    : io_(io),
      slots_(std::move(slots)),
      settings_(std::move(settings)),
      retry_timer_(io),
      strays_timer_(io) {}

void ProfilePool::attach(UniqueFd zygote_socket) {
    if (current_) {
        retire(std::exchange(current_, nullptr));
    }
    auto generation = std::make_shared<Generation>();
    generation->link = std::make_shared<ZygoteLink>(io_, std::move(zygote_socket));
    generation->link->start(
        [weak = weak_from_this(), generation](const zygote::Event& event,
                                              std::vector<UniqueFd> fds) {
            if (auto self = weak.lock()) {
                self->on_event(generation, event, std::move(fds));
            }
        },
        [weak = weak_from_this(), generation] {
            if (auto self = weak.lock()) {
                self->on_lost(generation);
            }
        });
    current_ = std::move(generation);
    release_lost_slots();
    // The failures were the last zygote's.
    retry_timer_.cancel();
    failures_in_a_row_ = 0;
    is_paused_ = false;
    settings_.on_room();
}

std::shared_ptr<Guest> ProfilePool::take() {
    if (waiting_.empty()) {
        return nullptr;
    }
    // The one that has waited least: what it touched in its warm-up is still in the processor's
    // caches. After a tenth of a second a script takes four times as long.
    auto guest = std::move(waiting_.back());
    waiting_.pop_back();
    guest->state = GuestState::kTaken;
    ++running_count_;
    if (settings_.tells_of_jobs) {
        guest->link->send({.kind = zygote::CommandKind::kWatch, .guest_id = guest->id});
    }
    return guest;
}

void ProfilePool::end(const std::shared_ptr<Guest>& guest) {
    guest->close_pipes();
    if (guest->state == GuestState::kEnding) {
        return;
    }
    if (guest->state == GuestState::kTaken) {
        CHECK(running_count_ > 0);
        --running_count_;
    }
    guest->state = GuestState::kEnding;
    if (!guest->is_gone()) {
        ++ending_count_;
        guest->link->send({.kind = zygote::CommandKind::kKill, .guest_id = guest->id});
    }
}

void ProfilePool::close() {
    is_closed_ = true;
    has_been_ready_ = false;
    retry_timer_.cancel();
    strays_timer_.cancel();
    waiting_.clear();
    for (const GenerationPtr& generation : retired_) {
        generation->link->close();
    }
    if (current_) {
        current_->link->close();
    }
}

void ProfilePool::spawn(zygote::WarmUp warm_up) {
    CHECK(can_spawn());
    std::uint32_t slot = slots_->take();
    std::uint64_t id = ++last_guest_id_;
    current_->spawning[id] = {slot};
    ++starting_count_;
    current_->link->send(
        {.kind = zygote::CommandKind::kSpawn, .slot = slot, .warm_up = warm_up, .guest_id = id});
}

void ProfilePool::end_a_waiting_one() {
    CHECK(!waiting_.empty());
    auto guest = std::move(waiting_.front());
    waiting_.pop_front();
    end(guest);
}

void ProfilePool::on_event(const GenerationPtr& generation, const zygote::Event& event,
                           std::vector<UniqueFd> fds) {
    switch (event.kind) {
        case zygote::EventKind::kSpawned:
            on_spawned(generation, event.guest_id, std::move(fds));
            break;
        case zygote::EventKind::kSpawnFailed:
            on_spawn_failed(generation, event);
            break;
        case zygote::EventKind::kGone:
            on_gone(generation, event);
            break;
    }
    if (generation != current_ && generation->guests.empty() && generation->spawning.empty()) {
        generation->link->close();
        std::erase(retired_, generation);
    }
}

void ProfilePool::on_spawned(const GenerationPtr& generation, std::uint64_t id,
                             std::vector<UniqueFd> fds) {
    auto spawning = generation->spawning.find(id);
    if (spawning == generation->spawning.end() || fds.size() != 3) {
        return;
    }
    auto guest = std::make_shared<Guest>(io_, settings_.result_bytes_max);
    guest->id = id;
    guest->slot = spawning->second.slot;
    guest->profile = settings_.profile;
    guest->link = generation->link;
    guest->job.assign(fds[0].release());
    guest->output.assign(fds[1].release());
    guest->result.assign(fds[2].release());
    for (Guest::Stream* stream : {&guest->job, &guest->output, &guest->result}) {
        stream->non_blocking(true);
    }
    generation->spawning.erase(spawning);
    generation->guests[id] = guest;
    if (generation != current_) {
        // Its zygote was replaced meanwhile.
        generation->link->send({.kind = zygote::CommandKind::kKill, .guest_id = id});
        return;
    }
    read_ready_frame(guest);
}

void ProfilePool::on_spawn_failed(const GenerationPtr& generation, const zygote::Event& event) {
    auto spawning = generation->spawning.find(event.guest_id);
    if (spawning == generation->spawning.end()) {
        return;
    }
    const char* step = jail::to_string(static_cast<jail::SetupStep>(event.step));
    log::error("guest could not be forked",
               {{"step", step}, {"errno", std::int64_t{event.sys_errno}}});
    std::uint32_t slot = spawning->second.slot;
    generation->spawning.erase(spawning);
    if (generation == current_) {
        --starting_count_;
        pause_spawning(std::string(step) + ": " + std::strerror(event.sys_errno));
    }
    slots_->give_back(slot);
    settings_.on_room();  // A replaced zygote's slot is the current one's now.
}

void ProfilePool::read_ready_frame(const std::shared_ptr<Guest>& guest) {
    auto buffer = std::make_shared<std::array<char, 256>>();
    guest->result.async_read_some(
        boost::asio::buffer(*buffer), [weak = weak_from_this(), guest, buffer](
                                          boost::system::error_code error, std::size_t size) {
            auto self = weak.lock();
            if (!self || self->is_closed_ || guest->is_gone()) {
                return;
            }
            if (error || !guest->frames.feed(std::span(buffer->data(), size))) {
                self->on_guest_failed(guest, "it ended before it was ready");
                return;
            }
            auto frame = guest->frames.take();
            if (!frame) {
                self->read_ready_frame(guest);
                return;
            }
            self->on_first_frame(guest, *frame);
        });
}

void ProfilePool::on_first_frame(const std::shared_ptr<Guest>& guest, const Frame& frame) {
    if (frame.kind == zygote::FrameKind::kSetupFailed) {
        zygote::SetupFailedPayload payload;
        std::memcpy(&payload, frame.payload.data(), sizeof(payload));
        std::string why = std::string(jail::to_string(static_cast<jail::SetupStep>(payload.step))) +
                          ": " + std::strerror(payload.sys_errno);
        on_guest_failed(guest, why.c_str());
        return;
    }
    if (frame.kind != zygote::FrameKind::kReady || guest->link != current_->link) {
        on_guest_failed(guest, "its first frame is not kReady");
        return;
    }
    --starting_count_;
    failures_in_a_row_ = 0;
    has_been_ready_ = true;
    has_ever_been_ready_ = true;
    guest->state = GuestState::kWaiting;
    waiting_.push_back(guest);
    settings_.on_ready();
    settings_.on_room();
}

void ProfilePool::on_guest_failed(const std::shared_ptr<Guest>& guest, const char* why) {
    if (!current_ || guest->link != current_->link) {
        return;  // Retired with its zygote, and killed there.
    }
    log::error("guest could not be started", {{"why", why}});
    --starting_count_;
    end(guest);
    pause_spawning(why);
    settings_.on_room();  // For those who waited for it.
}

void ProfilePool::pause_spawning(const std::string& why) {
    first_failures_ += has_ever_been_ready_ ? 0u : 1u;
    if (!has_ever_been_ready_ && first_failures_ == kFirstGuestsTried) {
        settings_.on_none_starts(why);
    }
    auto pause = std::min(kPauseMax, kPauseFirst * (1 << std::min(failures_in_a_row_, 7u)));
    ++failures_in_a_row_;
    is_paused_ = true;
    retry_timer_.expires_after(pause);
    retry_timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        auto self = weak.lock();
        if (self && !error) {
            self->is_paused_ = false;
            self->settings_.on_room();
        }
    });
}

void ProfilePool::on_gone(const GenerationPtr& generation, const zygote::Event& event) {
    auto found = generation->guests.find(event.guest_id);
    if (found == generation->guests.end()) {
        return;
    }
    auto guest = std::move(found->second);
    generation->guests.erase(found);
    bool was_starting = guest->state == GuestState::kStarting;
    ending_count_ -= guest->state == GuestState::kEnding ? 1u : 0u;
    guest->death = Death{.wait_status = event.wait_status,
                         .cpu_time = std::chrono::microseconds(event.cpu_time_us),
                         .limit_hit = event.limit_hit,
                         .could_kill_itself = settings_.guests_can_kill_themselves};
    forget_waiting(*guest);
    slots_->give_back(guest->slot);
    if (was_starting && generation == current_) {
        log::error("guest ended before it was ready",
                   {{"wait_status", std::int64_t{event.wait_status}}});
        --starting_count_;
        pause_spawning("it ended before it was ready");
    }
    if (guest->on_gone) {
        std::exchange(guest->on_gone, nullptr)();
    }
    settings_.on_room();
}

void ProfilePool::on_lost(const GenerationPtr& generation) {
    generation->is_lost = true;
    if (generation == current_) {
        log::error("zygote lost",
                   {{"guests", static_cast<std::int64_t>(generation->guests.size())}});
        current_ = nullptr;
        starting_count_ = 0;
        has_been_ready_ = false;
    }
    std::erase(retired_, generation);
    for (const auto& [id, spawning] : generation->spawning) {
        lose_slot(spawning.slot);
    }
    generation->spawning.clear();
    auto guests = std::move(generation->guests);
    generation->guests.clear();
    for (auto& [id, guest] : guests) {
        guest->is_zygote_lost = true;
        ending_count_ -= guest->state == GuestState::kEnding ? 1u : 0u;
        forget_waiting(*guest);
        lose_slot(guest->slot);
        if (guest->on_gone) {
            std::exchange(guest->on_gone, nullptr)();
        } else {
            guest->close_pipes();
        }
    }
    if (current_ && !lost_slots_.empty()) {
        release_lost_slots_later();
    }
    settings_.on_room();  // If it was a replaced one, its slots are the current one's now.
}

void ProfilePool::release_lost_slots() {
    for (std::uint32_t slot : std::exchange(lost_slots_, {})) {
        slots_->give_back(slot);
    }
}

// A replaced zygote has no successor to come, whose attach() would do it.
void ProfilePool::release_lost_slots_later() {
    strays_timer_.expires_after(kStraysTime);
    strays_timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        auto self = weak.lock();
        if (self && !error && self->current_) {
            self->release_lost_slots();
            self->settings_.on_room();
        }
    });
}

void ProfilePool::lose_slot(std::uint32_t slot) {
    if (settings_.tells_of_jobs) {
        lost_slots_.push_back(slot);
    } else {
        slots_->give_back(slot);
    }
}

// Its waiting guests end now; those with a job go on, and the link closes after the last of them.
void ProfilePool::retire(const GenerationPtr& generation) {
    starting_count_ = 0;
    waiting_.clear();
    for (const auto& [id, guest] : generation->guests) {
        if (guest->state != GuestState::kTaken) {
            end(guest);
        }
    }
    if (generation->guests.empty() && generation->spawning.empty()) {
        generation->link->close();
        return;
    }
    retired_.push_back(generation);
}

void ProfilePool::forget_waiting(const Guest& guest) {
    std::erase_if(waiting_, [&](const auto& other) { return other.get() == &guest; });
}

}  // namespace snapjail::sched
