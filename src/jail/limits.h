#pragma once
// Limits: every bound on one job, with its unit, its default and the reason for it. The defaults
// are those of the contract; the operator's flags and configuration change them for all jobs alike.

#include <chrono>
#include <cstdint>

namespace snapjail::jail {

struct Limits {
    std::chrono::milliseconds wall_time_max{6'000};
    std::chrono::seconds cpu_time_max{2};
    std::uint64_t memory_bytes_max = 1024ull << 20;  // RLIMIT_AS, for each process of the job.
    std::uint64_t file_bytes_max = 100ull << 20;     // RLIMIT_FSIZE.
    std::uint64_t tmp_bytes_max = 100ull << 20;      // All of /tmp, by the tmpfs' own size.
    std::uint64_t tmp_inodes_max = 16'384;           // An inode costs kernel memory, a name none.
    std::uint64_t processes_max = 64;                // Processes and threads: RLIMIT_NPROC.
    std::uint64_t open_files_max = 256;              // RLIMIT_NOFILE.
    std::uint64_t stack_bytes_max = 8ull << 20;      // What Python's own recursion limit expects.
    std::uint64_t pending_signals_max = 256;    // Also bounds POSIX timers, kernel memory both.
    std::uint64_t locked_bytes_max = 0;         // RLIMIT_MEMLOCK: no job needs it.
    std::uint64_t message_queue_bytes_max = 0;  // RLIMIT_MSGQUEUE: the same.
};

}  // namespace snapjail::jail
