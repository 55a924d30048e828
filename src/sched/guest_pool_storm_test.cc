// Whatever happens in whatever order: by chance, many times.
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sched/guest_pool_for_test.h"

namespace snapjail::sched {
namespace {

using zygote::Command;
using zygote::CommandKind;

// Anything in any order, from zygotes that come and go. A slot is never given to two guests, in the
// end none is missing, and no job waits beside a guest that it may have.
class GuestPoolStorm : public GuestPoolTest {
  protected:
    static constexpr ProfileIndex kProfiles = 3;

    struct Peer {
        FakeZygote fake;
        std::map<std::uint64_t, std::uint32_t> alive;  // Asked for or spawned: slot by guest.
        std::set<std::uint64_t> asked;
        std::set<std::uint64_t> killed;
    };

    void obey() {
        settle(io_);
        for (auto& peer : peers_) {
            for (const Command& command : peer->fake.commands()) {
                if (command.kind == CommandKind::kKill) {
                    peer->killed.insert(command.guest_id);
                }
                if (command.kind != CommandKind::kSpawn) {
                    continue;
                }
                ASSERT_LT(command.slot, kSlots);
                for (const auto& other : peers_) {
                    for (const auto& [id, slot] : other->alive) {
                        ASSERT_NE(slot, command.slot) << "of guest " << id;
                    }
                }
                peer->alive[command.guest_id] = command.slot;
                peer->asked.insert(command.guest_id);
            }
        }
    }
    template <class Set>
    std::uint64_t any_of(const Set& set) {
        return *std::next(set.begin(), static_cast<std::ptrdiff_t>(random_() % set.size()));
    }
    ProfileIndex any_profile() { return static_cast<ProfileIndex>(random_() % kProfiles); }
    Candidates any_candidates() {
        Candidates candidates(any_profile());
        ProfileIndex other = any_profile();
        if (!candidates.has(other)) {
            candidates.add(other);
        }
        return candidates;
    }
    void new_peer() {
        peers_.push_back(std::make_unique<Peer>());
        pool_->attach(any_profile(), peers_.back()->fake.take_front_end());
    }
    void lose(std::size_t index) {
        peers_[index]->fake.die();
        peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(index));
        settle(io_);
    }
    void answer(Peer& peer) {
        if (peer.asked.empty()) {
            return;
        }
        std::uint64_t id = any_of(peer.asked);
        peer.asked.erase(id);
        if (random_() % 8 == 0) {
            peer.alive.erase(id);
            peer.fake.say_failed(id, EAGAIN);
        } else {
            peer.fake.say_spawned(id);
        }
    }
    void speak(Peer& peer) {
        if (peer.fake.guests.empty()) {
            return;
        }
        auto guest = std::next(peer.fake.guests.begin(),
                               static_cast<std::ptrdiff_t>(random_() % peer.fake.guests.size()));
        std::string bytes =
            random_() % 6 == 0 ? "garbage" : header_bytes(zygote::FrameKind::kReady, 0);
        // The front may have closed its end: SIGPIPE is ignored, and the write of no interest.
        [[maybe_unused]] ssize_t ignored =
            ::write(guest->second.result.get(), bytes.data(), bytes.size());
    }
    void bury(Peer& peer, std::uint64_t id) {
        peer.alive.erase(id);
        peer.killed.erase(id);
        peer.fake.say_gone(id);
    }
    void want_something() {
        demand_.clear();
        for (auto left = random_() % 4; left > 0; --left) {
            demand_.emplace_back(any_candidates());
            demand_.back().is_patient = random_() % 4 != 0;
            pool_->note_job(demand_.back().candidates);
        }
        take_what_is_wanted();
    }
    // As the scheduler does, and told by the pool as it is.
    void take_what_is_wanted() {
        std::erase_if(demand_, [this](const Wish& wish) {
            auto guest = pool_->take(wish);
            bool has_one = guest != nullptr;
            if (has_one) {
                taken_.push_back(std::move(guest));
            }
            return has_one;
        });
        pool_->set_demand(demand_);
    }
    void step() {
        Peer& peer = *peers_[random_() % peers_.size()];
        switch (random_() % 12) {
            case 0:
            case 1:
            case 2:
                return answer(peer);
            case 3:
            case 4:
                return speak(peer);
            case 5:
                if (!peer.fake.guests.empty()) {
                    bury(peer, peer.fake.guests.begin()->first);
                }
                return;
            case 6:
                if (!peer.killed.empty()) {
                    bury(peer, any_of(peer.killed));
                }
                return;
            case 7:
                if (auto guest = pool_->take(any_candidates())) {
                    taken_.push_back(std::move(guest));
                }
                return;
            case 8:
                if (!taken_.empty()) {
                    pool_->end(taken_.back());
                    taken_.pop_back();
                }
                return;
            case 9:
                return want_something();
            case 10:
                if (peers_.size() < 4 && random_() % 8 == 0) {
                    new_peer();
                }
                return;
            default:
                if (peers_.size() > 1 && random_() % 16 == 0) {
                    lose(random_() % peers_.size());
                }
        }
    }

    static constexpr std::uint32_t kSlots = 6;
    std::mt19937 random_;
    std::vector<std::unique_ptr<Peer>> peers_;
    std::vector<std::shared_ptr<Guest>> taken_;
    std::vector<Wish> demand_;
};

TEST_F(GuestPoolStorm, NoSlotIsEverGivenTwiceOrLost) {
    ::signal(SIGPIPE, SIG_IGN);
    for (unsigned seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE(seed);
        random_.seed(seed);
        PoolLimits limits = limits_of(kSlots, 3);
        limits.profiles = kProfiles;
        limits.tells_of_jobs = seed % 2 == 0;
        demand_.clear();
        pool_ = std::make_shared<GuestPool>(io_, limits, [this] { take_what_is_wanted(); });
        new_peer();
        for (int i = 0; i < 300; ++i) {
            obey();
            ASSERT_FALSE(HasFatalFailure());
            for (const Wish& wish : demand_) {
                ASSERT_FALSE(pool_->has_waiting(wish));
            }
            step();
        }

        for (const auto& guest : taken_) {
            pool_->end(guest);
        }
        taken_.clear();
        while (!peers_.empty()) {
            lose(0);
        }
        EXPECT_EQ(pool_->running_count(), 0u);
        demand_.clear();
        pool_->set_demand({});
        std::array<FakeZygote, kProfiles> last;
        for (ProfileIndex profile = 0; profile < kProfiles; ++profile) {
            attach(last[profile], profile);
        }
        for (ProfileIndex i = 0; i < 2 * kProfiles; ++i) {
            serve(last[i % kProfiles]);
        }
        EXPECT_EQ(pool_->waiting_count(), kSlots);
        pool_->close();
        settle(io_);
    }
}

}  // namespace
}  // namespace snapjail::sched
