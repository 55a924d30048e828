#pragma once
// freeze_heap: takes what fork() would have to copy out of its way. The process's memory as it
// stands is copied into a sealed memfd, which is mapped, private, over the same addresses. Nothing
// changes for whoever reads or writes there. But fork() copies no page tables for such memory, and
// an exit has none to take down: a guest pays for the pages that it touches, and not for all that
// was ever imported.
//
// Frozen is only what is known to bear it: the C library's heap, CPython's arenas, the data of
// libraries. Other mappings stay, for an allocator in them may count on MADV_DONTNEED to give it
// zeros, and mremap() must not grow one into what follows in the file. And only pages that are
// present: one that was never touched stays as it is, and costs a guest that writes to it no copy.
// The file has no holes and is sealed, so a guest can neither make it grow nor write to it.
//
// For a process with one thread, after its last import.

#include <cstddef>

#include "base/result.h"
#include "zygote/extension/arena_region.h"

namespace snapjail::zygote {

struct FrozenHeap {
    std::size_t bytes = 0;
    std::size_t ranges = 0;
};

// `proc_self` is the folder /proc/<own pid>. After an error the memory holds what it held before.
Result<FrozenHeap> freeze_heap(int proc_self, AddressRange arenas);

}  // namespace snapjail::zygote
