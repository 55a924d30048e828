#pragma once
// NamelessFiles: what the processes of a job keep alive that has no name in any folder: unlinked
// files and memory files, open, mapped, or on their way through a socket. For a zygote of tier
// `process`, which counts what nobody else bounds. The caller has the processes' file system ids.

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace snapjail::zygote {

class NamelessFiles {
  public:
    // Add what this process holds. Never fail: what ends meanwhile may be left out.
    void add_open(pid_t pid);
    void add_mapped(pid_t pid);  // Costs some ten times as much.

    // Of all that is open: blocks that are allocated, each file once.
    std::uint64_t open_bytes() const;

    // Mapped, and open nowhere: nothing tells its size. Python's mmap keeps its file open, so this
    // is somebody who hides one; but sem_open(3) makes such files, of a page at the most, of which
    // the first kSemaphoresMax are not counted. `known` are mappings of everybody's, from the
    // zygote.
    static constexpr std::uint64_t kSemaphoresMax = 32;
    std::uint64_t hidden_count(const NamelessFiles& known) const;

    // Memory that is shared (MAP_SHARED | MAP_ANONYMOUS): as far as it has been seen mapped, for
    // what is no longer mapped stays allocated until nothing of it is.
    std::uint64_t shared_memory_bytes() const;
    std::uint64_t shared_memory_count() const { return shared_memory_.size(); }
    // What an earlier look has seen of the same.
    void remember(const NamelessFiles& earlier);

    // Descriptors that are in a socket, and in no process.
    std::uint64_t in_flight() const { return in_flight_; }

    // False: a process has more mappings than are looked at.
    bool is_whole() const { return is_whole_; }

  private:
    using Inode = std::uint64_t;
    struct Mapped {
        Inode inode = 0;
        bool is_like_semaphore = true;  // All that is mapped of it, by whomever.
    };

    std::map<std::pair<dev_t, Inode>, std::uint64_t> open_;
    std::set<Inode> open_inodes_;           // By itself: overlayfs shows another device in maps.
    std::map<std::string, Mapped> mapped_;  // By device and inode as in maps.
    std::map<Inode, std::uint64_t> shared_memory_;  // To where it has been mapped.
    std::uint64_t in_flight_ = 0;
    bool is_whole_ = true;
};

}  // namespace snapjail::zygote
