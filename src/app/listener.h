#pragma once
// Listener: the socket that the service listens on. The supervisor makes it and keeps it, so that
// clients that have connected survive the death of a front in the backlog.

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace snapjail::app {

struct Listener {
    UniqueFd socket;
    std::uint16_t port = 0;  // The real one, where 0 was asked for.
};

// `host` is an IPv4 or IPv6 address in digits. Bound only: nobody can connect yet.
Result<Listener> bind_listener(const std::string& host, std::uint16_t port);

Result<void> start_listening(const Listener& listener);

// "http://[::1]:8080"
std::string url_of(const std::string& host, std::uint16_t port);

}  // namespace snapjail::app
