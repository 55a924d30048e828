#include "app/command/doctor_command.h"

#include <boost/json.hpp>
#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "app/job_runner.h"
#include "base/log.h"
#include "jail/host_probe.h"

namespace snapjail::app {
namespace {

constexpr const char* kScript = "def main():\n    return 42\n";

std::string describe_ending(const sched::Ending& ending) {
    if (const auto* failed = std::get_if<sched::Failed>(&ending)) {
        return failed->reason;
    }
    if (const auto* overloaded = std::get_if<sched::Overloaded>(&ending)) {
        return overloaded->reason;
    }
    if (const auto* faulted = std::get_if<sched::Faulted>(&ending)) {
        return faulted->message;
    }
    return "it was ended by a limit or a signal";
}

// The proof of all the others: the real thing, with the interpreter that would be used.
jail::HostLayer try_script(const Options& options) {
    jail::HostLayer layer{.name = "a script in a jail", .detail = {}, .remedy = {}};
    auto outcome = run_one_job(options, kScript);
    if (!outcome) {
        layer.detail = outcome.error().to_string();
    } else if (const auto* returned = std::get_if<sched::Returned>(&outcome->ending)) {
        layer.stands = returned->json == "42";
        layer.detail = "it returned " + returned->json;
    } else {
        layer.detail = describe_ending(outcome->ending);
    }
    if (!layer.stands) {
        layer.remedy = "what is missing above; if nothing is, try --python=PATH";
    }
    return layer;
}

void print_lines(const std::vector<jail::HostLayer>& layers) {
    for (const auto& layer : layers) {
        std::string line = layer.name;
        line.resize(20, ' ');
        line += layer.stands ? "yes" : layer.need == jail::Need::kRequired ? "NO" : "no";
        if (!layer.detail.empty()) {
            line += "  " + layer.detail;
        }
        if (!layer.remedy.empty()) {
            line += ". To mend: " + layer.remedy;
        }
        std::printf("%s\n", line.c_str());
    }
}

void print_json(const std::vector<jail::HostLayer>& layers, bool is_full) {
    boost::json::array rows;
    for (const auto& layer : layers) {
        rows.push_back(boost::json::object{{"name", layer.name},
                                           {"required", layer.need == jail::Need::kRequired},
                                           {"stands", layer.stands},
                                           {"detail", layer.detail},
                                           {"remedy", layer.remedy}});
    }
    boost::json::object answer{{"tier", is_full ? boost::json::value("full") : nullptr},
                               {"version", SNAPJAIL_VERSION},
                               {"layers", std::move(rows)}};
    std::printf("%s\n", boost::json::serialize(answer).c_str());
}

}  // namespace

int examine_host(const Options& options, bool wants_json) {
    log::start("doctor", log::Level::kError);
    std::vector<jail::HostLayer> layers = jail::probe_host();
    layers.push_back(try_script(options));
    bool is_full = true;
    for (const auto& layer : layers) {
        is_full = is_full && (layer.stands || layer.need == jail::Need::kInformative);
    }
    if (wants_json) {
        print_json(layers, is_full);
        return is_full ? 0 : 1;
    }
    print_lines(layers);
    std::printf("\n%s\n", is_full
                              ? "This host gives all of tier full."
                              : "Something is missing: this host cannot run scripts safely, and "
                                "`snapjail serve` will not start.");
    return is_full ? 0 : 1;
}

}  // namespace snapjail::app
