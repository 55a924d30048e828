#pragma once
// prepare_zygotes: from the operator's settings to all that zygotes are launched from: the tier
// that this host allows, the interpreters, and in tier `process` the places of guests. For `serve`,
// `run` and `doctor` alike.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/options.h"
#include "base/result.h"
#include "jail/cgroup/slots.h"
#include "jail/root/slot_places.h"
#include "jail/tier_choice.h"
#include "zygote/launcher.h"

namespace snapjail::app {

struct PreparedZygotes {
    jail::TierChoice choice;
    std::optional<jail::SlotPlaces> places;  // Tier `process`; outlives its zygotes.
    jail::cgroup::Slots cgroups;             // The same.
    std::vector<zygote::ZygoteSpec> specs;   // One for each profile, in their order.
    jail::PolicyUse seccomp_use = jail::PolicyUse::kJoined;
    std::uint32_t slots = 0;  // What was asked for, or as many as there are roots.
};

// kUnsupported: this host gives less than was asked for; the error names the flag that would help.
Result<PreparedZygotes> prepare_zygotes(const Options& options, std::uint32_t slots);

// The names of the walls that stand, separated by commas, as /health tells them.
std::string layer_names(const PreparedZygotes& prepared);

}  // namespace snapjail::app
