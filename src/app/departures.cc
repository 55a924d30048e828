#include "app/departures.h"

#include <algorithm>

#include "jail/seccomp_policy.h"

namespace snapjail::app {

std::vector<Departure> departures_of(jail::Tier tier, const jail::ProcessPlaces& places,
                                     std::uint32_t landlock_abi) {
    std::vector<Departure> departures;
    if (tier == jail::Tier::kFull) {
        return departures;
    }
    if (places.has_roots == 0) {
        departures.push_back(kNoOwnTmp);
        departures.push_back(kNoSharedMemory);
    }
    bool has_own_id = places.slot_uid_first != 0;
    if (!has_own_id) {
        departures.push_back(kProcessesAreWatched);
    }
    auto shared = jail::what_guests_share(has_own_id, landlock_abi);
    auto shares = [&](jail::Shared one) { return std::ranges::find(shared, one) != shared.end(); };
    if (shares(jail::Shared::kIds)) {
        departures.push_back(kModesStay);
    }
    if (shares(jail::Shared::kSignals)) {
        departures.push_back(kSignalsItself);
    }
    return departures;
}

std::string to_lines(const std::vector<Departure>& departures) {
    std::string lines;
    for (const Departure& departure : departures) {
        lines += std::string(departure.name) + "=" + std::string(departure.what) + "\n";
    }
    return lines;
}

}  // namespace snapjail::app
