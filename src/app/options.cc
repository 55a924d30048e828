#include "app/options.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <thread>

#include "app/front_link.h"
#include "app/library_folder.h"
#include "jail/landlock.h"
#include "jail/nsjail/config_file.h"

namespace snapjail::app {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr std::uint64_t kMiBMax = kMiB;        // 1 TiB: more is a slip of the pen.
constexpr std::uint64_t kSecondsMax = 3600;    // An hour is no longer a request.
constexpr std::uint64_t kProcessesMax = 4096;  // For one job, of the host's 32,768.
constexpr std::uint64_t kSlotsMax = 4096;      // zygote::kSlotsMax.
constexpr std::uint64_t kMemoryMiBMin = 256;   // NumPy's libraries alone reserve some 200.
constexpr std::uint64_t kOpenFilesMin = 16;
constexpr std::uint64_t kOpenFilesMax = 4096;

// Known, but not among the flags: where the program finds its own Python files.
constexpr std::string_view kLibraryVariable = "SNAPJAIL_LIBRARY";

struct Setting {
    const char* flag;
    const char* variable;
    const char* unit;
    const char* description;
};

struct Range {
    std::uint64_t at_least;
    std::uint64_t at_most;
};

[[noreturn]] void refuse(const Setting& setting, const std::string& text, const std::string& why) {
    throw CLI::ValidationError(std::string(setting.variable) + " (" + setting.flag + ")",
                               "'" + text + "' " + why);
}

// Declares settings on one command, group by group.
class Declarer {
  public:
    Declarer(CLI::App& app, Options& options) : app_(app), given_(options.given) {}

    void group(const char* name) { group_ = name; }

    void text(const Setting& setting, const std::string& shown_default,
              const std::function<void(const std::string&)>& take) {
        auto take_and_note = [given = &given_, setting, take](const std::string& text) {
            take(text);
            given->insert(setting.flag);
        };
        app_.add_option_function<std::string>(setting.flag, take_and_note, setting.description)
            ->envname(setting.variable)
            ->type_name(setting.unit)
            ->default_str(shown_default)
            ->group(group_);
    }

    void whole(const Setting& setting, Range range, std::uint64_t shown_default,
               std::function<void(std::uint64_t)> take) {
        text(setting, std::to_string(shown_default),
             [setting, range, take = std::move(take)](const std::string& given) {
                 auto number = parse_whole(given, range.at_least, range.at_most);
                 if (!number) {
                     refuse(setting, given,
                            "is not a whole number from " + std::to_string(range.at_least) +
                                " to " + std::to_string(range.at_most));
                 }
                 take(*number);
             });
    }

    void mebibytes(const Setting& setting, std::uint64_t at_least, std::uint64_t& bytes) {
        whole(setting, {at_least, kMiBMax}, bytes / kMiB,
              [&bytes](std::uint64_t count) { bytes = count * kMiB; });
    }

    void seconds(const Setting& setting, std::chrono::milliseconds& time) {
        std::string shown = std::to_string(time.count() / 1000);
        text(setting, shown, [setting, &time](const std::string& given) {
            auto parsed = parse_seconds(given);
            if (!parsed) {
                refuse(setting, given, "is not a number of seconds from 0.001 to 3600");
            }
            time = *parsed;
        });
    }

    // One word of several; `take` gets its index.
    void choice(const Setting& setting, std::vector<std::string> words, std::size_t shown_default,
                std::function<void(std::size_t)> take) {
        std::string shown = words[shown_default];
        text(setting, shown,
             [setting, words = std::move(words), take = std::move(take)](const std::string& given) {
                 auto found = std::find(words.begin(), words.end(), given);
                 if (found == words.end()) {
                     std::string all;
                     for (const std::string& word : words) {
                         all += (all.empty() ? "" : ", ") + word;
                     }
                     refuse(setting, given, "is none of: " + all);
                 }
                 take(static_cast<std::size_t>(found - words.begin()));
             });
    }

  private:
    CLI::App& app_;
    std::set<std::string, std::less<>>& given_;
    std::string group_;
};

bool is_address(const std::string& text) {
    std::array<unsigned char, sizeof(in6_addr)> ignored{};
    return ::inet_pton(AF_INET, text.c_str(), ignored.data()) == 1 ||
           ::inet_pton(AF_INET6, text.c_str(), ignored.data()) == 1;
}

void add_listening(Declarer& declare, Options& options) {
    declare.group("Where it listens");
    declare.whole({"--port", "PORT", "NUMBER", "TCP port; 0 takes any free one and logs it."},
                  {0, 65535}, options.port,
                  [&](std::uint64_t port) { options.port = static_cast<std::uint16_t>(port); });
    Setting host{"--host", "SNAPJAIL_HOST", "ADDRESS",
                 "IP address to listen on. 0.0.0.0 opens it to the network: it runs anybody's "
                 "code."};
    declare.text(host, options.host, [&options, host](const std::string& text) {
        options.host = text == "localhost" ? "127.0.0.1" : text;
        if (!is_address(options.host)) {
            refuse(host, text, "is not an IP address");
        }
    });
}

void add_interpreter_path(Declarer& declare, Options& options) {
    declare.text({"--python", "PYTHON_BIN", "PATH",
                  "CPython 3.9 or newer, a virtual environment's too: what it can import, scripts "
                  "can. Unless set: .venv of the checkout this was built in, else python3."},
                 options.python_bin, [&](const std::string& text) { options.python_bin = text; });
}

std::vector<zygote::Profile> profiles_or_refuse(const Setting& setting, const std::string& given,
                                                const std::string& text) {
    auto profiles = zygote::parse_profiles(text);
    if (!profiles) {
        refuse(setting, given, profiles.error().detail);
    }
    if (to_text(*profiles).size() > kProfilesTextBytesMax) {
        refuse(setting, given,
               "comes to more than " + std::to_string(kProfilesTextBytesMax) + " bytes");
    }
    return std::move(*profiles);
}

void add_interpreter(Declarer& declare, Options& options) {
    declare.group("What runs the scripts");
    add_interpreter_path(declare, options);
    declare.text({"--wrapper", "WRAPPER_PATH", "PATH",
                  "Your own program to run a script with, called as `wrapper script.py "
                  "result.json`."},
                 "", [&](const std::string& text) { options.wrapper_path = text; });
    bool is_warm = options.start == jail::GuestStart::kWarm;
    declare.choice({"--mode", "SNAPJAIL_MODE", "warm|cold",
                    "warm: forked from an interpreter that has its imports done. cold: a fresh "
                    "interpreter\nfor each job, slower, with memory addresses of its own."},
                   {"warm", "cold"}, is_warm ? 0 : 1, [&](std::size_t index) {
                       options.start =
                           index == 0 ? jail::GuestStart::kWarm : jail::GuestStart::kCold;
                   });
    Setting profiles{
        "--profiles", "SNAPJAIL_PROFILES", "PROFILES",
        "The warm interpreters, leanest first, as NAME=MODULE,MODULE;NAME=...: a job goes to the "
        "first\nthat has what its script imports. `stdlib` stands for the usual standard modules; "
        "@PATH behind\nthe modules names an interpreter of its own."};
    declare.text(profiles, std::string(zygote::kDefaultProfiles),
                 [&options, profiles](const std::string& text) {
                     options.profiles = profiles_or_refuse(profiles, text, text);
                 });
    Setting preload{"--preload", "SNAPJAIL_PRELOAD", "MODULES",
                    "Short for two profiles: base, and data with stdlib and these modules; none "
                    "for base alone."};
    declare.text(preload, "", [&options, preload](const std::string& text) {
        std::string both = text == "none" ? "base=" : "base=;data=stdlib," + text;
        options.profiles = profiles_or_refuse(preload, text, both);
    });
}

void add_limits(Declarer& declare, Options& options) {
    jail::Limits& limits = options.limits;
    declare.group("Limits of one job");
    declare.seconds({"--time-limit", "SNAPJAIL_TIME_LIMIT", "SECONDS",
                     "Time by the clock, from the script's start to its answer; 0.5 is fine."},
                    limits.wall_time_max);
    declare.whole({"--cpu-limit", "SNAPJAIL_CPU_LIMIT", "SECONDS",
                   "Processor time of each process; whole seconds."},
                  {1, kSecondsMax}, static_cast<std::uint64_t>(limits.cpu_time_max.count()),
                  [&](std::uint64_t count) {
                      limits.cpu_time_max = std::chrono::seconds(static_cast<std::int64_t>(count));
                  });
    declare.mebibytes({"--memory-limit", "SNAPJAIL_MEMORY_LIMIT", "MIB",
                       "Address space of each process, its libraries included; at least 256."},
                      kMemoryMiBMin, limits.memory_bytes_max);
    declare.mebibytes({"--tmp-limit", "SNAPJAIL_TMP_LIMIT", "MIB", "All of /tmp, together."}, 1,
                      limits.tmp_bytes_max);
    declare.mebibytes({"--file-limit", "SNAPJAIL_FILE_LIMIT", "MIB", "The largest single file."}, 1,
                      limits.file_bytes_max);
    declare.whole(
        {"--processes", "SNAPJAIL_PROCESSES", "NUMBER", "Processes and threads at a time."},
        {1, kProcessesMax}, limits.processes_max,
        [&](std::uint64_t count) { limits.processes_max = count; });
    declare.whole({"--open-files", "SNAPJAIL_OPEN_FILES", "NUMBER",
                   "Open files of each process, from 16 to 4096."},
                  {kOpenFilesMin, kOpenFilesMax}, limits.open_files_max,
                  [&](std::uint64_t count) { limits.open_files_max = count; });
    declare.whole({"--script-bytes-max", "SCRIPT_BYTES_MAX", "BYTES",
                   "The largest script that is accepted, up to 16 MiB."},
                  {1, 16 * kMiB}, options.script_bytes_max,
                  [&](std::uint64_t count) { options.script_bytes_max = count; });
}

void add_capacity(Declarer& declare, Options& options) {
    declare.group("How much at a time");
    declare.whole({"--slots", "SNAPJAIL_SLOTS", "NUMBER",
                   "Jobs that run at a time; four for each processor, at least 8, unless set."},
                  {1, kSlotsMax}, options.slots,
                  [&](std::uint64_t count) { options.slots = static_cast<std::uint32_t>(count); });
    declare.whole({"--queue", "SNAPJAIL_QUEUE", "NUMBER",
                   "Jobs that may wait for a slot; the next one is answered 503."},
                  {1, 100'000}, options.queue_depth_max,
                  [&](std::uint64_t count) { options.queue_depth_max = count; });
    declare.seconds({"--queue-time", "SNAPJAIL_QUEUE_TIME", "SECONDS",
                     "How long a job may wait before it is answered 503."},
                    options.queue_time_max);
    declare.seconds(
        {"--drain-time", "SNAPJAIL_DRAIN_TIME", "SECONDS",
         "After SIGTERM: how long jobs that run may go on before they are answered 500. "
         "The process\nis gone a second later at the latest."},
        options.drain_time_max);
    declare.whole({"--connections", "SNAPJAIL_CONNECTIONS", "NUMBER",
                   "HTTP connections that may be open at a time."},
                  {1, 65'536}, options.connections_max,
                  [&](std::uint64_t count) { options.connections_max = count; });
}

void add_seccomp(Declarer& declare, Options& options) {
    declare.choice(
        {"--seccomp", "SNAPJAIL_SECCOMP", "joined|replace",
         "What becomes of the seccomp policy in that file. joined: the stricter answer "
         "counts, its\nor Snapjail's. replace: it stands in place of the guest's "
         "filter, and may be weaker."},
        {"joined", "replace"}, static_cast<std::size_t>(options.seccomp_use),
        [&](std::size_t index) { options.seccomp_use = static_cast<jail::PolicyUse>(index); });
}

void add_roots_folder(Declarer& declare, Options& options) {
    declare.text({"--roots", "SNAPJAIL_ROOTS", "PATH",
                  "Tier process: where `snapjail make-roots` has laid a root for each slot."},
                 options.roots_folder,
                 [&](const std::string& text) { options.roots_folder = text; });
}

void add_isolation(Declarer& declare, Options& options) {
    declare.group("Isolation");
    declare.choice(
        {"--isolation", "SNAPJAIL_ISOLATION", "auto|full|process",
         "auto: the strongest tier that this host allows. full: namespaces and a root of "
         "its own, or no start.\nprocess: without namespaces, as in a plain `docker run`. "
         "`snapjail doctor` says what is missing."},
        {"auto", "full", "process"}, static_cast<std::size_t>(options.isolation),
        [&](std::size_t index) { options.isolation = static_cast<jail::Isolation>(index); });
    add_roots_folder(declare, options);
    declare.choice({"--cgroups", "SNAPJAIL_CGROUPS", "auto|off|require",
                    "auto: bound the memory and processes of each job as a whole where this host "
                    "lets us make\ncgroups. require: that, or no start."},
                   {"auto", "off", "require"}, 0, [&](std::size_t index) {
                       options.cgroups = static_cast<zygote::CgroupUse>(index);
                   });
    Setting jailed{"--use-nsjail", "USE_NSJAIL", "1",
                   "Only 1 is accepted: there is no way to run a script unjailed."};
    declare.text(jailed, "1", [jailed](const std::string& text) {
        if (text != "1") {
            refuse(jailed, text, "is not 1: there is no way to run a script unjailed");
        }
    });
    declare.text({"--nsjail-config", "NSJAIL_CONFIG", "PATH",
                  "A configuration in nsjail's format: limits, mounts, environment, seccomp. Flags "
                  "and variables\nbeat it, it beats the defaults; `snapjail check-config FILE` "
                  "says what it comes to."},
                 "", [&](const std::string& text) { options.nsjail_config = text; });
    add_seccomp(declare, options);
}

// Only in a build for the tests of the walls: in every other the flag is unknown.
void add_layers_off([[maybe_unused]] CLI::App& app, [[maybe_unused]] Options& options) {
#ifdef SNAPJAIL_TEST_LAYERS
    auto declare = [&](const char* flag, void (jail::LayerSet::*leave_out)(jail::Layer)) {
        auto take = [&options, flag, leave_out](const std::vector<std::string>& names) {
            for (const std::string& name : names) {
                auto layer = jail::find_layer(name);
                if (!layer) {
                    throw CLI::ValidationError(flag, "'" + name + "' is no layer");
                }
                (options.jail.layers.*leave_out)(*layer);
            }
        };
        app.add_option_function<std::vector<std::string>>(flag, take, "For tests of the walls.");
    };
    declare("--without-layer", &jail::LayerSet::switch_off);
    declare("--broken-layer", &jail::LayerSet::break_unnoticed);
    app.add_option_function<std::uint32_t>("--landlock-abi", jail::pretend_landlock_abi,
                                           "For tests of the walls.");
#endif
}

void add_log_level(Declarer& declare, Options& options) {
    declare.choice(
        {"--log-level", "SNAPJAIL_LOG_LEVEL", "LEVEL",
         "Lowest level that is logged: debug, info, warning or error. JSON lines on stderr."},
        {"debug", "info", "warning", "error"}, static_cast<std::size_t>(options.log_level),
        [&](std::size_t index) { options.log_level = static_cast<log::Level>(index); });
}

void add_operation(Declarer& declare, Options& options) {
    declare.group("Operation");
    declare.whole({"--zygote-lifetime", "SNAPJAIL_ZYGOTE_LIFETIME", "SECONDS",
                   "Age at which the warm interpreter is replaced, unnoticed; 0: never."},
                  {0, 86'400}, static_cast<std::uint64_t>(options.zygote_lifetime.count()),
                  [&](std::uint64_t count) {
                      options.zygote_lifetime =
                          std::chrono::seconds(static_cast<std::int64_t>(count));
                  });
    add_log_level(declare, options);
}

// As check-config prints it, and with what flags and variables say instead.
void log_jail(const jail::nsjail::FileSettings& settings) {
    std::istringstream lines(describe_jail(settings));
    for (std::string line; std::getline(lines, line);) {
        std::size_t name = std::min(line.find_first_not_of(' '), line.size());
        std::size_t name_end = std::min(line.find("  ", name), line.size());
        std::size_t text = std::min(line.find_first_not_of(' ', name_end), line.size());
        log::info("jail", {{"of", line.substr(name, name_end - name)}, {"is", line.substr(text)}});
    }
}

// Says what is to be said about the file, and puts what it says where no flag or variable does.
Result<void> apply_config_file(Options& options) {
    const std::string& path = options.nsjail_config;
    using jail::nsjail::Severity;
    auto file = TRY(
        jail::nsjail::load_config_file(path, {.seccomp = options.seccomp_use,
                                              .has_interpreter = options.given.contains("--python"),
                                              .start = options.start}));
    log::start("config", options.log_level);
    std::size_t errors = 0;
    for (const auto& one : file.diagnostics.all()) {
        bool is_error = one.severity == Severity::kError;
        errors += is_error ? 1 : 0;
        auto level = is_error                             ? log::Level::kError
                     : one.severity == Severity::kWarning ? log::Level::kWarning
                                                          : log::Level::kInfo;
        log::write(level, "configuration", {{"problem", to_line(path, one)}});
    }
    if (errors > 0) {
        return Error{ErrorKind::kInvalid, "NSJAIL_CONFIG", 0,
                     path + " is refused, for " + std::to_string(errors) +
                         (errors == 1 ? " reason" : " reasons") +
                         " that the lines above give; `snapjail check-config " + path +
                         "` repeats them"};
    }
    auto given = [&](const char* flag) { return options.given.contains(flag); };
    jail::Limits limits = file.settings.limits;
    const jail::Limits& set = options.limits;
    limits.wall_time_max = given("--time-limit") ? set.wall_time_max : limits.wall_time_max;
    limits.cpu_time_max = given("--cpu-limit") ? set.cpu_time_max : limits.cpu_time_max;
    limits.memory_bytes_max =
        given("--memory-limit") ? set.memory_bytes_max : limits.memory_bytes_max;
    limits.file_bytes_max = given("--file-limit") ? set.file_bytes_max : limits.file_bytes_max;
    limits.tmp_bytes_max = given("--tmp-limit") ? set.tmp_bytes_max : limits.tmp_bytes_max;
    limits.processes_max = given("--processes") ? set.processes_max : limits.processes_max;
    limits.open_files_max = given("--open-files") ? set.open_files_max : limits.open_files_max;
    options.limits = limits;
    if (given("--python")) {
        file.settings.python_bin.clear();
    } else if (!file.settings.python_bin.empty()) {
        options.python_bin = file.settings.python_bin;
    }
    file.settings.limits = limits;
    log_jail(file.settings);
    options.jail = std::move(file.settings.jail);
    return {};
}

// A version manager's shim is a script that wants an environment of its own, which a guest has not.
bool is_script(const std::string& path) {
    std::array<char, 2> start{};
    std::ifstream file(path, std::ios::binary);
    return file.read(start.data(), start.size()) && start[0] == '#' && start[1] == '!';
}

// As a shell would find it. A virtual environment is known by its link's name: not resolved.
Result<std::string> find_program(const std::string& name) {
    if (name.find('/') != std::string::npos) {
        return std::filesystem::absolute(name).lexically_normal().string();
    }
    const char* path = std::getenv("PATH");
    std::string folders = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
    for (std::size_t at = 0; at <= folders.size();) {
        std::size_t end = std::min(folders.find(':', at), folders.size());
        std::string candidate = folders.substr(at, end - at) + "/" + name;
        if (candidate.front() == '/' && ::access(candidate.c_str(), X_OK) == 0 &&
            !is_script(candidate)) {
            return std::filesystem::path(candidate).lexically_normal().string();
        }
        at = end + 1;
    }
    return Error{ErrorKind::kInvalid, "find PYTHON_BIN", 0,
                 "there is no " + name + " on the PATH; --python=PATH names one"};
}

Result<void> complete_profiles(Options& options) {
    if (options.given.contains("--profiles") && options.given.contains("--preload")) {
        return Error{ErrorKind::kInvalid, "SNAPJAIL_PRELOAD", 0,
                     "says in short what SNAPJAIL_PROFILES says too: set one of them"};
    }
    // Who starts cold has nothing imported: without interpreters of their own all are alike.
    if (options.start == jail::GuestStart::kCold && !options.given.contains("--profiles")) {
        options.profiles = {{.name = "cold", .modules = {}, .python_bin = {}}};
    }
    for (zygote::Profile& profile : options.profiles) {
        if (!profile.python_bin.empty()) {
            profile.python_bin = TRY(find_program(profile.python_bin));
        }
    }
    return {};
}

}  // namespace

std::vector<zygote::Profile> Options::default_profiles() {
    return zygote::parse_profiles(zygote::kDefaultProfiles).value();
}

std::uint32_t Options::default_slots() {
    // Most jobs wait or are short: four for each processor keep it busy.
    return std::clamp<std::uint32_t>(4 * std::thread::hardware_concurrency(), 8, kSlotsMax);
}

void add_serve_options(CLI::App& app, Options& options) {
    Declarer declare(app, options);
    add_listening(declare, options);
    add_interpreter(declare, options);
    add_limits(declare, options);
    add_capacity(declare, options);
    add_isolation(declare, options);
    add_layers_off(app, options);
    add_operation(declare, options);
}

void add_run_options(CLI::App& app, Options& options) {
    Declarer declare(app, options);
    add_interpreter(declare, options);
    add_limits(declare, options);
    add_isolation(declare, options);
    add_layers_off(app, options);
    declare.group("Operation");
    add_log_level(declare, options);
}

void add_doctor_options(CLI::App& app, Options& options) {
    Declarer declare(app, options);
    add_interpreter(declare, options);
    add_isolation(declare, options);
}

void add_make_roots_options(CLI::App& app, Options& options) {
    Declarer declare(app, options);
    declare.group("What the roots hold");
    add_interpreter_path(declare, options);
    add_roots_folder(declare, options);
    declare.whole({"--count", "SNAPJAIL_ROOTS_COUNT", "NUMBER", "How many: one for each slot."},
                  {1, kSlotsMax}, options.roots,
                  [&](std::uint64_t count) { options.roots = static_cast<std::uint32_t>(count); });
}

void add_check_config_options(CLI::App& app, Options& options) {
    Declarer declare(app, options);
    declare.group("Isolation");
    add_seccomp(declare, options);
}

Result<void> complete_options(Options& options) {
    // CLI11 takes a variable that is set and empty for one that is not set. Here that is a guess.
    const char* jailed = std::getenv("USE_NSJAIL");
    if (jailed != nullptr && std::string_view(jailed) != "1") {
        return Error{ErrorKind::kInvalid, "USE_NSJAIL", 0,
                     "only 1 is accepted: there is no way to run a script unjailed"};
    }
    if (!options.nsjail_config.empty()) {
        TRY(apply_config_file(options));
    } else if (options.seccomp_use == jail::PolicyUse::kReplace) {
        return Error{ErrorKind::kInvalid, "SNAPJAIL_SECCOMP", 0,
                     "replace needs a policy to stand in place of ours; NSJAIL_CONFIG names none"};
    }
    if (!options.wrapper_path.empty() && ::access(options.wrapper_path.c_str(), R_OK) != 0) {
        return Error::from_errno("WRAPPER_PATH", errno, options.wrapper_path);
    }
    if (options.python_bin.empty()) {
        options.python_bin = find_own_python().value_or("python3");
    }
    options.python_bin = TRY(find_program(options.python_bin));
    return complete_profiles(options);
}

std::vector<std::string> unknown_settings(const char* const* environment) {
    // What serve knows is what there is: the other commands take a part of it.
    CLI::App app;
    Options options;
    add_serve_options(app, options);
    std::vector<std::string> unknown;
    for (; *environment != nullptr; ++environment) {
        std::string_view entry(*environment);
        std::string name(entry.substr(0, entry.find('=')));
        auto is_known = [&](const CLI::Option* option) { return option->get_envname() == name; };
        if (name.starts_with("SNAPJAIL_") && name != kLibraryVariable &&
            app.get_options(is_known).empty()) {
            unknown.push_back(std::move(name));
        }
    }
    return unknown;
}

std::optional<std::uint64_t> parse_whole(std::string_view text, std::uint64_t at_least,
                                         std::uint64_t at_most) {
    std::uint64_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < at_least ||
        number > at_most) {
        return std::nullopt;
    }
    return number;
}

std::optional<std::chrono::milliseconds> parse_seconds(std::string_view text) {
    double seconds = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    // Written so that NaN fails it: it compares to nothing.
    bool is_in_range = seconds >= 0.001 && seconds <= static_cast<double>(kSecondsMax);
    if (error != std::errc() || end != text.data() + text.size() || !is_in_range) {
        return std::nullopt;
    }
    return std::chrono::milliseconds(std::llround(seconds * 1000));
}

}  // namespace snapjail::app
