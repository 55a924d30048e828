// freeze_heap and the arena region, in children of the test: what is frozen stays frozen.
#include "zygote/extension/frozen_heap.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "zygote/child_for_test.h"

namespace snapjail::zygote {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

bool freeze(AddressRange arenas = {}) {
    UniqueFd proc_self(::open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto frozen = freeze_heap(proc_self.get(), arenas);
    return frozen.has_value() && frozen->bytes > 0 && frozen->ranges > 0;
}

// Anonymous memory of which the first half has been written to.
AddressRange make_half_touched(std::size_t size) {
    void* memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memset(memory, 'a', size / 2);
    auto begin = reinterpret_cast<std::uintptr_t>(memory);
    return {begin, begin + size};
}

char* at(AddressRange range, std::size_t offset = 0) {
    return std::bit_cast<char*>(range.begin + offset);
}

// Pages of the range for which this process has a page table entry.
std::size_t count_present(AddressRange range) {
    auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    std::vector<std::uint64_t> words((range.end - range.begin) / page);
    UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
    auto offset = static_cast<off_t>(range.begin / page * sizeof(words[0]));
    if (::pread(pagemap.get(), words.data(), words.size() * sizeof(words[0]), offset) <= 0) {
        return SIZE_MAX;
    }
    return static_cast<std::size_t>(
        std::count_if(words.begin(), words.end(), [](auto word) { return (word >> 63) != 0; }));
}

// The name of the file, if any, that is mapped at this address.
std::string name_at(const char* address) {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        std::uintptr_t begin = std::stoull(line, nullptr, 16);
        std::uintptr_t end = std::stoull(line.substr(line.find('-') + 1), nullptr, 16);
        auto wanted = reinterpret_cast<std::uintptr_t>(address);
        if (wanted >= begin && wanted < end) {
            std::size_t name = line.find('/');
            return name == std::string::npos ? "" : line.substr(name);
        }
    }
    return "(nothing)";
}

// In this program's constants, among its zeros, and among its code.
const std::array<char, 10'000> g_constants{"constant"};
std::array<char, 10'000> g_zeros;

class FrozenHeapTest : public testing::Test {
  protected:
    void SetUp() override {
        if (kHasShadowMemory) {
            GTEST_SKIP() << "a sanitizer's shadow memory is not for freezing";
        }
    }
};

TEST_F(FrozenHeapTest, WhatWasThereIsThereAndCanBeWrittenTo) {
    EXPECT_TRUE(in_child([] {
        static std::vector<std::string> words;
        words.reserve(20'000);
        for (int i = 0; i < 20'000; ++i) {
            words.push_back("a word that is too long to be short: " + std::to_string(i));
        }
        bool ok = freeze();
        for (int i = 0; i < 20'000; ++i) {
            ok = ok && words[static_cast<std::size_t>(i)].ends_with(": " + std::to_string(i));
        }
        for (std::string& word : words) {
            word += " and longer";
        }
        words.resize(100);
        words.shrink_to_fit();
        auto more = std::make_unique<std::vector<int>>(kMiB, 7);
        return ok && words[99].ends_with(": 99 and longer") && more->back() == 7;
    }));
}

TEST_F(FrozenHeapTest, AForkCopiesNoPageTablesOfIt) {
    EXPECT_TRUE(in_child([] {
        AddressRange arenas = make_half_touched(4 * kMiB);
        // The control: what is not frozen is copied.
        bool was_copied = in_child([&] { return count_present(arenas) == 512; });
        bool ok = freeze(arenas);
        return ok && was_copied && in_child([&] { return count_present(arenas) == 0; });
    }));
}

TEST_F(FrozenHeapTest, OfArenasOnlyTouchedPagesAreFrozen) {
    EXPECT_TRUE(in_child([] {
        AddressRange arenas = make_half_touched(4 * kMiB);
        bool ok = freeze(arenas);
        return ok && name_at(at(arenas)).starts_with("/memfd:snapjail-heap") &&
               name_at(at(arenas, 3 * kMiB)).empty() && *at(arenas, 2 * kMiB - 1) == 'a' &&
               *at(arenas, 3 * kMiB) == 0;
    }));
}

TEST_F(FrozenHeapTest, MemoryOfOthersIsLeftAlone) {
    EXPECT_TRUE(in_child([] {
        AddressRange others = make_half_touched(4 * kMiB);
        bool ok = freeze();
        // What allocators rely on: it is zeros after this, and not what it was.
        ::madvise(at(others), kMiB, MADV_DONTNEED);
        return ok && name_at(at(others)).empty() && *at(others) == 0;
    }));
}

TEST_F(FrozenHeapTest, WhatAChildWritesNobodyElseSees) {
    EXPECT_TRUE(in_child([] {
        AddressRange arenas = make_half_touched(kMiB);
        bool ok = freeze(arenas);
        bool has_written = in_child([&] {
            std::memset(at(arenas), 'b', kMiB);
            return *at(arenas) == 'b';
        });
        return ok && has_written && *at(arenas) == 'a' &&
               in_child([&] { return *at(arenas) == 'a'; });
    }));
}

TEST_F(FrozenHeapTest, AProgramsConstantsAndZerosGoWithItsData) {
    EXPECT_TRUE(in_child([] {
        bool had_own_mapping = !name_at(g_constants.data()).starts_with("/memfd");
        bool ok = freeze();
        g_zeros[5000] = 'a';
        return ok && had_own_mapping && name_at(g_constants.data()).starts_with("/memfd") &&
               std::string(g_constants.data()) == "constant" && g_constants.back() == 0 &&
               name_at(g_zeros.data()).starts_with("/memfd") && g_zeros[5000] == 'a' &&
               std::count(g_zeros.begin(), g_zeros.end(), 0) == 9999;
    }));
}

TEST_F(FrozenHeapTest, CodeStaysWithItsFile) {
    EXPECT_TRUE(in_child([] {
        auto* code = std::bit_cast<const char*>(&count_present);
        return freeze() && !name_at(code).starts_with("/memfd") && !name_at(code).empty();
    }));
}

TEST_F(FrozenHeapTest, NoDescriptorIsLeftOpen) {
    EXPECT_TRUE(in_child([] {
        auto count = [] {
            std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
            int entries = 0;
            while (::readdir(folder.get()) != nullptr) {
                ++entries;
            }
            return entries;
        };
        int before = count();
        return freeze() && count() == before;
    }));
}

TEST_F(FrozenHeapTest, WithoutProcItFailsAndChangesNothing) {
    EXPECT_TRUE(in_child([] {
        auto frozen = freeze_heap(-1, {});
        auto text = std::make_unique<std::string>(1000, 'x');
        return !frozen && text->size() == 1000;
    }));
}

TEST(ArenaRegion, WithoutAnInterpreterItIsEmpty) {
    open_arena_region();
    AddressRange region = close_arena_region();
    EXPECT_EQ(region.begin, 0U);
    EXPECT_EQ(region.end, 0U);
}

}  // namespace
}  // namespace snapjail::zygote
