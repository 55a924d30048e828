#include "app/job_runner.h"

#include <poll.h>
#include <sys/prctl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <span>
#include <utility>

#include "app/prepared_zygote.h"
#include "base/syscall.h"
#include "jail/host_kind.h"
#include "sched/scheduler.h"
#include "zygote/launcher.h"
#include "zygote/protocol.h"
#include "zygote/strays.h"

namespace snapjail::app {
namespace {

namespace asio = boost::asio;

// Importing what is preloaded takes a second or two, on a busy and slow machine ten times that.
constexpr std::chrono::milliseconds kWarmingTimeMax{120'000};
// Forking and jailing one guest takes milliseconds.
constexpr std::chrono::milliseconds kGuestTimeMax{30'000};

Result<void> await_ready(const ChildProcess& zygote) {
    pollfd source{zygote.channel().get(), POLLIN, 0};
    int count = TRY(retry_eintr(
        "poll", [&] { return ::poll(&source, 1, static_cast<int>(kWarmingTimeMax.count())); }));
    if (count == 0) {
        return Error::from_errno("start a zygote", ETIMEDOUT);
    }
    zygote::News news;
    auto received =
        TRY(receive_with_fds(zygote.channel().get(), std::as_writable_bytes(std::span(&news, 1))));
    if (received.size != sizeof(news)) {
        return Error{ErrorKind::kSystem, "start a zygote", 0,
                     "PYTHON_BIN has ended before it was ready; its own words stand above"};
    }
    return {};
}

sched::SchedulerLimits one_slot(const Options& options, jail::Tier tier) {
    return {.slots = 1,
            .guests_waiting_max = 1,
            .queue_depth_max = 1,
            .queue_time_max = kGuestTimeMax,
            .wall_time_max = options.limits.wall_time_max,
            .cpu_time_max = options.limits.cpu_time_max,
            .tells_of_jobs = tier == jail::Tier::kProcess,
            .guests_can_kill_themselves =
                tier == jail::Tier::kProcess || jail::read_host_signs().is_gvisor};
}

// After the zygote, which is declared after it: what the job has left in tier `process`.
struct StraysEnd {
    jail::Tier tier;
    ~StraysEnd() {
        if (tier == jail::Tier::kProcess) {
            (void)zygote::end_strays([](pid_t) { return false; }, kGuestTimeMax);
        }
    }
};

sched::Outcome run_to_outcome(const sched::SchedulerLimits& limits, UniqueFd zygote_socket,
                              std::string script) {
    asio::io_context io(1);
    std::optional<sched::Outcome> outcome;
    {
        sched::Scheduler scheduler(io, limits, {zygote::Profile{}});
        scheduler.on_none_starts([&](sched::ProfileIndex, const std::string& why) {
            outcome.emplace().ending = sched::Failed{"no guest could be started: " + why};
            io.stop();
        });
        scheduler.attach(0, std::move(zygote_socket));
        asio::co_spawn(io, scheduler.run({.id = "terminal", .script = std::move(script)}),
                       [&](std::exception_ptr thrown, sched::Outcome ended) {
                           if (!thrown) {
                               outcome = std::move(ended);
                           }
                           io.stop();
                       });
        io.run();
    }
    if (!outcome) {
        outcome.emplace().ending = sched::Failed{"the job ended without an outcome"};
    }
    return std::move(*outcome);
}

}  // namespace

Result<sched::Outcome> run_one_job(const Options& options, std::string script) {
    // Only the zygote that the script would be sent to.
    Options only = options;
    sched::ProfileIndex best =
        sched::ProfileChoice(options.profiles).candidates_for(script).first();
    only.profiles = {options.profiles[best]};
    PreparedZygotes prepared = TRY(prepare_zygotes(only, 1));
    zygote::ZygoteSpec& spec = prepared.specs.front();
    // Orphans come to us, and go with the zygote below; see end_strays.
    (void)::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    StraysEnd strays_end{prepared.choice.tier};
    spec.cgroups = &prepared.cgroups;  // Where it stays.
    ChildProcess zygote = TRY(zygote::launch_zygote(spec));
    TRY(await_ready(zygote));
    SocketPair pair = TRY(make_seqpacket_pair());
    TRY(zygote::attach_front(zygote, std::move(pair.first)));
    return run_to_outcome(one_slot(options, prepared.choice.tier), std::move(pair.second),
                          std::move(script));
}

}  // namespace snapjail::app
