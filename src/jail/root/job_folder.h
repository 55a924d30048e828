#pragma once
// A job's own folder, seen from outside: emptied after the job, measured while it runs. The names
// and trees in it are hostile: nothing is followed, no number of them needs memory or descriptors,
// and where a depth would (measuring) it has a bound.

#include <cstddef>
#include <cstdint>

namespace snapjail::jail {

// Removes all that is in `path`. The caller has the file system ids of its owner, and no process
// changes it meanwhile. System calls only: it may run in a child that shares our memory. Returns
// false, with errno, if something is left.
bool empty_job_folder(const char* path) noexcept;

struct FolderUse {
    std::uint64_t bytes = 0;  // Blocks that are allocated, not lengths: holes cost nothing.
    std::uint64_t entries = 0;
    bool is_whole = true;  // False: a folder refused to be read, or they were too many or too deep.
};
constexpr std::size_t kFolderDepthMax = 128;  // Each level takes a descriptor.

// Counts until `entries_max`.
FolderUse measure_job_folder(const char* path, std::uint64_t entries_max);

}  // namespace snapjail::jail
