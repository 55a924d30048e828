#pragma once
// GuestPool: keeps guests waiting, forked, jailed and warmed ahead of need, and slots in order. A
// slot is taken from the moment a guest is asked for until the zygote has reaped it. One thread.

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "sched/guest.h"
#include "sched/zygote_link.h"

namespace snapjail::sched {

struct PoolLimits {
    std::uint32_t slots = 8;                // Guests alive at once.
    std::uint32_t guests_waiting_max = 8;   // An idle guest costs some 4 MB.
    std::uint32_t guests_starting_max = 2;  // Warming one takes a core for some milliseconds.
    std::size_t result_bytes_max = std::size_t{10} << 20;
    bool tells_of_jobs = false;  // Tier `process`: the zygote watches those that run.
    // They are no PID 1, or the kernel (gVisor) does not protect one from its own SIGKILL.
    bool guests_can_kill_themselves = false;
};

class GuestPool : public std::enable_shared_from_this<GuestPool> {
  public:
    // `on_ready` is called when a guest begins to wait, or there may be more room for one.
    GuestPool(boost::asio::io_context& io, PoolLimits limits, std::function<void()> on_ready);

    void attach(UniqueFd zygote_socket);

    // A waiting guest, or null. Its caller must end() it.
    std::shared_ptr<Guest> take();

    // Kills the guest, whole; its slot is free when the zygote has reaped it. May be called twice.
    void end(const std::shared_ptr<Guest>& guest);

    // How many jobs wait for a guest: refilling goes by it.
    void set_demand(std::size_t jobs_waiting);

    // No callback, no new guest after this; all guests end.
    void close();

    bool has_been_ready() const { return has_been_ready_; }
    std::uint32_t waiting_count() const { return static_cast<std::uint32_t>(waiting_.size()); }
    std::uint32_t running_count() const { return running_count_; }

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

    void refill();
    void spawn();
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
    void release_slot(std::uint32_t slot);
    void retire(const GenerationPtr& generation);
    void pause_spawning();

    boost::asio::io_context& io_;
    PoolLimits limits_;
    std::function<void()> on_ready_;
    boost::asio::steady_timer retry_timer_;
    std::vector<std::uint32_t> free_slots_;
    std::deque<std::shared_ptr<Guest>> waiting_;
    std::vector<GenerationPtr> retired_;  // Old zygotes whose guests still run.
    GenerationPtr current_;
    std::uint64_t last_guest_id_ = 0;
    std::uint32_t starting_count_ = 0;  // Asked for, and not yet waiting.
    std::uint32_t running_count_ = 0;
    std::uint32_t failures_in_a_row_ = 0;
    std::size_t demand_ = 0;
    bool has_been_ready_ = false;
    bool is_paused_ = false;
    bool is_closed_ = false;
};

}  // namespace snapjail::sched
