#pragma once
// The processes of a job as /proc shows them now, for a zygote of tier `process`, which has no pid
// namespace that would end or count them for it.

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace snapjail::zygote {

struct ProcessRow {
    pid_t pid = 0;
    pid_t parent = 0;
    // Whom to ask in /proc for what the process holds: itself, or one of its threads where the
    // first has ended; the kernel shows nothing under that one's number then.
    pid_t holder = 0;
    std::uint32_t threads = 0;
    // Its own, by the kernel's count: pages that it shares with its parent since a fork included.
    std::uint64_t anonymous_bytes = 0;
    std::uint64_t shared_bytes = 0;  // Memory shared with others on purpose: MAP_SHARED, memfd.
};

// `root` and all below it, while it lives. Never fails: what ends meanwhile may be left out, and
// what is below it.
std::vector<ProcessRow> read_process_tree(pid_t root);

// The caller's children, those that it has adopted included. A child that ends while this reads may
// hide another: read again before building on what is not there.
std::vector<pid_t> read_own_children();

// One process; zero as pid if it has gone.
ProcessRow read_process(pid_t pid);

// What of its memory is its own, a page that n processes share counting as an n-th; zero if that
// cannot be known. The caller must have the process's ids, as file system ids.
struct ProportionalBytes {
    std::uint64_t anonymous = 0;
    std::uint64_t shared = 0;
};
ProportionalBytes proportional_bytes(pid_t pid);

}  // namespace snapjail::zygote
