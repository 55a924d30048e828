#include "app/departures.h"

#include <gtest/gtest.h>

#include "app/front_link.h"
#include "jail/landlock.h"

namespace snapjail::app {
namespace {

std::string names(jail::Tier tier, const jail::ProcessPlaces& places,
                  std::uint32_t landlock_abi = jail::kLandlockScopes) {
    std::string joined;
    for (const Departure& departure : departures_of(tier, places, landlock_abi)) {
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

TEST(Departures, WithoutIdsProcessesAreWatchedAndModesStay) {
    EXPECT_EQ(names(jail::Tier::kProcess, {}), "tmp dev_shm processes modes ");
}

TEST(Departures, BeforeLandlockKnewSignalsTheyReachNobodyElse) {
    EXPECT_EQ(names(jail::Tier::kProcess, {}, jail::kLandlockScopes - 1),
              "tmp dev_shm processes modes signals ");
}

TEST(Departures, AllOfThemFitIntoTheFrontsSettings) {
    EXPECT_LT(to_lines(departures_of(jail::Tier::kProcess, {}, 1)).size(),
              sizeof(FrontSettings::departures));
}

TEST(Departures, OneLineForEach) {
    EXPECT_EQ(to_lines({{"a", "b c"}, {"d", "e=f"}}), "a=b c\nd=e=f\n");
    EXPECT_EQ(to_lines({}), "");
}

}  // namespace
}  // namespace snapjail::app
