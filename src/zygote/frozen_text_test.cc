// freeze_text, in children of the test: what is frozen stays frozen.
#include "zygote/extension/frozen_text.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "zygote/child_for_test.h"

namespace snapjail::zygote {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kPage = 4096;
constexpr const char* kFrozenName = "/memfd:snapjail-text";

bool freeze(const std::function<bool()>& rehearse) {
    UniqueFd proc_self(::open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto frozen = freeze_text(proc_self.get(), rehearse);
    return frozen.has_value() && frozen->bytes > 0 && frozen->ranges > 0;
}

// A private mapping, for reading, of a file without a name that holds the number of each page.
class MappedFile {
  public:
    explicit MappedFile(std::size_t size, int protection = PROT_READ) : size_(size) {
        std::string path = testing::TempDir() + "frozen-text-XXXXXX";
        UniqueFd file(::mkstemp(path.data()));
        ::unlink(path.c_str());
        for (std::size_t at = 0; at < size; at += kPage) {
            std::vector<char> page(kPage, number_at(at));
            EXPECT_EQ(::pwrite(file.get(), page.data(), kPage, static_cast<off_t>(at)),
                      static_cast<ssize_t>(kPage));
        }
        memory_ = static_cast<char*>(::mmap(nullptr, size, protection, MAP_PRIVATE, file.get(), 0));
        EXPECT_NE(memory_, MAP_FAILED);
    }
    ~MappedFile() { ::munmap(memory_, size_); }
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    static char number_at(std::size_t offset) { return static_cast<char>(offset / kPage % 100); }
    char* at(std::size_t offset = 0) const { return memory_ + offset; }
    bool is_whole() const {
        for (std::size_t offset = 0; offset < size_; offset += kPage) {
            if (*static_cast<volatile char*>(at(offset)) != number_at(offset)) {
                return false;
            }
        }
        return true;
    }

  private:
    std::size_t size_;
    char* memory_ = nullptr;
};

// What the kernel says of the mapping at this address: "begin-end rwxp ... name".
std::string line_at(const void* address) {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        std::uintptr_t begin = std::stoull(line, nullptr, 16);
        std::uintptr_t end = std::stoull(line.substr(line.find('-') + 1), nullptr, 16);
        auto wanted = reinterpret_cast<std::uintptr_t>(address);
        if (wanted >= begin && wanted < end) {
            return line;
        }
    }
    return "nothing is there";
}

bool is_frozen(const void* address) {
    return line_at(address).find(kFrozenName) != std::string::npos;
}

// Pages for which this process has a page table entry.
std::size_t count_present(const char* begin, std::size_t size) {
    std::vector<std::uint64_t> words(size / kPage);
    UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
    auto offset =
        static_cast<off_t>(reinterpret_cast<std::uintptr_t>(begin) / kPage * sizeof(words[0]));
    if (::pread(pagemap.get(), words.data(), words.size() * sizeof(words[0]), offset) <= 0) {
        return SIZE_MAX;
    }
    return static_cast<std::size_t>(
        std::count_if(words.begin(), words.end(), [](auto word) { return (word >> 63) != 0; }));
}

class FrozenTextTest : public testing::Test {
  protected:
    void SetUp() override {
        bool can = !kHasShadowMemory && in_child([] {
            MappedFile file(64 * kPage);
            return freeze([&] { return file.is_whole(); });
        });
        if (!can) {
            GTEST_SKIP() << "no huge pages for memfds, or nobody who tells what is used";
        }
    }
};

TEST_F(FrozenTextTest, WhatARehearsalUsesIsFrozenAndHoldsWhatItHeld) {
    EXPECT_TRUE(in_child([] {
        MappedFile file(64 * kPage);
        return freeze([&] { return file.is_whole(); }) && is_frozen(file.at()) && file.is_whole();
    }));
}

TEST_F(FrozenTextTest, WhatItDoesNotUseStaysWithItsFile) {
    EXPECT_TRUE(in_child([] {
        MappedFile used(64 * kPage);
        MappedFile unused(64 * kPage);
        bool was_read = unused.is_whole();  // Before the rehearsal, which is what counts.
        bool ok = freeze([&] { return used.is_whole(); });
        return ok && was_read && is_frozen(used.at()) && !is_frozen(unused.at());
    }));
}

TEST_F(FrozenTextTest, CodeThatRunsGoesOnRunning) {
    EXPECT_TRUE(in_child([] {
        auto words = [] {
            std::vector<std::string> all(1000, "a word");
            std::sort(all.begin(), all.end());
            return all.size();
        };
        bool ok = freeze([&] { return words() == 1000; });
        // The C library's own: a page of it is used by nearly every call.
        return ok && is_frozen(reinterpret_cast<const void*>(&::qsort)) && words() == 1000;
    }));
}

TEST_F(FrozenTextTest, ItIsNoMoreWritableThanBefore) {
    EXPECT_TRUE(in_child([] {
        MappedFile file(64 * kPage);
        bool ok = freeze([&] { return file.is_whole(); });
        bool dies = !in_child([&] {
            *static_cast<volatile char*>(file.at()) = 'x';
            return true;
        });
        return ok && is_frozen(file.at()) && dies && file.is_whole();
    }));
}

TEST_F(FrozenTextTest, WhatAChildMakesOfItNobodyElseSees) {
    EXPECT_TRUE(in_child([] {
        MappedFile file(64 * kPage);
        bool ok = freeze([&] { return file.is_whole(); });
        bool has_written = in_child([&] {
            bool can = ::mprotect(file.at(), kPage, PROT_READ | PROT_WRITE) == 0;
            std::memset(file.at(), 'x', kPage);
            return can && *file.at() == 'x';
        });
        return ok && has_written && file.is_whole() && in_child([&] { return file.is_whole(); });
    }));
}

TEST_F(FrozenTextTest, WhatWasWrittenToIsLeftAlone) {
    EXPECT_TRUE(in_child([] {
        MappedFile used(64 * kPage);
        MappedFile relocated(64 * kPage, PROT_READ | PROT_WRITE);
        *relocated.at(kPage) = MappedFile::number_at(kPage);
        ::mprotect(relocated.at(), 64 * kPage, PROT_READ);
        bool ok = freeze([&] { return used.is_whole() && relocated.is_whole(); });
        return ok && !is_frozen(relocated.at());
    }));
}

TEST_F(FrozenTextTest, AWholeHugePageIsOneFault) {
    EXPECT_TRUE(in_child([] {
        MappedFile file(6 * kMiB);
        auto address = reinterpret_cast<std::uintptr_t>(file.at());
        char* whole = file.at((2 * kMiB - address % (2 * kMiB)) % (2 * kMiB));
        bool ok = freeze([&] { return file.is_whole(); });
        return ok && file.is_whole() && in_child([&] {
                   // The control: nothing is inherited.
                   bool was_empty = count_present(whole, 2 * kMiB) == 0;
                   [[maybe_unused]] char read = *static_cast<volatile char*>(whole + kMiB);
                   return was_empty && count_present(whole, 2 * kMiB) == 512;
               });
    }));
}

// As of a program: its text is not a whole huge page, but with what lies around it one is.
TEST_F(FrozenTextTest, TextIsOneMappingWithItsNeighboursWhereThatMakesAWholeHugePage) {
    EXPECT_TRUE(in_child([] {
        MappedFile file(6 * kMiB);
        auto address = reinterpret_cast<std::uintptr_t>(file.at());
        char* whole = file.at((2 * kMiB - address % (2 * kMiB)) % (2 * kMiB));
        char* text = whole + 64 * kPage;
        ::mprotect(text, kMiB, PROT_READ | PROT_EXEC);
        bool ok = freeze([&] { return file.is_whole(); });
        return ok && is_frozen(text) && is_frozen(file.at()) && file.is_whole() && in_child([&] {
                   [[maybe_unused]] char read = *static_cast<volatile char*>(text);
                   return count_present(whole, 2 * kMiB) == 512;
               });
    }));
}

TEST_F(FrozenTextTest, ElsewhereWhatIsNoTextIsNotExecutable) {
    EXPECT_TRUE(in_child([] {
        MappedFile file(96 * kPage);
        ::mprotect(file.at(32 * kPage), 32 * kPage, PROT_READ | PROT_EXEC);
        auto protection_at = [&](std::size_t offset) {
            return line_at(file.at(offset)).substr(line_at(file.at(offset)).find(' ') + 1, 4);
        };
        bool ok = freeze([&] { return file.is_whole(); });
        return ok && is_frozen(file.at()) && protection_at(0) == "r--p" &&
               protection_at(32 * kPage) == "r-xp" && protection_at(64 * kPage) == "r--p";
    }));
}

TEST(FrozenText, AfterARehearsalThatFailsNothingIsFrozen) {
    EXPECT_TRUE(in_child([] {
        MappedFile file(64 * kPage);
        UniqueFd proc_self(::open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        auto frozen = freeze_text(proc_self.get(), [&] { return file.is_whole() && false; });
        return (!frozen || frozen->ranges == 0) && !is_frozen(file.at());
    }));
}

TEST(FrozenText, WithoutProcNothingIsRehearsedOrFrozen) {
    EXPECT_TRUE(in_child([] {
        MappedFile file(64 * kPage);
        bool was_called = false;
        auto frozen = freeze_text(-1, [&] { return was_called = file.is_whole(); });
        return frozen.has_value() && frozen->ranges == 0 && !was_called && !is_frozen(file.at());
    }));
}

}  // namespace
}  // namespace snapjail::zygote
