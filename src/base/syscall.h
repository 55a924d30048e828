#pragma once
// The system calls that more than one folder needs, as Results: errno is read here and nowhere
// else. None of these is for the child side of a fork: see jail/guest/confine_guest.h for that.

#include <fcntl.h>
#include <sys/types.h>

#include <cerrno>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace snapjail {

// Calls `call` until it does not fail with EINTR; its value, or the Error named `operation`.
template <class Call>
auto retry_eintr(const char* operation, Call call) -> Result<decltype(call())> {
    for (;;) {
        auto rc = call();
        if (rc >= 0) {
            return rc;
        }
        if (errno != EINTR) {
            return Error::from_errno(operation, errno);
        }
    }
}

struct Pipe {
    UniqueFd read_end;
    UniqueFd write_end;
};
Result<Pipe> make_pipe(int flags = O_CLOEXEC);

// Both ends O_CLOEXEC; message boundaries are kept, and so is SCM_RIGHTS.
struct SocketPair {
    UniqueFd first;
    UniqueFd second;
};
Result<SocketPair> make_seqpacket_pair();

Result<UniqueFd> open_file(const std::string& path, int flags, mode_t mode = 0);
Result<UniqueFd> open_pidfd(pid_t pid);
// Now; or at its end, or broken.
bool is_readable(const UniqueFd& fd);

// A memfd that holds `bytes`, at offset 0. For handing data to a program that we exec.
Result<UniqueFd> make_memfd(const char* name, std::span<const std::byte> bytes);

// The whole file; more than `bytes_max` is an error.
Result<std::string> read_file(const std::string& path, size_t bytes_max);
Result<std::string> read_fd_to_end(const UniqueFd& fd, size_t bytes_max);
Result<void> write_file(const std::string& path, std::string_view text);

// One message with descriptors (at most 8). A short send is an error: SEQPACKET never splits.
Result<void> send_with_fds(const UniqueFd& socket, std::span<const std::byte> message,
                           std::span<const int> fds);

// One message; `size` 0 means that the peer has closed. Does not wait if the socket is O_NONBLOCK.
struct Received {
    size_t size = 0;
    std::vector<UniqueFd> fds;
};
Result<Received> receive_with_fds(int socket, std::span<std::byte> buffer);

}  // namespace snapjail
