#include "app/departures.h"

#include <gtest/gtest.h>

#include "app/front_link.h"
#include "jail/landlock.h"

namespace snapjail::app {
namespace {

std::string names(const jail::GuestHost& host, bool has_roots) {
    std::string joined;
    for (const Departure& departure : departures_of(host, has_roots)) {
        joined += std::string(departure.name) + " ";
    }
    return joined;
}

jail::GuestHost process_host(bool has_own_id, std::uint32_t landlock = jail::kLandlockScopes) {
    return {.tier = jail::Tier::kProcess, .has_own_id = has_own_id, .landlock_abi = landlock};
}

TEST(Departures, TierFullKeepsTheContractWhole) {
    EXPECT_EQ(names({}, false), "");
}

TEST(Departures, InGvisorModesStay) {
    EXPECT_EQ(names({.is_gvisor = true}, false), "modes ");
}

TEST(Departures, ARootAndAnIdForEachSlotKeepItWholeToo) {
    EXPECT_EQ(names(process_host(true), true), "");
}

TEST(Departures, WithoutRootsThereIsNoTmpAndNoSharedMemory) {
    EXPECT_EQ(names(process_host(true), false), "tmp dev_shm ");
}

TEST(Departures, WithoutIdsProcessesAreWatchedAndModesStay) {
    EXPECT_EQ(names(process_host(false), false), "tmp dev_shm processes modes ");
}

TEST(Departures, BeforeLandlockKnewSignalsTheyReachNobodyElse) {
    EXPECT_EQ(names(process_host(false, jail::kLandlockScopes - 1), false),
              "tmp dev_shm processes modes signals ");
}

TEST(Departures, AllOfThemFitIntoTheFrontsSettings) {
    EXPECT_LT(to_lines(departures_of(process_host(false, 1), false)).size(),
              sizeof(FrontSettings::departures));
}

TEST(Departures, OneLineForEach) {
    EXPECT_EQ(to_lines({{"a", "b c"}, {"d", "e=f"}}), "a=b c\nd=e=f\n");
    EXPECT_EQ(to_lines({}), "");
}

}  // namespace
}  // namespace snapjail::app
