#include "zygote/nameless_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/syscall.h"

namespace snapjail::zygote {
namespace {

constexpr std::size_t kMib = std::size_t{1} << 20;
constexpr std::size_t kPageBytes = 4096;

NamelessFiles of_this_process() {
    NamelessFiles files;
    files.add_open(::getpid());
    files.add_mapped(::getpid());
    return files;
}

// One MiB of blocks, and no name.
UniqueFd make_unlinked() {
    std::string path = testing::TempDir() + "/nameless-XXXXXX";
    UniqueFd file(::mkstemp(path.data()));
    ::unlink(path.c_str());
    std::string content(kMib, 'x');
    EXPECT_EQ(::write(file.get(), content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
    return file;
}

class Mapping {
  public:
    Mapping(int flags, int file, std::size_t size = kPageBytes)
        : address_(::mmap(nullptr, size, PROT_READ, flags, file, 0)), size_(size) {
        EXPECT_NE(address_, MAP_FAILED);
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() { ::munmap(address_, size_); }
    void* at(std::size_t offset) const { return static_cast<std::byte*>(address_) + offset; }
    // All but the first page.
    void give_up_most() {
        ::munmap(at(kPageBytes), size_ - kPageBytes);
        size_ = kPageBytes;
    }

  private:
    void* address_;
    std::size_t size_;
};

TEST(NamelessFiles, AnOpenOneCountsOnceHoweverOftenItIsOpen) {
    std::uint64_t before = of_this_process().open_bytes();
    UniqueFd file = make_unlinked();
    UniqueFd again(::dup(file.get()));
    NamelessFiles files = of_this_process();
    files.add_open(::getpid());

    EXPECT_GE(files.open_bytes() - before, kMib);
    EXPECT_LT(files.open_bytes() - before, 2 * kMib);
    file.reset();
    again.reset();
    EXPECT_EQ(of_this_process().open_bytes(), before);
}

TEST(NamelessFiles, OneThatHasANameIsTheFoldersToCount) {
    std::uint64_t before = of_this_process().open_bytes();
    std::string path = testing::TempDir() + "/named-XXXXXX";
    UniqueFd file(::mkstemp(path.data()));
    std::string content(kMib, 'x');
    ASSERT_GT(::write(file.get(), content.data(), content.size()), 0);

    EXPECT_EQ(of_this_process().open_bytes(), before);
    ::unlink(path.c_str());
}

TEST(NamelessFiles, OneThatIsMappedAndOpenNowhereIsHidden) {
    NamelessFiles known = of_this_process();
    for (bool is_memory : {false, true}) {
        UniqueFd file =
            is_memory ? UniqueFd(::memfd_create("hidden", MFD_CLOEXEC)) : make_unlinked();
        ASSERT_EQ(::ftruncate(file.get(), kMib), 0);
        Mapping mapping(MAP_SHARED, file.get());

        EXPECT_EQ(of_this_process().hidden_count(known), 0u) << is_memory;
        file.reset();
        EXPECT_EQ(of_this_process().hidden_count(known), 1u) << is_memory;
        EXPECT_EQ(of_this_process().hidden_count(of_this_process()), 0u) << is_memory;
    }
    EXPECT_EQ(of_this_process().hidden_count(known), 0u);
}

TEST(NamelessFiles, AFewSemaphoresAreNotCounted) {
    std::vector<sem_t*> semaphores;
    auto open_one_more = [&] {
        std::string name = "/snapjail-test-" + std::to_string(semaphores.size());
        semaphores.push_back(::sem_open(name.c_str(), O_CREAT | O_EXCL, 0600, 1));
        ::sem_unlink(name.c_str());
    };
    NamelessFiles known = of_this_process();
    open_one_more();
    if (semaphores.front() == SEM_FAILED) {
        GTEST_SKIP() << "no /dev/shm here";
    }
    while (semaphores.size() < NamelessFiles::kSemaphoresMax) {
        open_one_more();
    }
    EXPECT_EQ(of_this_process().hidden_count(known), 0u);

    open_one_more();

    EXPECT_EQ(of_this_process().hidden_count(known), 1u);
    for (sem_t* semaphore : semaphores) {
        ::sem_close(semaphore);
    }
}

TEST(NamelessFiles, SharedMemoryCountsAsFarAsItWasEverMapped) {
    std::uint64_t before = of_this_process().shared_memory_bytes();
    std::uint64_t count_before = of_this_process().shared_memory_count();
    Mapping mapping(MAP_SHARED | MAP_ANONYMOUS, -1, kMib);
    NamelessFiles whole = of_this_process();
    EXPECT_EQ(whole.shared_memory_bytes() - before, kMib);
    EXPECT_EQ(whole.shared_memory_count() - count_before, 1u);

    mapping.give_up_most();

    NamelessFiles rest = of_this_process();
    EXPECT_EQ(rest.shared_memory_bytes() - before, kPageBytes);
    rest.remember(whole);
    EXPECT_EQ(rest.shared_memory_bytes() - before, kMib);
}

TEST(NamelessFiles, MemoryOfOnesOwnIsNoneOfIt) {
    std::uint64_t before = of_this_process().shared_memory_bytes();
    Mapping mapping(MAP_PRIVATE | MAP_ANONYMOUS, -1, kMib);

    EXPECT_EQ(of_this_process().shared_memory_bytes(), before);
}

TEST(NamelessFiles, DescriptorsInASocketAreInFlight) {
    SocketPair pair = make_seqpacket_pair().value();
    UniqueFd file = make_unlinked();
    EXPECT_EQ(of_this_process().in_flight(), 0u);
    int two[] = {file.get(), file.get()};
    ASSERT_TRUE(send_with_fds(pair.first, std::as_bytes(std::span("x", 1)), two));

    if (of_this_process().in_flight() == 0) {
        GTEST_SKIP() << "this kernel does not tell what is in a socket";
    }
    EXPECT_EQ(of_this_process().in_flight(), 2u);
    std::byte byte{};
    ASSERT_TRUE(receive_with_fds(pair.second.get(), std::span(&byte, 1)));
    EXPECT_EQ(of_this_process().in_flight(), 0u);
}

TEST(NamelessFiles, MoreMappingsThanAnybodyNeedsAreNotLookedAt) {
    EXPECT_TRUE(of_this_process().is_whole());
    constexpr std::size_t kPages = 60'000;
    Mapping mapping(MAP_SHARED | MAP_ANONYMOUS, -1, kPages * kPageBytes);
    for (std::size_t page = 0; page < kPages; page += 2) {
        ASSERT_EQ(::mprotect(mapping.at(page * kPageBytes), kPageBytes, PROT_NONE), 0);
    }

    EXPECT_FALSE(of_this_process().is_whole());
}

}  // namespace
}  // namespace snapjail::zygote
