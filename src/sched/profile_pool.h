#pragma once
// ProfilePool: the guests of one profile: those that wait, forked, jailed and warmed, and those
// that run; from its zygote, and from the ones before it. When another is forked GuestPool decides.
// One thread.

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "sched/guest.h"
#include "sched/slot_list.h"
#include "sched/zygote_link.h"

namespace snapjail::sched {

// With the pauses between them: a host that is short of memory for a moment is given those. A
// profile whose guests cannot start fails all of them.
constexpr std::uint32_t kFirstGuestsTried = 8;

struct ProfilePoolSettings {
    ProfileIndex profile = 0;
    std::size_t result_bytes_max = std::size_t{10} << 20;
    bool tells_of_jobs = false;  // See PoolLimits.
    bool guests_can_kill_themselves = false;
    std::function<void()> on_ready;  // A guest begins to wait.
    std::function<void()> on_room;   // There may be more room for one.
    // Once: the first kFirstGuestsTried guests have failed, and none was ever ready.
    std::function<void(const std::string& why)> on_none_starts;
};

class ProfilePool : public std::enable_shared_from_this<ProfilePool> {
  public:
    ProfilePool(boost::asio::io_context& io, std::shared_ptr<SlotList> slots,
                ProfilePoolSettings settings);

    // A zygote that is ready; an earlier one keeps only the jobs that it has.
    void attach(UniqueFd zygote_socket);

    // The guest that has waited least, or null. Its caller must end() it.
    std::shared_ptr<Guest> take();

    // Kills the guest, whole; its slot is free when the zygote has reaped it. May be called twice.
    void end(const std::shared_ptr<Guest>& guest);

    // Ends the one that has waited longest; there must be one.
    void end_a_waiting_one();

    // A zygote is there, and the last guest that could not be started is a while ago.
    bool can_spawn() const { return !is_closed_ && !is_paused_ && current_ != nullptr; }
    // Takes a slot; there must be one, and can_spawn().
    void spawn(zygote::WarmUp warm_up);

    // No callback, no new guest after this; all guests end.
    void close();

    bool is_attached() const { return current_ != nullptr; }
    // The last guest that was asked for could not be started.
    bool has_failed() const { return failures_in_a_row_ > 0; }
    // Its zygote's first guest has been ready.
    bool has_been_ready() const { return has_been_ready_; }
    std::uint32_t waiting_count() const { return static_cast<std::uint32_t>(waiting_.size()); }
    std::uint32_t starting_count() const { return starting_count_; }  // Asked for, not yet waiting.
    std::uint32_t running_count() const { return running_count_; }
    std::uint32_t ending_count() const { return ending_count_; }  // Told to die, and not yet gone.

  private:
    struct Spawning {
        std::uint32_t slot = 0;
    };
    // One zygote and what was forked from it. The last one is the current one.
    struct Generation {
        std::shared_ptr<ZygoteLink> link;
        std::unordered_map<std::uint64_t, Spawning> spawning;  // Asked for, no answer yet.
        std::unordered_map<std::uint64_t, std::shared_ptr<Guest>> guests;
        bool is_lost = false;
    };
    using GenerationPtr = std::shared_ptr<Generation>;

    void on_event(const GenerationPtr& generation, const zygote::Event& event,
                  std::vector<UniqueFd> fds);
    void on_spawned(const GenerationPtr& generation, std::uint64_t id, std::vector<UniqueFd> fds);
    void on_spawn_failed(const GenerationPtr& generation, const zygote::Event& event);
    void on_gone(const GenerationPtr& generation, const zygote::Event& event);
    void on_lost(const GenerationPtr& generation);
    void read_ready_frame(const std::shared_ptr<Guest>& guest);
    void on_first_frame(const std::shared_ptr<Guest>& guest, const Frame& frame);
    void on_guest_failed(const std::shared_ptr<Guest>& guest, const char* why);
    void forget_waiting(const Guest& guest);
    void retire(const GenerationPtr& generation);
    void lose_slot(std::uint32_t slot);
    void release_lost_slots();
    void release_lost_slots_later();
    void pause_spawning(const std::string& why);

    boost::asio::io_context& io_;
    std::shared_ptr<SlotList> slots_;
    ProfilePoolSettings settings_;
    boost::asio::steady_timer retry_timer_;
    boost::asio::steady_timer strays_timer_;
    std::deque<std::shared_ptr<Guest>> waiting_;
    // Tier `process`: of zygotes that were lost. What a job has left there the supervisor ends
    // before it starts the next zygote; until that is here, no other profile may use them.
    std::vector<std::uint32_t> lost_slots_;
    std::vector<GenerationPtr> retired_;  // Old zygotes whose guests still run.
    GenerationPtr current_;
    std::uint64_t last_guest_id_ = 0;
    std::uint32_t starting_count_ = 0;
    std::uint32_t running_count_ = 0;
    std::uint32_t ending_count_ = 0;
    std::uint32_t failures_in_a_row_ = 0;
    std::uint32_t first_failures_ = 0;  // Before the first guest that was ready.
    bool has_ever_been_ready_ = false;  // A guest of this profile, whichever zygote's.
    bool has_been_ready_ = false;
    bool is_paused_ = false;
    bool is_closed_ = false;
};

}  // namespace snapjail::sched
