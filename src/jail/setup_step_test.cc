#include "jail/setup_step.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace snapjail::jail {
namespace {

constexpr auto kLast = static_cast<std::uint32_t>(SetupStep::kCgroup);

TEST(SetupStep, EachHasANameOfItsOwn) {
    std::set<std::string> names;
    for (std::uint32_t number = 0; number <= kLast; ++number) {
        EXPECT_TRUE(names.insert(to_string(static_cast<SetupStep>(number))).second) << number;
    }
    EXPECT_FALSE(names.contains("unknown step"));
}

TEST(SetupStep, ANumberFromAProcessThatLiesIsAnUnknownStep) {
    EXPECT_STREQ(to_string(static_cast<SetupStep>(kLast + 1)), "unknown step");
    EXPECT_STREQ(to_string(static_cast<SetupStep>(0xffffffff)), "unknown step");
}

}  // namespace
}  // namespace snapjail::jail
