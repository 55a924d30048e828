#include "app/departures.h"

#include <gtest/gtest.h>

namespace snapjail::app {
namespace {

std::string names(jail::Tier tier, const jail::ProcessPlaces& places) {
    std::string joined;
    for (const Departure& departure : departures_of(tier, places)) {
        joined += std::string(departure.name) + " ";
    }
    return joined;
}

TEST(Departures, TierFullKeepsTheContractWhole) {
    EXPECT_EQ(names(jail::Tier::kFull, {}), "");
}

TEST(Departures, ARootAndAnIdForEachSlotKeepItWholeToo) {
    jail::ProcessPlaces places;
    places.has_roots = 1;
    places.slot_uid_first = 20'000;

    EXPECT_EQ(names(jail::Tier::kProcess, places), "");
}

TEST(Departures, WithoutRootsThereIsNoTmpAndNoSharedMemory) {
    jail::ProcessPlaces places;
    places.slot_uid_first = 20'000;

    EXPECT_EQ(names(jail::Tier::kProcess, places), "tmp dev_shm ");
}

TEST(Departures, WithoutIdsProcessesAreWatchedToo) {
    EXPECT_EQ(names(jail::Tier::kProcess, {}), "tmp dev_shm processes ");
}

TEST(Departures, OneLineForEach) {
    EXPECT_EQ(to_lines({{"a", "b c"}, {"d", "e=f"}}), "a=b c\nd=e=f\n");
    EXPECT_EQ(to_lines({}), "");
}

}  // namespace
}  // namespace snapjail::app
