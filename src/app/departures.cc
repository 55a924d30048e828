#include "app/departures.h"

#include <algorithm>

namespace snapjail::app {

std::vector<Departure> departures_of(const jail::GuestHost& host, bool has_roots) {
    std::vector<Departure> departures;
    bool is_process = host.tier == jail::Tier::kProcess;
    if (is_process && !has_roots) {
        departures.push_back(kNoOwnTmp);
        departures.push_back(kNoSharedMemory);
    }
    if (is_process && !host.has_own_id) {
        departures.push_back(kProcessesAreWatched);
    }
    auto shared = jail::what_guests_share(host);
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
