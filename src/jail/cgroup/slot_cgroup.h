#pragma once
// SlotCgroup: one slot's cgroups as descriptors, opened by the supervisor and inherited by the
// zygote: to write to them is to have the supervisor's right to move a process, so nothing in the
// file system has to belong to a guest's user. What is here allocates nothing: it is for the
// zygote's loop and for a guest's set-up.

#include <array>
#include <cstdint>
#include <span>
#include <type_traits>

namespace snapjail::jail::cgroup {

constexpr std::size_t kHierarchiesMax = 3;  // One for each controller, at most.

struct SlotCgroup {
    std::array<std::int32_t, kHierarchiesMax> procs{-1, -1, -1};  // cgroup.procs, to be written.
    std::int32_t memory_events = -1;  // What tells of OOM kills, to be read; -1 where nothing does.
};
static_assert(std::is_trivially_copyable_v<SlotCgroup>);

// In the child that becomes a zygote: these stay open, under their numbers, in what it execs.
bool keep_across_exec(std::span<const SlotCgroup> cgroups, int watch) noexcept;

// Moves the calling process. On version 1 this may take milliseconds, for which others do not wait.
bool join(const SlotCgroup& cgroup) noexcept;

// How many processes the kernel has ended in there for want of memory, ever.
std::uint64_t count_oom_kills(const SlotCgroup& cgroup) noexcept;

// Of "oom_kill 3" in a text of such lines; 0 where there is none. Apart for its test.
std::uint64_t parse_oom_kills(const char* text, std::size_t size) noexcept;

}  // namespace snapjail::jail::cgroup
