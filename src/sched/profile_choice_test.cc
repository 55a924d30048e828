#include "sched/profile_choice.h"

#include <gtest/gtest.h>

namespace snapjail::sched {
namespace {

using Indexes = std::vector<ProfileIndex>;

Indexes choose(std::string_view profiles, std::string_view script) {
    auto parsed = zygote::parse_profiles(profiles);
    EXPECT_TRUE(parsed);
    Candidates candidates = ProfileChoice(*parsed).candidates_for(script);
    return {candidates.begin(), candidates.end()};
}

Indexes choose(std::string_view script) {
    return choose(zygote::kDefaultProfiles, script);
}

TEST(ProfileChoice, TheLeanestThatCoversTheImportsIsFirstAndTheRicherFollow) {
    EXPECT_EQ(choose("def main(): return 1"), (Indexes{0, 1, 2, 3}));
    EXPECT_EQ(choose("import sys, os, re, time"), (Indexes{0, 1, 2, 3}));
    EXPECT_EQ(choose("import json"), (Indexes{1, 2, 3}));
    EXPECT_EQ(choose("import numpy as np"), (Indexes{2, 3}));
    EXPECT_EQ(choose("import numpy.linalg, json"), (Indexes{2, 3}));
    EXPECT_EQ(choose("import pandas as pd"), Indexes{3});
    EXPECT_EQ(choose("import os\nimport numpy\nimport pandas"), Indexes{3});
}

TEST(ProfileChoice, WhatNoneHasChangesNothing) {
    EXPECT_EQ(choose("import nothing_known"), (Indexes{0, 1, 2, 3}));
    EXPECT_EQ(choose("import nothing_known, numpy"), (Indexes{2, 3}));
}

TEST(ProfileChoice, WhereNoneHasAllTheOneWithMostIsTaken) {
    EXPECT_EQ(choose("a=scipy;b=scipy,sympy;c=torch", "import scipy, sympy, torch"), Indexes{1});
}

TEST(ProfileChoice, ASubmoduleCountsAsItsPackage) {
    EXPECT_EQ(choose("a=;b=scipy.linalg", "from scipy import stats"), Indexes{1});
}

TEST(ProfileChoice, AnInterpreterOfItsOwnIsNeverTakenForBeingFree) {
    EXPECT_EQ(choose("a=;b=json@/x/python;c=json", "x = 1"), (Indexes{0, 2}));
    EXPECT_EQ(choose("a=;b=json@/x/python;c=json", "import json"), Indexes{1});
}

TEST(ProfileChoice, AModuleThatOnlyAnInterpreterOfItsOwnHasDrawsTheScriptThere) {
    EXPECT_EQ(
        choose("data=json,numpy,pandas;ml=torch@/x/python", "import json, numpy, pandas, torch"),
        Indexes{1});
}

}  // namespace
}  // namespace snapjail::sched
