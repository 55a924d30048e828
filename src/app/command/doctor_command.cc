#include "app/command/doctor_command.h"

#include <boost/json.hpp>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/guest_probe.h"
#include "base/log.h"
#include "jail/host_kind.h"
#include "jail/host_probe.h"
#include "jail/privileges.h"
#include "jail/tier_choice.h"

namespace snapjail::app {
namespace {

// What there is to say of this host: which tier, and what it is made of.
struct Verdict {
    std::optional<jail::Tier> tier;  // None: `serve` would not start.
    std::string why;                 // Not tier full, or none.
    std::vector<jail::HostLayer> layers;
};

// The proof of all the others: the real thing, with the interpreter that would be used.
void try_guest(const Options& options, Verdict& verdict) {
    jail::HostLayer whole{.name = "a script in a jail", .detail = {}, .remedy = {}};
    auto rows = probe_guest(options, *verdict.tier);
    if (!rows) {
        whole.detail = rows.error().to_string();
        whole.remedy = "what is missing above; if nothing is, try --python=PATH";
        verdict.tier.reset();
        verdict.why = whole.detail;
        verdict.layers.push_back(std::move(whole));
        return;
    }
    whole.stands = true;
    for (const jail::HostLayer& row : *rows) {
        whole.stands = whole.stands && (row.stands || row.need == jail::Need::kInformative);
    }
    whole.detail =
        whole.stands ? "it sees what it should, and no more" : "it sees what it should not";
    verdict.layers.insert(verdict.layers.end(), rows->begin(), rows->end());
    if (!whole.stands) {
        verdict.tier.reset();
        verdict.why = whole.detail;
    }
    verdict.layers.push_back(std::move(whole));
}

Verdict examine(const Options& options) {
    Verdict verdict{.tier = {}, .why = {}, .layers = jail::probe_host()};
    auto choice = jail::choose_tier(options.isolation);
    if (!choice) {
        verdict.why = choice.error().to_string();
        return verdict;
    }
    verdict.tier = choice->tier;
    verdict.why = choice->why_not_full;
    if (choice->tier == jail::Tier::kProcess) {
        // What tier full would take is no condition then.
        for (jail::HostLayer& layer : verdict.layers) {
            layer.need = jail::Need::kInformative;
        }
        for (const jail::HostLayer& layer : choice->layers) {
            if (!jail::stands(verdict.layers, layer.name)) {
                verdict.layers.push_back(layer);
            }
        }
    }
    try_guest(options, verdict);
    return verdict;
}

jail::HostKind recognise(const Verdict& verdict) {
    return jail::recognise_host(jail::read_host_signs(), verdict.tier, verdict.layers);
}

void print_lines(const std::vector<jail::HostLayer>& layers) {
    for (const auto& layer : layers) {
        std::string line = layer.name;
        line.resize(25, ' ');
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

void print_json(const Verdict& verdict) {
    boost::json::array rows;
    for (const auto& layer : verdict.layers) {
        rows.push_back(boost::json::object{{"name", layer.name},
                                           {"required", layer.need == jail::Need::kRequired},
                                           {"stands", layer.stands},
                                           {"detail", layer.detail},
                                           {"remedy", layer.remedy}});
    }
    boost::json::value tier;
    if (verdict.tier) {
        tier = jail::to_string(*verdict.tier);
    }
    jail::HostKind host = recognise(verdict);
    boost::json::object answer{{"tier", std::move(tier)},
                               {"why", verdict.why},
                               {"host", {{"kind", host.name}, {"for_more", host.for_more}}},
                               {"version", SNAPJAIL_VERSION},
                               {"layers", std::move(rows)}};
    std::printf("%s\n", boost::json::serialize(answer).c_str());
}

std::string sentence(const Verdict& verdict) {
    if (!verdict.tier) {
        return "Something is missing: this host cannot run scripts safely, and `snapjail serve` "
               "will not start: " +
               verdict.why;
    }
    return *verdict.tier == jail::Tier::kFull
               ? "This host gives all of tier full."
               : "This host gives tier process. For tier full: " + verdict.why;
}

}  // namespace

int examine_host(const Options& options, bool wants_json) {
    log::start("doctor", log::Level::kError);
    (void)jail::take_up_capabilities();  // What it would have given, the probes then find missing.
    Verdict verdict = examine(options);
    if (wants_json) {
        print_json(verdict);
    } else {
        print_lines(verdict.layers);
        jail::HostKind host = recognise(verdict);
        std::printf("\n%s\nThe host: %s. %s\n", sentence(verdict).c_str(), host.name.c_str(),
                    host.for_more.empty() ? "Nothing that could be set here would give more."
                                          : ("For more: " + host.for_more).c_str());
    }
    constexpr int kFull = 0;
    constexpr int kNone = 1;
    constexpr int kProcess = 3;  // Not 2, which is a mistake in the command line.
    return !verdict.tier ? kNone : *verdict.tier == jail::Tier::kFull ? kFull : kProcess;
}

}  // namespace snapjail::app
