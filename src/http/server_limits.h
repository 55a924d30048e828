#pragma once
// ServerLimits: every bound of the HTTP server, with the reason for its number.

#include <chrono>
#include <cstddef>

namespace snapjail::http {

struct ServerLimits {
    std::size_t header_bytes_max = 16 * 1024;  // What browsers and proxies send fits many times.
    std::size_t body_bytes_max = 1536 * 1024;  // Set by the caller from the script's limit.
    // All bodies that are being received or handled, together. Without it a stranger could fill
    // connections_max times body_bytes_max, which is more than most hosts have.
    std::size_t body_bytes_total_max = 256 * 1024 * 1024;
    std::size_t connections_max = 4096;                 // Past that: 503 and close.
    std::chrono::milliseconds header_time_max{10'000};  // From the first byte to the last header.
    std::chrono::milliseconds body_time_max{30'000};
    std::chrono::milliseconds idle_time_max{75'000};   // Between two requests of one connection.
    std::chrono::milliseconds write_time_max{30'000};  // A client that does not read its answer.
    // How long, and for how many bytes, a client that is being refused may go on sending: closing
    // with bytes unread makes the kernel send RST, and the refusal is lost on its way.
    std::chrono::milliseconds linger_time_max{2'000};
    std::size_t linger_bytes_max = 8 * 1024 * 1024;
    // After drain(): how long what was on its way may still arrive, and be answered. A connection
    // that is closed while its client sends is cut from where the client stands, and it cannot know
    // whether its script has run.
    std::chrono::milliseconds last_request_time_max{300};
    // After drain(): how long the rest of a request may take. Platforms kill after ten seconds.
    std::chrono::milliseconds last_body_time_max{2'000};
};

}  // namespace snapjail::http
