#include "zygote/extension/fill_gaps.h"

#include <cstdint>
#include <cstdlib>

namespace snapjail::zygote {
namespace {

constexpr std::size_t kStep = 16;  // Both allocators' unit.
// CPython's has a list of free blocks for each size up to this; what is larger is the C library's.
constexpr std::size_t kObjectBytesMax = 512;
// The C library's small blocks are of one size each. Larger ones are cut from what is free, up to
// where they become mappings of their own.
constexpr std::size_t kSmallBytesMax = 1040;
constexpr std::size_t kLargeBytesMax = std::size_t{64} << 10;
// So many one behind the other, and so many bytes, are no gap: there the allocator goes on.
constexpr int kRunBlocksMin = 4;
constexpr std::size_t kRunBytesMin = 4000;
// In all, should an allocator never give out neighbours.
constexpr std::size_t kFilledBytesMax = std::size_t{32} << 20;

using Allocate = void* (*)(std::size_t);

// Takes blocks of this size until they come one behind the other. They are never given back.
void fill(std::size_t size, Allocate allocate, std::size_t& bytes_left) noexcept {
    std::uintptr_t last = 0;
    std::size_t distance = 0;  // Between the last two; a block has a header of some bytes.
    int run = 0;
    while (bytes_left >= size) {
        auto block = reinterpret_cast<std::uintptr_t>(allocate(size));
        if (block == 0) {
            return;
        }
        bytes_left -= size;
        bool is_neighbour = block > last && block - last <= size + 2 * kStep;
        run = !is_neighbour ? 0 : block - last == distance ? run + 1 : 1;
        distance = block - last;
        last = block;
        if (run >= kRunBlocksMin && static_cast<std::size_t>(run) * size >= kRunBytesMin) {
            return;
        }
    }
}

}  // namespace

// The large ones first, which would else be cut for the small.
void fill_gaps(Allocate allocate_object) noexcept {
    std::size_t bytes_left = kFilledBytesMax;
    for (std::size_t size = kLargeBytesMax; size > kSmallBytesMax; size /= 2) {
        fill(size, std::malloc, bytes_left);
    }
    for (std::size_t size = kSmallBytesMax; size >= kStep; size -= kStep) {
        // Such a block is of `size` with its header.
        fill(size - sizeof(void*), std::malloc, bytes_left);
    }
    for (std::size_t size = kStep; size <= kObjectBytesMax; size += kStep) {
        fill(size, allocate_object, bytes_left);
    }
}

}  // namespace snapjail::zygote
