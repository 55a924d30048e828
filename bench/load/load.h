#pragma once
// run_load: sends one HTTP request again and again to a port of 127.0.0.1, by many clients at a
// time, and tells how long each answer took. One thread, that of the io_context it makes.
//
// Closed loop: each client sends its next request when it has its answer (and has paused). Open
// loop: requests are due by a Schedule, whichever client is free takes the next one, and its time
// counts from when it was due, not from when a client was free to send it: what waits because the
// service is slow is not left out.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace snapjail::bench {

struct LoadSpec {
    std::uint16_t port = 0;
    std::string request;  // The bytes of one whole request.
    std::uint32_t clients = 1;
    std::uint64_t requests_max = 0;            // Of all clients together; 0: as many as fit.
    std::chrono::nanoseconds time_max{};       // No request begins later; 0: until requests_max.
    std::chrono::nanoseconds pause{};          // Closed loop: between an answer and the next.
    double per_second = 0;                     // Above 0: open loop.
    std::uint64_t seed = 1;                    // Of the open loop's schedule.
    std::chrono::seconds answer_time_max{60};  // What takes longer is an error.
};

struct LoadReport {
    std::vector<std::uint32_t> latencies_us;  // Of answers with status 200, in order of arrival.
    std::map<unsigned, std::uint64_t> statuses;
    std::uint64_t errors = 0;            // Connections refused, broken, or silent for too long.
    std::uint64_t answer_bytes = 0;      // Of all bodies.
    std::chrono::nanoseconds elapsed{};  // From the first request to the last answer.
};

// Connects all clients first; throws what Asio throws if even the first cannot connect.
LoadReport run_load(const LoadSpec& spec);

}  // namespace snapjail::bench
