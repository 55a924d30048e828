#include "app/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/syscall.h"

namespace snapjail::app {
namespace {

// Clients that wait while the front is busy or is being replaced. The kernel bounds it by
// net.core.somaxconn.
constexpr int kBacklog = 1024;

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;

    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Result<Address> parse_address(const std::string& host, std::uint16_t port) {
    Address address;
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        address.size = sizeof(v4);
        std::memcpy(&address.storage, &v4, sizeof(v4));
    } else if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        address.size = sizeof(v6);
        std::memcpy(&address.storage, &v6, sizeof(v6));
    } else {
        return Error{ErrorKind::kInvalid, "SNAPJAIL_HOST", 0, host + " is not an IP address"};
    }
    return address;
}

Error cannot_listen(const std::string& where, int sys_errno) {
    std::string hint;
    if (sys_errno == EADDRINUSE) {
        hint = "; another program has that port, PORT=... chooses another";
    } else if (sys_errno == EACCES) {
        hint = "; ports below 1024 are for root";
    } else if (sys_errno == EADDRNOTAVAIL) {
        hint = "; this machine does not have that address";
    }
    return Error{ErrorKind::kInvalid, "cannot listen", sys_errno, "on " + where + hint};
}

Result<std::uint16_t> bound_port(const UniqueFd& socket) {
    Address address;
    address.size = sizeof(address.storage);
    TRY(retry_eintr("getsockname",
                    [&] { return ::getsockname(socket.get(), address.get(), &address.size); }));
    // Both families have the port at the same place.
    sockaddr_in v4{};
    std::memcpy(&v4, &address.storage, sizeof(v4));
    return ntohs(v4.sin_port);
}

}  // namespace

Result<Listener> bind_listener(const std::string& host, std::uint16_t port) {
    Address address = TRY(parse_address(host, port));
    UniqueFd socket(TRY(retry_eintr("socket", [&] {
        return ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    })));
    // Else a restart would fail for a minute on connections in TIME_WAIT.
    int on = 1;
    TRY(retry_eintr("setsockopt", [&] {
        return ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    }));
    if (::bind(socket.get(), address.get(), address.size) != 0) {
        return cannot_listen(url_of(host, port), errno);
    }
    std::uint16_t bound = TRY(bound_port(socket));
    return Listener{std::move(socket), bound};
}

Result<void> start_listening(const Listener& listener) {
    if (::listen(listener.socket.get(), kBacklog) != 0) {
        return cannot_listen("port " + std::to_string(listener.port), errno);
    }
    return {};
}

std::string url_of(const std::string& host, std::uint16_t port) {
    bool is_v6 = host.find(':') != std::string::npos;
    return "http://" + (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace snapjail::app
