#include "zygote/profile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace snapjail::zygote {
namespace {

std::string why_refused(std::string_view text) {
    auto profiles = parse_profiles(text);
    return profiles ? "" : profiles.error().detail;
}

bool has_module(const Profile& profile, std::string_view name) {
    return std::count(profile.modules.begin(), profile.modules.end(), name) == 1;
}

TEST(Profiles, TheDefaultOnesAreTheLeanestFirst) {
    auto profiles = parse_profiles(kDefaultProfiles);

    ASSERT_TRUE(profiles);
    ASSERT_EQ(profiles->size(), 4u);
    EXPECT_EQ((*profiles)[0].name, "base");
    EXPECT_TRUE((*profiles)[0].modules.empty());
    EXPECT_TRUE(has_module((*profiles)[1], "json"));
    EXPECT_FALSE(has_module((*profiles)[1], "numpy"));
    EXPECT_TRUE(has_module((*profiles)[2], "numpy"));
    EXPECT_FALSE(has_module((*profiles)[2], "pandas"));
    EXPECT_EQ((*profiles)[3].name, "data");
    EXPECT_TRUE(has_module((*profiles)[3], "pandas"));
    EXPECT_TRUE(has_module((*profiles)[3], "json"));
}

TEST(Profiles, AnInterpreterStandsBehindTheModules) {
    auto profiles = parse_profiles(" base = ; ml = torch , json @ /opt/ml/bin/python ");

    ASSERT_TRUE(profiles);
    EXPECT_EQ((*profiles)[0].python_bin, "");
    EXPECT_EQ((*profiles)[1].name, "ml");
    EXPECT_EQ((*profiles)[1].modules, (std::vector<std::string>{"torch", "json"}));
    EXPECT_EQ((*profiles)[1].python_bin, "/opt/ml/bin/python");
}

TEST(Profiles, AsTextAreTheSameProfiles) {
    auto profiles = parse_profiles("base=;data=stdlib,numpy;ml=torch@/opt/ml/bin/python");
    ASSERT_TRUE(profiles);

    auto again = parse_profiles(to_text(*profiles));

    ASSERT_TRUE(again);
    ASSERT_EQ(again->size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ((*again)[i].name, (*profiles)[i].name);
        EXPECT_EQ((*again)[i].modules, (*profiles)[i].modules);
        EXPECT_EQ((*again)[i].python_bin, (*profiles)[i].python_bin);
    }
}

TEST(Profiles, WhatIsWrongIsNamed) {
    EXPECT_NE(why_refused("").find("has 0 profiles"), std::string::npos);
    EXPECT_NE(why_refused("numpy").find("'numpy', where NAME=MODULE"), std::string::npos);
    EXPECT_NE(why_refused("=numpy").find("NAME=MODULE"), std::string::npos);
    EXPECT_NE(why_refused("a b=numpy").find("NAME=MODULE"), std::string::npos);
    EXPECT_NE(why_refused("a=num-py").find("'num-py', which is not the name"), std::string::npos);
    EXPECT_NE(why_refused("a=json@").find("no interpreter behind the @ of 'a'"), std::string::npos);
    EXPECT_NE(why_refused("a=;b=;a=json").find("two profiles named 'a'"), std::string::npos);
}

TEST(Profiles, AreAtMostEightWithNamesOfAtMostThirtyOneBytes) {
    EXPECT_EQ(why_refused("a=;b=;c=;d=;e=;f=;g=;h="), "");
    EXPECT_NE(why_refused("a=;b=;c=;d=;e=;f=;g=;h=;i=").find("has 9 profiles"), std::string::npos);
    EXPECT_EQ(why_refused(std::string(31, 'n') + "="), "");
    EXPECT_NE(why_refused(std::string(32, 'n') + "="), "");
}

TEST(Profiles, NoModuleOfTheBaseIsListedAgain) {
    auto base = split_words(kBaseModules, ',');
    for (const std::string& module : split_words(kStandardModules, ',')) {
        EXPECT_EQ(std::count(base.begin(), base.end(), module), 0) << module;
    }
}

}  // namespace
}  // namespace snapjail::zygote
