#include "zygote/extension/arena_region.h"

#include <dlfcn.h>
#include <sys/mman.h>

#include <bit>
#include <cstddef>

namespace snapjail::zygote {
namespace {

// NumPy and Pandas fill 20 MB. What comes after this much gets arenas as usual.
constexpr std::size_t kRegionBytes = std::size_t{256} << 20;

// CPython's own, the same from 3.4 on: not in the stable ABI, so it is looked up by name.
struct ArenaAllocator {
    void* context;
    void* (*allocate)(void* context, std::size_t size);
    void (*release)(void* context, void* arena, std::size_t size);
};
using ArenaAllocatorFunction = void (*)(ArenaAllocator*);

ArenaAllocator g_original{};
AddressRange g_region;
std::uintptr_t g_next = 0;  // Where the next arena begins.
bool g_is_open = false;

void* allocate(void*, std::size_t size) {
    if (!g_is_open || g_region.end - g_next < size) {
        return g_original.allocate(g_original.context, size);
    }
    auto* arena = std::bit_cast<void*>(g_next);
    g_next += size;
    return arena;
}

// Guests call this too, long after the region was closed. Its addresses are not used again.
void release(void*, void* arena, std::size_t size) {
    auto at = reinterpret_cast<std::uintptr_t>(arena);
    if (at >= g_region.begin && at < g_region.end) {
        ::munmap(arena, size);
    } else {
        g_original.release(g_original.context, arena, size);
    }
}

ArenaAllocatorFunction find(const char* name) {
    return reinterpret_cast<ArenaAllocatorFunction>(::dlsym(RTLD_DEFAULT, name));
}

}  // namespace

void open_arena_region() noexcept {
    auto get = find("PyObject_GetArenaAllocator");
    auto set = find("PyObject_SetArenaAllocator");
    if (get == nullptr || set == nullptr || g_region.begin != 0) {
        return;
    }
    void* region = ::mmap(nullptr, kRegionBytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED) {
        return;
    }
    g_next = reinterpret_cast<std::uintptr_t>(region);
    g_region = {g_next, g_next + kRegionBytes};
    g_is_open = true;
    get(&g_original);
    ArenaAllocator ours{nullptr, allocate, release};
    set(&ours);
}

AddressRange close_arena_region() noexcept {
    if (g_is_open) {
        g_is_open = false;
        if (g_next < g_region.end) {
            ::munmap(std::bit_cast<void*>(g_next), g_region.end - g_next);
        }
        g_region.end = g_next;
    }
    return g_region;
}

}  // namespace snapjail::zygote
