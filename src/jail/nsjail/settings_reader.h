#pragma once
// From a configuration to what a jail is made of: every field is looked at, every doubt is said.

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "jail/limits.h"
#include "jail/nsjail/config_reader.h"
#include "jail/root/jail_settings.h"

namespace snapjail::jail::nsjail {

// What a file says. A limit that it does not name keeps the built-in default.
struct FileSettings {
    std::string name;
    std::string python_bin;  // Empty: not named.
    Limits limits;
    JailSettings jail;
};

// What is outside of the file; tests bring their own.
struct Surroundings {
    std::string folder;  // Where relative paths begin: the folder of the file.
    std::function<std::optional<std::string>(const std::string&)> variable;  // The environment.
    std::function<Result<std::string>(const std::string& path)> read_file;   // A policy's text.
    PolicyUse seccomp_use = PolicyUse::kJoined;  // What the operator wants of the policy.
    bool has_interpreter = false;                // Named elsewhere: the file's is not used.
    GuestStart start = GuestStart::kWarm;        // What a policy has to let them do.
};

// Adds to `text.diagnostics`. With an error among them the settings are not to be used.
FileSettings read_settings(ConfigText& text, const Surroundings& surroundings);

// The parts of it. Each adds what it has to say.
void read_rlimits(ConfigText& text, Limits& limits);
void read_cgroups(ConfigText& text, FileSettings& settings);
void read_environment(ConfigText& text, const Surroundings& surroundings, FileSettings& settings);
// After the mounts: a script begins in a folder of theirs, or in one of the jail's own.
void judge_cwd(ConfigText& text, const FileSettings& settings);
void read_mounts(ConfigText& text, const Surroundings& surroundings, FileSettings& settings);
void read_seccomp(ConfigText& text, const Surroundings& surroundings, FileSettings& settings);

}  // namespace snapjail::jail::nsjail
