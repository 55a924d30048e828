#pragma once
// ArenaRegion: one stretch of addresses for CPython's object arenas, from when it is opened until
// it is closed. So what fork() has to copy lies together in few mappings, and it is known whose it
// is: the interpreter takes arenas as they are, where a library's own allocator may rely on what
// the kernel does with its pages. Process-wide, for a process with one thread.

#include <cstdint>

namespace snapjail::zygote {

struct AddressRange {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
};

// Arenas come from the region from now on. Nothing happens where the interpreter has none.
void open_arena_region() noexcept;

// They come from where they came from before; what the region has not used is given back. Where it
// lies; empty if it was not opened.
AddressRange close_arena_region() noexcept;

}  // namespace snapjail::zygote
