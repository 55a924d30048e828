#pragma once
// freeze_ranges: copies memory as it stands into a sealed memfd of huge pages, and maps that,
// private, over the same addresses. Whoever reads, runs or writes there notices nothing. See
// frozen_heap.h and frozen_text.h for what is frozen, and why.
//
// For a process with one thread.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"

namespace snapjail::zygote {

constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

struct FrozenRange {
    std::uintptr_t begin = 0;
    std::size_t size = 0;
    int protection = 0;
    off_t offset = 0;  // In the file.
};

enum class WithoutHugePages { kFreeze, kLeave };

std::size_t round_up(std::size_t size, std::size_t unit);
std::size_t page_bytes();

// `bytes` is the file's size: the end of the last range in it. False where the kernel has no huge
// pages for files and the ranges were left as they are. After an error the memory holds what it
// held before.
Result<bool> freeze_ranges(const char* name, const std::vector<FrozenRange>& ranges,
                           std::size_t bytes, WithoutHugePages without);

}  // namespace snapjail::zygote
