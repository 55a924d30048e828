#pragma once
// own_mappings: what this process has mapped, as /proc tells it. For the zygote, and for X

#include <cstdint>
#include <vector>

#include "base/result.h"

namespace snapjail::zygote {

struct Mapping {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    int protection = 0;    // PROT_READ and so on.
    bool is_file = false;  // Of a file that has a name.
    bool is_heap = false;  // What grows by brk(2).
    bool is_private = false;
    bool has_writes = false;  // Some page of it is a private copy.
};

// `proc_self` is the folder /proc/<own pid>.
Result<std::vector<Mapping>> read_own_mappings(int proc_self);

}  // namespace snapjail::zygote
