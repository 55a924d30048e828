#pragma once
// ProfileChoice: which zygotes' guests will do for a script, leanest first. A guess by what the
// script says it imports: a wrong one costs time. Where a profile has an interpreter of its own it
// decides more: a module that only such profiles list draws the script there, whatever else it
// imports; and a script is never sent to another interpreter because that one is free.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "zygote/profile.h"

namespace snapjail::sched {

using ProfileIndex = std::uint32_t;

// Indexes of profiles, each once, the best first. Never empty.
class Candidates {
  public:
    explicit Candidates(ProfileIndex first = 0) : indexes_{first}, count_(1) {}

    void add(ProfileIndex index);
    ProfileIndex first() const { return indexes_[0]; }
    bool has(ProfileIndex index) const;
    std::size_t count() const { return count_; }
    const ProfileIndex* begin() const { return indexes_.data(); }
    const ProfileIndex* end() const { return indexes_.data() + count_; }

  private:
    std::array<ProfileIndex, zygote::kProfilesMax> indexes_{};
    std::size_t count_ = 0;
};

class ProfileChoice {
  public:
    // In their order, leanest first. At least one, at most zygote::kProfilesMax.
    explicit ProfileChoice(const std::vector<zygote::Profile>& profiles);

    // Those that have most of what the script imports. Takes time with the script's length: some
    // 50 us for the largest.
    Candidates candidates_for(std::string_view script) const;

  private:
    struct Module {
        std::uint32_t profiles = 0;  // One bit for each that has it.
        std::uint32_t weight = 0;
    };
    std::vector<std::string> interpreters_;            // Of each profile; empty: the service's own.
    std::unordered_map<std::string, Module> modules_;  // But for those that all have.
};

}  // namespace snapjail::sched
