#include "app/command/serve_command.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <span>
#include <string_view>
#include <thread>
#include <utility>

#include "app/complaint.h"
#include "app/departures.h"
#include "app/prepared_zygote.h"
#include "app/supervisor/supervisor.h"
#include "base/log.h"
#include "jail/host_kind.h"
#include "jail/privileges.h"
#include "zygote/cgroup_choice.h"

namespace snapjail::app {
namespace {

// A guest costs the front three pipes, and a fourth while it is being handed over.
constexpr std::uint64_t kDescriptorsPerSlot = 4;
constexpr std::uint64_t kDescriptorsOfOurOwn = 64;
// Kept waiting though nobody asks: each costs memory, and more than this many at once are refilled
// as fast as they are used.
constexpr std::uint32_t kGuestsWaitingMin = 8;
// Joining a cgroup of version 1 is 5 to 15 ms of waiting for the kernel, while the rest of a
// guest's start is about as long a time of work: so many of each kind keep a core busy.
constexpr std::uint32_t kGuestsJoiningMax = 4;

// The front and the zygotes inherit it.
std::uint64_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)::setrlimit(RLIMIT_NOFILE, &limit);
        (void)::getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur;
}

template <std::size_t kSize>
void put_text(std::array<char, kSize>& target, std::string_view text) {
    std::size_t size = std::min(text.size(), kSize - 1);
    std::memcpy(target.data(), text.data(), size);
    target[size] = '\0';
}

std::vector<Departure> departures(const PreparedZygotes& prepared) {
    const jail::JailPlan& plan = prepared.specs.front().plan;
    return departures_of(zygote::host_of_guests(plan), plan.places.has_roots != 0);
}

const char* mode_name(const Options& options) {
    return options.start == jail::GuestStart::kWarm ? "warm" : "cold";
}

FrontSettings make_front_settings(const Options& options, const PreparedZygotes& prepared,
                                  std::uint64_t connections_max) {
    FrontSettings settings;
    settings.log_level = options.log_level;
    jail::HostSigns signs = jail::read_host_signs();
    auto waiting = std::max(kGuestsWaitingMin, 2 * std::thread::hardware_concurrency());
    settings.scheduler = {
        .slots = prepared.slots,
        .guests_waiting_max = std::min(prepared.slots, waiting),
        .guests_joining_max = prepared.cgroups.joins_slowly() ? kGuestsJoiningMax : 0,
        .queue_depth_max = options.queue_depth_max,
        .queue_time_max = options.queue_time_max,
        .wall_time_max = options.limits.wall_time_max,
        .cpu_time_max = options.limits.cpu_time_max,
        .tells_of_jobs = prepared.choice.tier == jail::Tier::kProcess,
        .guests_can_kill_themselves =
            prepared.choice.tier == jail::Tier::kProcess || signs.is_gvisor};
    settings.http.connections_max = connections_max;
    // The longest JSON for a byte of script is six: \u0001.
    settings.http.body_bytes_max =
        std::max(settings.http.body_bytes_max, 6 * options.script_bytes_max + 64 * 1024);
    settings.drain_time_max = options.drain_time_max;
    settings.api.script_bytes_max = options.script_bytes_max;
    put_text(settings.mode, mode_name(options));
    put_text(settings.kernel, signs.is_gvisor ? "gvisor" : "linux");
    put_text(settings.tier, jail::to_string(prepared.choice.tier));
    put_text(settings.python_version, prepared.specs.front().interpreter.version);
    put_text(settings.layers, layer_names(prepared));
    put_text(settings.profiles, to_text(options.profiles));
    put_text(settings.departures, to_lines(departures(prepared)));
    return settings;
}

// As many connections as there are descriptors for, should the host allow fewer than were asked
// for.
Result<std::uint64_t> bound_connections(const Options& options) {
    std::uint64_t descriptors = raise_descriptor_limit();
    std::uint64_t needed = kDescriptorsPerSlot * options.slots + kDescriptorsOfOurOwn;
    if (descriptors <= needed) {
        return Error{ErrorKind::kInvalid, "raise the limit on open files", 0,
                     std::to_string(options.slots) + " slots need more than " +
                         std::to_string(needed) + " descriptors, `ulimit -Hn` allows " +
                         std::to_string(descriptors)};
    }
    std::uint64_t connections =
        std::min<std::uint64_t>(options.connections_max, descriptors - needed);
    if (connections < options.connections_max) {
        log::warning("fewer_connections", {{"connections", static_cast<std::int64_t>(connections)},
                                           {"why", "`ulimit -Hn` allows no more descriptors"}});
    }
    return connections;
}

std::string profile_names(const Options& options) {
    std::vector<std::string> names;
    for (const zygote::Profile& profile : options.profiles) {
        names.push_back(profile.name);
    }
    return zygote::join_words(names);
}

// What stands and what does not: the first lines of the log, as `doctor` would say it.
void announce(const Options& options, const PreparedZygotes& prepared, const Listener& listener) {
    const jail::Interpreter& interpreter = prepared.specs.front().interpreter;
    log::info("started", {{"version", SNAPJAIL_VERSION},
                          {"tier", jail::to_string(prepared.choice.tier)},
                          {"cgroups", zygote::describe(prepared.cgroups, options.cgroups)},
                          {"mode", mode_name(options)},
                          {"python", interpreter.program},
                          {"python_version", interpreter.version},
                          {"host", options.host},
                          {"port", std::int64_t{listener.port}},
                          {"slots", std::int64_t{prepared.slots}},
                          {"profiles", profile_names(options)},
                          {"layers", layer_names(prepared)}});
    if (!prepared.choice.why_not_full.empty()) {
        log::warning("tier_process", {{"why", prepared.choice.why_not_full}});
    }
    if (prepared.places && !prepared.places->why_no_roots().empty()) {
        log::warning("no_roots", {{"why", prepared.places->why_no_roots()}});
    }
    for (const Departure& departure : departures(prepared)) {
        log::warning("contract_differs", {{"in", departure.name}, {"so", departure.what}});
    }
    if (options.limits.wall_time_max > options.drain_time_max) {
        log::warning("drain_may_end_jobs",
                     {{"time_limit_ms", std::int64_t{options.limits.wall_time_max.count()}},
                      {"drain_time_ms", std::int64_t{options.drain_time_max.count()}},
                      {"so",
                       "a job that runs longer than that after SIGTERM is ended and answered "
                       "500; see SNAPJAIL_DRAIN_TIME"}});
    }
    if (prepared.slots < options.slots) {
        log::warning("fewer_slots", {{"slots", std::int64_t{prepared.slots}},
                                     {"why", "there are no more roots: see make-roots --count"}});
    }
}

// `prepared` must outlive them.
std::vector<ZygoteKeeper> make_keepers(const Options& options, PreparedZygotes& prepared) {
    std::vector<ZygoteKeeper> keepers;
    // A killed guest is gone within a millisecond, its files within some, one slot after the other.
    constexpr std::chrono::milliseconds kIdleTime{2'000};
    constexpr std::chrono::milliseconds kIdleTimeOfSlot{5};
    for (std::size_t i = 0; i < options.profiles.size(); ++i) {
        zygote::ZygoteSpec& spec = prepared.specs[i];
        spec.cgroups = &prepared.cgroups;
        keepers.emplace_back(
            KeeperSettings{.profile = options.profiles[i].name,
                           .wall_time_max = options.limits.wall_time_max,
                           .zygote_lifetime = options.zygote_lifetime,
                           .idle_time_max = kIdleTime + prepared.slots * kIdleTimeOfSlot,
                           .ends_unless_idle = prepared.choice.tier == jail::Tier::kProcess},
            std::move(spec));
    }
    return keepers;
}

Result<void> serve_until_told(const Options& options) {
    UniqueFd signals = TRY(make_signal_fd());
    ::signal(SIGPIPE, SIG_IGN);
    // PR_SET_DUMPABLE stays: an ordinary user's zygote could not have its id maps written then.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    std::uint64_t connections_max = TRY(bound_connections(options));
    // Early, so that a port that is taken is told at once; nobody connects before listen().
    Listener listener = TRY(bind_listener(options.host, options.port));
    PreparedZygotes prepared = TRY(prepare_zygotes(options, options.slots));
    TRY(start_listening(listener));
    announce(options, prepared, listener);
    SupervisorSettings settings{.url = url_of(options.host, listener.port),
                                .front = make_front_settings(options, prepared, connections_max)};
    Supervisor supervisor(std::move(settings), make_keepers(options, prepared),
                          prepared.choice.tier, std::move(listener), std::move(signals));
    return supervisor.run();
}

}  // namespace

int serve(const Options& options) {
    log::start("supervisor", options.log_level);
    (void)jail::take_up_capabilities();  // What it would have given, the probes then find missing.
    for (const std::string& name : unknown_settings(environ)) {
        log::warning("unknown_setting", {{"name", name}});
    }
    auto result = serve_until_told(options);
    if (!result) {
        complain(result.error());
        return 1;
    }
    return 0;
}

}  // namespace snapjail::app
