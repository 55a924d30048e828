#pragma once
// own_mappings: what this process has mapped, as /proc tells it. For the zygote.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"

namespace snapjail::zygote {

struct Mapping {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    int protection = 0;       // PROT_READ and so on.
    bool is_file = false;     // Of a file that has a name.
    std::uint64_t inode = 0;  // That file's, and its device's number.
    std::uint64_t device = 0;
    bool is_memory_file = false;  // Of one that is a memfd.
    bool is_heap = false;         // What grows by brk(2).
    bool is_private = false;
    bool has_writes = false;           // Some page of it is a private copy.
    std::size_t referenced_bytes = 0;  // Of its pages, those used since forget_uses().
};

// `proc_self` is the folder /proc/<own pid>.
Result<std::vector<Mapping>> read_own_mappings(int proc_self);

// From now on what is used is counted anew: the kernel clears the marks that the processor sets.
Result<void> forget_uses(int proc_self);

}  // namespace snapjail::zygote
