// snapjail_load: a load client for the benchmark programs. Sends the request in a file to a port of
// 127.0.0.1 and prints one JSON object: latencies, statuses, its own processor time.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>

#include "load/load.h"

namespace {

namespace json = boost::json;

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

json::object to_json(const snapjail::bench::LoadReport& report) {
    json::object statuses;
    for (auto [status, count] : report.statuses) {
        statuses[std::to_string(status)] = count;
    }
    return {{"latencies_us", json::value_from(report.latencies_us)},
            {"statuses", std::move(statuses)},
            {"errors", report.errors},
            {"answer_bytes", report.answer_bytes},
            {"seconds", std::chrono::duration<double>(report.elapsed).count()},
            {"cpu_seconds", cpu_seconds()}};
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Sends one HTTP request again and again, and prints how long the answers took.");
    snapjail::bench::LoadSpec spec;
    std::string request_file;
    double seconds = 0;
    double pause_ms = 0;
    app.add_option("--port", spec.port, "TCP port on 127.0.0.1")->required();
    app.add_option("--request", request_file, "file with the bytes of the request")
        ->required()
        ->check(CLI::ExistingFile);
    app.add_option("--clients", spec.clients, "at a time")->check(CLI::Range(1, 4096));
    app.add_option("--requests", spec.requests_max, "in all");
    app.add_option("--seconds", seconds, "no request begins later");
    app.add_option("--pause", pause_ms, "ms between an answer and the client's next request");
    app.add_option("--rate", spec.per_second, "open loop: requests due per second");
    app.add_option("--seed", spec.seed, "of the open loop's moments");
    CLI11_PARSE(app, argc, argv);
    if (spec.requests_max == 0 && seconds <= 0) {
        std::fputs("snapjail_load: --requests or --seconds, or it never ends\n", stderr);
        return 2;
    }
    std::ifstream file(request_file, std::ios::binary);
    spec.request.assign(std::istreambuf_iterator<char>(file), {});
    spec.time_max = std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
    spec.pause = std::chrono::nanoseconds(static_cast<std::int64_t>(pause_ms * 1e6));
    try {
        std::puts(json::serialize(to_json(snapjail::bench::run_load(spec))).c_str());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "snapjail_load: %s\n", error.what());
        return 1;
    }
    return 0;
}
