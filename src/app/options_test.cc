#include "app/options.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>
#include <vector>

namespace snapjail::app {
namespace {

using namespace std::chrono_literals;

// Sets a variable for the length of a test.
class Variable {
  public:
    Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
    ~Variable() { ::unsetenv(name_); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

  private:
    const char* name_;
};

// What is wrong with a command line; empty if nothing is.
std::string parse(Options& options, std::vector<std::string> arguments) {
    CLI::App app;
    add_serve_options(app, options);
    try {
        std::reverse(arguments.begin(), arguments.end());  // As CLI11 wants a vector.
        app.parse(arguments);
    } catch (const CLI::ParseError& error) {
        return error.what();
    }
    return "";
}

std::string refusal(const std::string& argument) {
    Options options;
    return parse(options, {argument});
}

#ifndef SNAPJAIL_TEST_LAYERS
TEST(Options, NoReleaseKnowsHowToLeaveOutAWall) {
    EXPECT_NE(refusal("--without-layer=seccomp").find("not expected"), std::string::npos);
    EXPECT_NE(refusal("--broken-layer=seccomp").find("not expected"), std::string::npos);
    EXPECT_NE(refusal("--landlock-abi=1").find("not expected"), std::string::npos);

    jail::JailPlan plan;

    for (std::string_view name : jail::kLayerNames) {
        EXPECT_TRUE(plan.layers.stands(jail::find_layer(name).value())) << name;
        EXPECT_TRUE(plan.layers.is_expected(jail::find_layer(name).value())) << name;
    }
}
#endif

TEST(Options, DefaultsAreTheContracts) {
    Options options;

    ASSERT_EQ(parse(options, {}), "");

    EXPECT_EQ(options.port, 8080);
    EXPECT_EQ(options.host, "127.0.0.1");
    EXPECT_EQ(options.script_bytes_max, 204'800u);
    EXPECT_EQ(options.limits.wall_time_max, 6s);
    EXPECT_EQ(options.limits.cpu_time_max, 2s);
    EXPECT_EQ(options.limits.memory_bytes_max, 1024ull << 20);
    EXPECT_EQ(options.limits.tmp_bytes_max, 100ull << 20);
    EXPECT_EQ(options.limits.processes_max, 64u);
    EXPECT_EQ(options.limits.open_files_max, 256u);
    EXPECT_GE(options.slots, 8u);
}

TEST(Options, AreReadFromTheEnvironment) {
    Variable port("PORT", "9000");
    Variable time("SNAPJAIL_TIME_LIMIT", "0.5");
    Options options;

    ASSERT_EQ(parse(options, {}), "");

    EXPECT_EQ(options.port, 9000);
    EXPECT_EQ(options.limits.wall_time_max, 500ms);
}

TEST(Options, AFlagBeatsTheEnvironment) {
    Variable port("PORT", "9000");
    Options options;

    ASSERT_EQ(parse(options, {"--port=9001"}), "");

    EXPECT_EQ(options.port, 9001);
}

TEST(Options, ARefusalNamesFlagAndVariable) {
    Variable slots("SNAPJAIL_SLOTS", "8x");
    Options options;

    std::string why = parse(options, {});

    EXPECT_NE(why.find("SNAPJAIL_SLOTS"), std::string::npos) << why;
    EXPECT_NE(why.find("--slots"), std::string::npos) << why;
    EXPECT_NE(why.find("8x"), std::string::npos) << why;
}

TEST(Options, AreTakenAtTheirBoundsAndRefusedPastThem) {
    for (const char* taken :
         {"--port=0", "--port=65535", "--time-limit=0.001", "--time-limit=3600", "--slots=1",
          "--slots=4096", "--memory-limit=256", "--open-files=16", "--open-files=4096",
          "--script-bytes-max=16777216", "--zygote-lifetime=0", "--preload=none",
          "--preload=scipy,sympy", "--profiles=base=",
          "--profiles=base=;ml=stdlib,torch@/opt/ml/bin/python", "--host=::1"}) {
        EXPECT_EQ(refusal(taken), "") << taken;
    }
    for (const char* refused : {"--port=65536",
                                "--port=-1",
                                "--port=",
                                "--time-limit=0",
                                "--time-limit=0.0001",
                                "--time-limit=3600.1",
                                "--time-limit=-1",
                                "--time-limit=nan",
                                "--time-limit=inf",
                                "--time-limit=1e308",
                                "--time-limit=6s",
                                "--cpu-limit=1.5",
                                "--cpu-limit=0",
                                "--slots=0",
                                "--slots=4097",
                                "--memory-limit=255",
                                "--open-files=15",
                                "--open-files=4097",
                                "--script-bytes-max=16777217",
                                "--script-bytes-max=0",
                                "--queue=0",
                                "--mode=tepid",
                                "--isolation=none",
                                "--use-nsjail=0",
                                "--host=example.org",
                                "--preload=a;b=c-d",
                                "--preload=num-py",
                                "--profiles=",
                                "--profiles=numpy",
                                "--profiles=a=;a=",
                                "--profiles=a=b@",
                                "--log-level=loud",
                                "--no-such-flag"}) {
        EXPECT_NE(refusal(refused), "") << refused;
    }
}

std::string names_of(const std::vector<zygote::Profile>& profiles) {
    std::string names;
    for (const zygote::Profile& profile : profiles) {
        names += profile.name + " ";
    }
    return names;
}

TEST(Options, ProfilesAreLeanestFirstAndPreloadMakesTwo) {
    EXPECT_EQ(names_of(Options().profiles), "base stdlib numpy data ");

    Options preloading;
    EXPECT_EQ(parse(preloading, {"--preload=scipy"}), "");
    EXPECT_EQ(names_of(preloading.profiles), "base data ");
    EXPECT_EQ(preloading.profiles[1].modules.back(), "scipy");
    Options bare;
    EXPECT_EQ(parse(bare, {"--preload=none"}), "");
    EXPECT_EQ(names_of(bare.profiles), "base ");
}

TEST(Options, ProfilesAndPreloadAtOnceAreRefused) {
    Options options;
    options.python_bin = "/bin/sh";
    EXPECT_EQ(parse(options, {"--preload=scipy", "--profiles=base="}), "");

    auto refused = complete_options(options);

    ASSERT_FALSE(refused.has_value());
    EXPECT_STREQ(refused.error().operation, "SNAPJAIL_PRELOAD");
}

TEST(Options, ColdGuestsHaveOneProfileUnlessProfilesAreNamed) {
    Options cold;
    cold.python_bin = "/bin/sh";
    cold.start = jail::GuestStart::kCold;
    EXPECT_TRUE(complete_options(cold).has_value());
    EXPECT_EQ(names_of(cold.profiles), "cold ");

    Options named;
    named.python_bin = "/bin/sh";
    EXPECT_EQ(parse(named, {"--mode=cold", "--profiles=a=;b=json@/bin/sh"}), "");
    EXPECT_TRUE(complete_options(named).has_value());
    EXPECT_EQ(names_of(named.profiles), "a b ");
}

TEST(Options, AProfilesInterpreterIsFoundLikeTheUsualOne) {
    Options options;
    options.python_bin = "/bin/sh";
    EXPECT_EQ(parse(options, {"--profiles=a=json@no-such-python"}), "");

    EXPECT_FALSE(complete_options(options).has_value());
}

TEST(Options, ThereIsNoWayToRunAScriptUnjailed) {
    Options options;
    options.python_bin = "/bin/sh";
    EXPECT_TRUE(complete_options(options).has_value());

    Variable jailed("USE_NSJAIL", "");
    auto refused = complete_options(options);

    ASSERT_FALSE(refused.has_value());
    EXPECT_STREQ(refused.error().operation, "USE_NSJAIL");
}

TEST(Options, AnNsjailConfigurationThatIsNotThereIsRefused) {
    Options options;
    options.python_bin = "/bin/sh";
    options.nsjail_config = "/nowhere/nsjail.cfg";

    auto refused = complete_options(options);

    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().sys_errno, ENOENT);
}

TEST(Options, ReplacingTheSeccompFilterNeedsAPolicy) {
    Options options;
    options.python_bin = "sh";
    options.seccomp_use = jail::PolicyUse::kReplace;

    auto refused = complete_options(options);

    ASSERT_FALSE(refused.has_value());
    EXPECT_STREQ(refused.error().operation, "SNAPJAIL_SECCOMP");
}

TEST(Options, AnInterpreterIsFoundOnThePath) {
    Options options;
    options.python_bin = "sh";
    ASSERT_TRUE(complete_options(options).has_value());
    EXPECT_TRUE(options.python_bin.starts_with('/')) << options.python_bin;

    options.python_bin = "no-such-program";
    EXPECT_FALSE(complete_options(options).has_value());
}

TEST(Options, UnknownVariablesOfOursAreFoundByName) {
    const char* environment[] = {"SNAPJAIL_SLOTS=1", "SNAPJAIL_SLOT=1", "SNAPJAIL_LIBRARY=/x",
                                 "SNAPJAILED=1",     "PATH=/bin",       nullptr};

    EXPECT_EQ(unknown_settings(environment), std::vector<std::string>{"SNAPJAIL_SLOT"});
}

}  // namespace
}  // namespace snapjail::app
