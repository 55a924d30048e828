#pragma once
// SlotPlaces: where the guests of tier `process` live, one folder for each slot: a root to chroot
// into (made ahead by link_roots), or a folder of our own making. Prepared by the supervisor.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "jail/root/interpreter.h"
#include "jail/tier.h"
#include "jail/tier_choice.h"

namespace snapjail::jail {

struct SlotPlacesSettings {
    std::string roots_folder;  // Of link_roots.
    std::uint32_t slots = 0;
    const Interpreter* interpreter = nullptr;
    std::vector<std::string> readable;  // Beside what the interpreter needs.
    std::string own_wrapper;            // Contents of the operator's WRAPPER_PATH, if there is one.
};
constexpr const char* kOwnWrapperPath = "/snapjail/custom_wrapper.py";  // In a root.

// Owns what it has made: folders go with it. Roots stay, and are empty of jobs.
class SlotPlaces {
  public:
    // kUnsupported: no folder for jobs can be made here, or nothing would keep a guest to it.
    static Result<SlotPlaces> prepare(const TierChoice& choice, const SlotPlacesSettings& settings);

    SlotPlaces(SlotPlaces&& other) noexcept;
    SlotPlaces& operator=(SlotPlaces&&) = delete;
    ~SlotPlaces();

    const ProcessPlaces& places() const { return places_; }
    // As many as there are roots that no other service has; without roots, what was asked for.
    std::uint32_t slots() const { return slots_; }
    // Why guests have no root of their own; empty where they have.
    const std::string& why_no_roots() const { return why_no_roots_; }

  private:
    SlotPlaces() = default;
    Result<void> use_roots(const SlotPlacesSettings& settings);
    Result<void> make_folders(const SlotPlacesSettings& settings);

    ProcessPlaces places_;
    std::uint32_t slots_ = 0;
    std::vector<UniqueFd> held_roots_;  // Locked: another service takes others.
    std::string own_folder_;
    std::string why_no_roots_;
};

}  // namespace snapjail::jail
