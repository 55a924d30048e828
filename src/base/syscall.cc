#include "base/syscall.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace snapjail {
namespace {

constexpr size_t kFdsPerMessageMax = 8;

}  // namespace

Result<Pipe> make_pipe(int flags) {
    int ends[2] = {-1, -1};
    TRY(retry_eintr("pipe2", [&] { return ::pipe2(ends, flags); }));
    return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<SocketPair> make_seqpacket_pair() {
    int ends[2] = {-1, -1};
    TRY(retry_eintr("socketpair",
                    [&] { return ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends); }));
    return SocketPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<UniqueFd> open_file(const std::string& path, int flags, mode_t mode) {
    int fd = -1;
    do {
        fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return Error::from_errno("open", errno, path);
    }
    return UniqueFd(fd);
}

Result<UniqueFd> open_pidfd(pid_t pid) {
    // glibc 2.36 has pidfd_open(), Ubuntu 22.04's 2.35 does not.
    long fd = TRY(retry_eintr("pidfd_open", [&] { return ::syscall(SYS_pidfd_open, pid, 0); }));
    return UniqueFd(static_cast<int>(fd));
}

bool is_readable(const UniqueFd& fd) {
    pollfd source{fd.get(), POLLIN, 0};
    return ::poll(&source, 1, 0) > 0;
}

Result<UniqueFd> make_memfd(const char* name, std::span<const std::byte> bytes) {
    UniqueFd fd(
        TRY(retry_eintr("memfd_create", [&] { return ::memfd_create(name, MFD_CLOEXEC); })));
    size_t written = 0;
    while (written < bytes.size()) {
        written += static_cast<size_t>(TRY(retry_eintr("write memfd", [&] {
            return ::pwrite(fd.get(), bytes.data() + written, bytes.size() - written,
                            static_cast<off_t>(written));
        })));
    }
    return fd;
}

Result<std::string> read_fd_to_end(const UniqueFd& fd, size_t bytes_max) {
    std::string text;
    std::array<char, 16384> chunk{};
    for (;;) {
        ssize_t count =
            TRY(retry_eintr("read", [&] { return ::read(fd.get(), chunk.data(), chunk.size()); }));
        if (count == 0) {
            return text;
        }
        text.append(chunk.data(), static_cast<size_t>(count));
        if (text.size() > bytes_max) {
            return Error{ErrorKind::kInvalid, "read", 0,
                         "more than " + std::to_string(bytes_max) + " bytes"};
        }
    }
}

Result<std::string> read_file(const std::string& path, size_t bytes_max) {
    UniqueFd fd = TRY(open_file(path, O_RDONLY));
    auto text = read_fd_to_end(fd, bytes_max);
    if (!text) {
        Error error = text.error();
        error.detail = error.detail.empty() ? path : path + ": " + error.detail;
        return error;
    }
    return text;
}

Result<void> write_file(const std::string& path, std::string_view text) {
    UniqueFd fd = TRY(open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    while (!text.empty()) {
        auto written =
            retry_eintr("write", [&] { return ::write(fd.get(), text.data(), text.size()); });
        if (!written) {
            return Error::from_errno("write", written.error().sys_errno, path);
        }
        text.remove_prefix(static_cast<size_t>(*written));
    }
    return {};
}

Result<void> send_with_fds(const UniqueFd& socket, std::span<const std::byte> message,
                           std::span<const int> fds) {
    CHECK(fds.size() <= kFdsPerMessageMax);
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kFdsPerMessageMax * sizeof(int))> control{};
    // sendmsg() does not write to the buffer; the type lacks the const.
    iovec part{const_cast<std::byte*>(message.data()), message.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!fds.empty()) {
        header.msg_control = control.data();
        header.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
    }
    TRY(retry_eintr("sendmsg", [&] { return ::sendmsg(socket.get(), &header, MSG_NOSIGNAL); }));
    return {};
}

Result<Received> receive_with_fds(int socket, std::span<std::byte> buffer) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kFdsPerMessageMax * sizeof(int))> control{};
    iovec part{buffer.data(), buffer.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    ssize_t size =
        TRY(retry_eintr("recvmsg", [&] { return ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC); }));

    Received received{static_cast<size_t>(size), {}};
    for (cmsghdr* part_header = CMSG_FIRSTHDR(&header); part_header != nullptr;
         part_header = CMSG_NXTHDR(&header, part_header)) {
        if (part_header->cmsg_level != SOL_SOCKET || part_header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (part_header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part_header) + i * sizeof(int), sizeof(int));
            received.fds.emplace_back(fd);
        }
    }
    if ((header.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0) {
        return Error{ErrorKind::kProtocol, "recvmsg", 0, "message was truncated"};
    }
    return received;
}

}  // namespace snapjail
