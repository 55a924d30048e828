#pragma once
// Options: every setting of the program, with its default. Each is a flag and an environment
// variable; the flag wins. Nothing is read later than here, and nothing is looked up anywhere else.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "jail/jail_plan.h"
#include "jail/limits.h"
#include "jail/root/jail_settings.h"
#include "jail/seccomp_policy.h"
#include "jail/tier_choice.h"
#include "zygote/cgroup_choice.h"
#include "zygote/profile.h"

namespace CLI {
class App;
}

namespace snapjail::app {

struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;  // 0: any free one.
    std::string python_bin;     // Empty: to be found.
    std::string wrapper_path;
    std::vector<zygote::Profile> profiles = default_profiles();  // Leanest first.
    jail::GuestStart start = jail::GuestStart::kWarm;
    jail::Limits limits;
    zygote::CgroupUse cgroups = zygote::CgroupUse::kAuto;
    jail::JailSettings jail;  // Only NSJAIL_CONFIG changes these.
    jail::Isolation isolation = jail::Isolation::kAuto;
    std::string roots_folder = "/var/lib/snapjail/roots";  // Tier `process`.
    std::uint32_t roots = 16;                              // `make-roots`.
    std::size_t script_bytes_max = 204'800;
    std::uint32_t slots = default_slots();
    std::size_t queue_depth_max = 512;
    std::chrono::milliseconds queue_time_max{10'000};
    // From SIGTERM on. Platforms kill ten seconds after it, and the last answers take a moment.
    std::chrono::milliseconds drain_time_max{8'000};
    std::size_t connections_max = 4096;
    // A zygote's memory drifts from what it was warmed to, and so do the addresses that all its
    // guests share: 0 keeps it for ever.
    std::chrono::seconds zygote_lifetime{600};
    log::Level log_level = log::Level::kInfo;
    std::string nsjail_config;
    jail::PolicyUse seccomp_use = jail::PolicyUse::kJoined;
    std::set<std::string, std::less<>> given;  // Flags that were set, as such or as a variable.

    static std::uint32_t default_slots();
    static std::vector<zygote::Profile> default_profiles();
};

// What each of the commands takes. `options` must outlive `app`.
void add_serve_options(CLI::App& app, Options& options);
void add_run_options(CLI::App& app, Options& options);
void add_doctor_options(CLI::App& app, Options& options);
void add_check_config_options(CLI::App& app, Options& options);
void add_make_roots_options(CLI::App& app, Options& options);

// After parsing: reads NSJAIL_CONFIG, says what is to be said about it, and finds the interpreter.
// What was given as a flag or variable beats the file, the file beats the defaults.
Result<void> complete_options(Options& options);

// Names in `environment` (as environ(7) has it) that begin with SNAPJAIL_ and mean nothing to us.
std::vector<std::string> unknown_settings(const char* const* environment);

// The text of a flag as a number; nothing where it is none, has more behind it, or is out of range.
std::optional<std::uint64_t> parse_whole(std::string_view text, std::uint64_t at_least,
                                         std::uint64_t at_most);
// Seconds, with a fraction if need be, as milliseconds.
std::optional<std::chrono::milliseconds> parse_seconds(std::string_view text);

}  // namespace snapjail::app
