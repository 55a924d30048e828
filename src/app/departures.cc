#include "app/departures.h"

namespace snapjail::app {

std::vector<Departure> departures_of(jail::Tier tier, const jail::ProcessPlaces& places) {
    std::vector<Departure> departures;
    if (tier == jail::Tier::kFull) {
        return departures;
    }
    if (places.has_roots == 0) {
        departures.push_back(kNoOwnTmp);
        departures.push_back(kNoSharedMemory);
    }
    if (places.slot_uid_first == 0) {
        departures.push_back(kProcessesAreWatched);
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
