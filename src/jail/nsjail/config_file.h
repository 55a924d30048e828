#pragma once
// A configuration file, read and judged: what `check-config` prints and what `serve` starts with.

#include <string>

#include "base/result.h"
#include "jail/nsjail/settings_reader.h"

namespace snapjail::jail::nsjail {

struct ConfigFile {
    Diagnostics diagnostics;
    FileSettings settings;  // Not to be used where `diagnostics` has an error.
};

// What the operator says beside the file.
struct ConfigUse {
    PolicyUse seccomp = PolicyUse::kJoined;
    bool has_interpreter = false;  // PYTHON_BIN or --python names one.
    GuestStart start = GuestStart::kWarm;
};

// An Error only where the file cannot be read.
Result<ConfigFile> load_config_file(const std::string& path, const ConfigUse& use = {});

// What a job's jail will be, in plain words, a line for each.
std::string describe_jail(const FileSettings& settings);

// For tests: the text of a file, in surroundings of theirs.
ConfigFile judge_config(const std::string& text, const Surroundings& surroundings);

}  // namespace snapjail::jail::nsjail
