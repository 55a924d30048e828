#include "base/syscall.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace snapjail {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text));
}

bool is_close_on_exec(int fd) {
    return (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

bool is_same_file(int a, int b) {
    struct stat first {};
    struct stat second {};
    return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_ino == second.st_ino &&
           first.st_dev == second.st_dev;
}

int open_fd_count() {
    auto entries = std::filesystem::directory_iterator("/proc/self/fd");
    return static_cast<int>(std::distance(begin(entries), end(entries)));
}

class TempFolder {
  public:
    TempFolder() {
        char name[] = "/var/tmp/snapjail-syscall-XXXXXX";
        path_ = ::mkdtemp(name);
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    ~TempFolder() { std::filesystem::remove_all(path_); }
    std::string file(const char* name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

TEST(RetryEintr, CallsAgainUntilItIsNotInterrupted) {
    int calls = 0;

    auto result = retry_eintr("count", [&] {
        errno = EINTR;
        return ++calls < 3 ? -1 : 42;
    });

    EXPECT_EQ(*result, 42);
    EXPECT_EQ(calls, 3);
}

TEST(RetryEintr, AnotherErrorIsToldAtOnceWithItsErrno) {
    auto result = retry_eintr("try it", [] {
        errno = ENOSPC;
        return -1;
    });

    ASSERT_FALSE(result);
    EXPECT_STREQ(result.error().operation, "try it");
    EXPECT_EQ(result.error().sys_errno, ENOSPC);
}

TEST(Descriptors, AreAllBornCloseOnExec) {
    auto pipe = make_pipe();
    auto sockets = make_seqpacket_pair();
    auto memfd = make_memfd("test", {});
    auto file = open_file("/dev/null", O_RDONLY);
    auto pidfd = open_pidfd(::getpid());
    ASSERT_TRUE(pipe && sockets && memfd && file && pidfd);

    for (int fd : {pipe->read_end.get(), pipe->write_end.get(), sockets->first.get(),
                   sockets->second.get(), memfd->get(), file->get(), pidfd->get()}) {
        EXPECT_TRUE(is_close_on_exec(fd));
    }
}

TEST(OpenFile, AnErrorNamesThePath) {
    auto file = open_file("/does/not/exist", O_RDONLY);

    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().sys_errno, ENOENT);
    EXPECT_EQ(file.error().detail, "/does/not/exist");
}

TEST(Memfd, HoldsItsBytesAtOffsetZero) {
    std::string text(100'000, 'x');
    text += '\0';

    auto memfd = make_memfd("test", bytes_of(text));

    ASSERT_TRUE(memfd);
    EXPECT_EQ(::lseek(memfd->get(), 0, SEEK_CUR), 0);
    EXPECT_EQ(*read_fd_to_end(*memfd, text.size()), text);
}

TEST(ReadFile, TakesAFileOfExactlyItsBoundAndRefusesOneByteMore) {
    TempFolder folder;
    for (std::size_t bound : {std::size_t{0}, std::size_t{1}, std::size_t{16'384}}) {
        ASSERT_TRUE(write_file(folder.file("exact"), std::string(bound, 'a')));
        ASSERT_TRUE(write_file(folder.file("over"), std::string(bound + 1, 'a')));

        auto exact = read_file(folder.file("exact"), bound);
        auto over = read_file(folder.file("over"), bound);

        ASSERT_TRUE(exact) << bound;
        EXPECT_EQ(exact->size(), bound);
        ASSERT_FALSE(over) << bound;
        EXPECT_EQ(over.error().kind, ErrorKind::kInvalid);
        EXPECT_EQ(over.error().detail,
                  folder.file("over") + ": more than " + std::to_string(bound) + " bytes");
    }
}

TEST(ReadFile, AnEndlessFileIsRefusedAtTheBound) {
    EXPECT_EQ(read_file("/dev/zero", 100'000).error().kind, ErrorKind::kInvalid);
}

TEST(ReadFile, AFolderIsAnErrorWithItsPath) {
    auto text = read_file("/usr", 100);

    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().sys_errno, EISDIR);
    EXPECT_EQ(text.error().detail, "/usr");
}

TEST(WriteFile, ReplacesWhatWasThere) {
    TempFolder folder;
    ASSERT_TRUE(write_file(folder.file("a"), "long text"));

    ASSERT_TRUE(write_file(folder.file("a"), "new"));

    EXPECT_EQ(*read_file(folder.file("a"), 100), "new");
}

TEST(SendWithFds, MessageAndDescriptorsArriveTogether) {
    auto sockets = make_seqpacket_pair();
    auto memfd = make_memfd("test", bytes_of("carried"));
    ASSERT_TRUE(sockets && memfd);
    std::vector<int> eight(8, memfd->get());
    std::array<std::byte, 16> buffer{};

    ASSERT_TRUE(send_with_fds(sockets->first, bytes_of("hello"), eight));
    auto received = receive_with_fds(sockets->second.get(), buffer);

    ASSERT_TRUE(received) << received.error().to_string();
    EXPECT_EQ(received->size, 5u);
    EXPECT_EQ(std::string(reinterpret_cast<char*>(buffer.data()), 5), "hello");
    ASSERT_EQ(received->fds.size(), 8u);
    for (const UniqueFd& fd : received->fds) {
        EXPECT_TRUE(is_same_file(fd.get(), memfd->get()));
        EXPECT_TRUE(is_close_on_exec(fd.get()));
    }
}

TEST(SendWithFds, MessagesKeepTheirBoundariesAndTheirOwnDescriptors) {
    auto sockets = make_seqpacket_pair();
    ASSERT_TRUE(sockets);
    int fd = sockets->first.get();
    std::array<std::byte, 16> buffer{};

    ASSERT_TRUE(send_with_fds(sockets->first, bytes_of("one"), {}));
    ASSERT_TRUE(send_with_fds(sockets->first, bytes_of("three"), std::span(&fd, 1)));
    auto first = receive_with_fds(sockets->second.get(), buffer);
    auto second = receive_with_fds(sockets->second.get(), buffer);

    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->size, 3u);
    EXPECT_TRUE(first->fds.empty());
    EXPECT_EQ(second->size, 5u);
    EXPECT_EQ(second->fds.size(), 1u);
}

TEST(SendWithFds, ToAPeerThatHasGoneIsAnErrorAndNoSignal) {
    auto sockets = make_seqpacket_pair();
    ASSERT_TRUE(sockets);
    sockets->second.reset();

    auto sent = send_with_fds(sockets->first, bytes_of("x"), {});

    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().sys_errno, EPIPE);
}

TEST(ReceiveWithFds, AMessageLongerThanTheBufferIsAProtocolErrorAndLeaksNothing) {
    auto sockets = make_seqpacket_pair();
    ASSERT_TRUE(sockets);
    int fd = sockets->first.get();
    std::array<std::byte, 4> buffer{};
    ASSERT_TRUE(send_with_fds(sockets->first, bytes_of("12345"), std::span(&fd, 1)));
    int fds_before = open_fd_count();

    auto received = receive_with_fds(sockets->second.get(), buffer);

    ASSERT_FALSE(received);
    EXPECT_EQ(received.error().kind, ErrorKind::kProtocol);
    EXPECT_EQ(open_fd_count(), fds_before);
}

TEST(ReceiveWithFds, AMessageThatJustFillsTheBufferIsTaken) {
    auto sockets = make_seqpacket_pair();
    ASSERT_TRUE(sockets);
    std::array<std::byte, 5> buffer{};
    ASSERT_TRUE(send_with_fds(sockets->first, bytes_of("12345"), {}));

    EXPECT_EQ(receive_with_fds(sockets->second.get(), buffer)->size, 5u);
}

// Nine: one more than anything of ours sends. By hand, for send_with_fds() would not.
TEST(ReceiveWithFds, MoreDescriptorsThanAMessageMayCarryAreAnErrorAndAllClosed) {
    auto sockets = make_seqpacket_pair();
    ASSERT_TRUE(sockets);
    std::array<int, 9> fds{};
    fds.fill(sockets->first.get());
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(fds))> control{};
    char byte = 'x';
    iovec part{&byte, 1};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(fds));
    std::memcpy(CMSG_DATA(rights), fds.data(), sizeof(fds));
    ASSERT_EQ(::sendmsg(sockets->first.get(), &header, 0), 1);
    std::array<std::byte, 4> buffer{};
    int fds_before = open_fd_count();

    auto received = receive_with_fds(sockets->second.get(), buffer);

    ASSERT_FALSE(received);
    EXPECT_EQ(received.error().kind, ErrorKind::kProtocol);
    EXPECT_EQ(open_fd_count(), fds_before);
}

TEST(ReceiveWithFds, APeerThatHasClosedIsAnEmptyMessage) {
    auto sockets = make_seqpacket_pair();
    ASSERT_TRUE(sockets);
    sockets->first.reset();
    std::array<std::byte, 4> buffer{};

    auto received = receive_with_fds(sockets->second.get(), buffer);

    ASSERT_TRUE(received);
    EXPECT_EQ(received->size, 0u);
}

TEST(SyscallDeathTest, SendingMoreDescriptorsThanAMessageCarriesIsABug) {
    auto sockets = make_seqpacket_pair();
    ASSERT_TRUE(sockets);
    std::vector<int> nine(9, 0);

    EXPECT_DEATH((void)send_with_fds(sockets->first, {}, nine), "kFdsPerMessageMax");
}

}  // namespace
}  // namespace snapjail
