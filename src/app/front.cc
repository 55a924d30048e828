#include "app/front.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "app/front_link.h"
#include "base/log.h"
#include "base/syscall.h"
#include "http/server.h"
#include "jail/confine_front.h"

namespace snapjail::app {
namespace {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;
using boost::system::error_code;

constexpr int kExitUsage = 2;
constexpr int kExitFailed = 1;
// How often to look whether all has been answered: at most this much is added to a shutdown.
constexpr std::chrono::milliseconds kDrainPoll{10};

Result<FrontSettings> read_settings() {
    FrontSettings settings;
    ssize_t size = TRY(retry_eintr("read settings", [&] {
        return ::pread(kFrontSettingsFd, &settings, sizeof(settings), 0);
    }));
    if (size != sizeof(settings) || settings.version != FrontSettings::kVersion) {
        return Error{ErrorKind::kProtocol, "read settings", 0, "they are not this program's"};
    }
    UniqueFd(kFrontSettingsFd).reset();  // Ours to close, now that we know it for what it is.
    return settings;
}

class Front {
  public:
    Front(const FrontSettings& settings, std::vector<zygote::Profile> profiles)
        : settings_(settings),
          channel_(io_, kFrontChannelFd),
          drain_timer_(io_),
          last_call_(io_),
          profiles_(std::move(profiles)),
          scheduler_(io_, settings.scheduler, profiles_),
          server_(io_, UniqueFd(kFrontListenerFd), settings.http,
                  api::make_handler(backend(), settings.api), api::make_error_body(settings.api)) {}

    Result<void> run() {
        channel_.non_blocking(true);
        scheduler_.on_none_starts([this](sched::ProfileIndex profile, const std::string& why) {
            tell_that_none_starts(profile, why);
        });
        // All descriptors exist, and nobody has been listened to.
        auto layers = TRY(jail::confine_front());
        server_.start();
        wait_for_messages();
        FrontMessage listening{FrontMessageKind::kListening};
        TRY(retry_eintr("tell the supervisor", [&] {
            return ::send(channel_.native_handle(), &listening, sizeof(listening), MSG_NOSIGNAL);
        }));
        std::string names;
        for (const std::string& layer : layers) {
            names += (names.empty() ? "" : ", ") + layer;
        }
        log::info("front_confined", {{"layers", names}});
        io_.run();
        return {};
    }

  private:
    api::Backend backend() {
        return {.run = [this](sched::Job job) { return scheduler_.run(std::move(job)); },
                .is_ready = [this] { return scheduler_.is_ready(); },
                .health_json = [this] { return health_json(); }};
    }

    boost::json::object departures() const {
        boost::json::object departures;
        std::string_view rest(settings_.departures.data());
        while (!rest.empty()) {
            std::string_view line = rest.substr(0, rest.find('\n'));
            std::size_t equals = std::min(line.find('='), line.size());
            departures[line.substr(0, equals)] = line.substr(std::min(equals + 1, line.size()));
            rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        }
        return departures;
    }

    std::string health_json() const {
        sched::SchedulerStats stats = scheduler_.stats();
        boost::json::array layers;
        std::string_view rest(settings_.layers.data());
        while (!rest.empty()) {
            std::string_view layer = rest.substr(0, rest.find(','));
            layers.emplace_back(boost::json::string(layer));
            rest.remove_prefix(std::min(rest.size(), layer.size() + 1));
        }
        boost::json::object profiles;
        for (std::size_t i = 0; i < profiles_.size(); ++i) {
            profiles[profiles_[i].name] = {{"waiting", stats.profiles[i].guests_waiting},
                                           {"running", stats.profiles[i].guests_running}};
        }
        boost::json::object health{
            {"status", "ok"},
            {"tier", settings_.tier.data()},
            {"kernel", settings_.kernel.data()},
            {"mode", settings_.mode.data()},
            {"python", settings_.python_version.data()},
            {"layers", std::move(layers)},
            {"departures", departures()},
            {"guests", {{"waiting", stats.guests_waiting}, {"running", stats.guests_running}}},
            {"profiles", std::move(profiles)},
            {"queued", stats.jobs_queued},
            {"version", SNAPJAIL_VERSION}};
        return boost::json::serialize(health);
    }

    void wait_for_messages() {
        channel_.async_wait(stream_descriptor::wait_read, [this](error_code error) {
            if (error) {
                ::_exit(kExitFailed);
            }
            receive_messages();
        });
    }

    void receive_messages() {
        for (;;) {
            FrontMessage message;
            auto received = receive_with_fds(channel_.native_handle(),
                                             std::as_writable_bytes(std::span(&message, 1)));
            if (!received && received.error().sys_errno == EAGAIN) {
                wait_for_messages();
                return;
            }
            if (!received || received->size != sizeof(message)) {
                ::_exit(kExitFailed);  // The supervisor has gone, and everything goes with it.
            }
            obey(message, std::move(received->fds));
        }
    }

    void obey(const FrontMessage& message, std::vector<UniqueFd> descriptors) {
        switch (message.kind) {
            case FrontMessageKind::kAttachZygote:
                if (descriptors.size() == 1 && message.profile < profiles_.size()) {
                    scheduler_.attach(message.profile, std::move(descriptors.front()));
                }
                return;
            case FrontMessageKind::kDrain:
                drain();
                return;
            case FrontMessageKind::kListening:
            case FrontMessageKind::kNoneStarts:
                return;  // It says so, it is not told so.
        }
    }

    // What becomes of it the supervisor decides; a message that is lost leaves us as we are.
    void tell_that_none_starts(sched::ProfileIndex profile, const std::string& why) {
        FrontMessage message{.kind = FrontMessageKind::kNoneStarts,
                             .profile = static_cast<std::uint32_t>(profile)};
        why.copy(message.why.data(), message.why.size() - 1);
        (void)::send(channel_.native_handle(), &message, sizeof(message), MSG_NOSIGNAL);
    }

    void drain() {
        if (std::exchange(is_draining_, true)) {
            return;
        }
        scheduler_.drain();
        server_.drain();
        last_call_.expires_after(settings_.drain_time_max);
        last_call_.async_wait([this](error_code error) {
            if (!error) {
                log::warning("drain_ends_jobs", {{"running", running_count()}});
                scheduler_.end_running();
            }
        });
        stop_when_all_is_said();
    }

    std::int64_t running_count() const { return std::int64_t{scheduler_.stats().guests_running}; }

    void stop_when_all_is_said() {
        if (server_.is_drained()) {
            io_.stop();
            return;
        }
        drain_timer_.expires_after(kDrainPoll);
        drain_timer_.async_wait([this](error_code error) {
            if (!error) {
                stop_when_all_is_said();
            }
        });
    }

    FrontSettings settings_;
    asio::io_context io_{1};
    stream_descriptor channel_;
    asio::steady_timer drain_timer_;
    asio::steady_timer last_call_;  // From drain() until jobs that still run are ended.
    std::vector<zygote::Profile> profiles_;
    sched::Scheduler scheduler_;
    http::HttpServer server_;
    bool is_draining_ = false;
};

}  // namespace

int run_front() {
    auto settings = read_settings();
    if (!settings) {
        std::fputs("snapjail front: `snapjail serve` starts this; it is not for you\n", stderr);
        return kExitUsage;
    }
    log::start("front", settings->log_level);
    // The first line also makes the C library look for a time zone, which it may not do later.
    log::debug("front_started");
    auto profiles = zygote::parse_profiles(settings->profiles.data());
    if (!profiles) {
        log::error("front_failed", {{"error", profiles.error().to_string()}});
        return kExitFailed;
    }
    auto result = Front(*settings, std::move(*profiles)).run();
    if (!result) {
        log::error("front_failed", {{"error", result.error().to_string()}});
        return kExitFailed;
    }
    return 0;
}

}  // namespace snapjail::app
