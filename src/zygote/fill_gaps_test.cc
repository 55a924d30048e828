// fill_gaps, in children of the test: what is allocated afterwards lies together.
#include "zygote/extension/fill_gaps.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <vector>

#include "zygote/child_for_test.h"

namespace snapjail::zygote {
namespace {

constexpr std::size_t kBlockBytes = 200;

void make_gaps() {
    std::vector<void*> blocks(10'000);
    for (void*& block : blocks) {
        block = std::malloc(kBlockBytes);
    }
    for (std::size_t i = 0; i < blocks.size(); i += 25) {  // One on each page.
        std::free(blocks[i]);
    }
}

std::size_t pages_of_new_blocks() {
    std::set<std::uintptr_t> pages;
    for (int i = 0; i < 100; ++i) {
        pages.insert(reinterpret_cast<std::uintptr_t>(std::malloc(kBlockBytes)) / 4096);
    }
    return pages.size();
}

int g_calls = 0;

void* give_nothing(std::size_t) {
    ++g_calls;
    return nullptr;
}

std::size_t g_given_bytes = 0;

// The last one of a stretch first.
void* give_backwards(std::size_t size) {
    g_given_bytes += size;
    return std::bit_cast<void*>((std::uintptr_t{1} << 40) - g_given_bytes);
}

class FillGaps : public testing::Test {
  protected:
    void SetUp() override {
        if (kHasShadowMemory) {
            GTEST_SKIP() << "a sanitizer's allocator has no gaps to fill";
        }
    }
};

TEST_F(FillGaps, WithoutItNewBlocksFillOldGaps) {  // The control.
    EXPECT_TRUE(in_child([] {
        make_gaps();
        return pages_of_new_blocks() > 80;
    }));
}

TEST_F(FillGaps, NewBlocksLieTogether) {
    EXPECT_TRUE(in_child([] {
        make_gaps();
        fill_gaps(std::malloc);
        return pages_of_new_blocks() <= 10;  // 100 times 208 bytes are six.
    }));
}

TEST_F(FillGaps, AnAllocatorThatHasNothingEndsIt) {
    EXPECT_TRUE(in_child([] {
        fill_gaps(give_nothing);
        return g_calls == 512 / 16;  // Once for each size.
    }));
}

TEST_F(FillGaps, AnAllocatorThatKnowsNoNeighboursIsNotAskedForEver) {
    EXPECT_TRUE(in_child([] {
        fill_gaps(give_backwards);
        return g_given_bytes > 0 && g_given_bytes <= std::size_t{32} << 20;
    }));
}

}  // namespace
}  // namespace snapjail::zygote
