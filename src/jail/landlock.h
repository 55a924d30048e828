#pragma once
// Landlock by raw system calls: the kernel's interface is newer than the C library's. Child side of
// a fork: no allocation.

#include <cstdint>

#include "jail/jail_plan.h"

namespace snapjail::jail {

// The first ABI that knows truncate(2), Linux 6.2; and the first that knows signals and abstract
// sockets, Linux 6.12.
constexpr std::uint32_t kLandlockTruncation = 3;
constexpr std::uint32_t kLandlockScopes = 6;

// The kernel's Landlock ABI, 0 where it has none or it is switched off.
std::uint32_t landlock_abi() noexcept;
#ifdef SNAPJAIL_TEST_LAYERS
// As on an older kernel, whose ABI is this one.
void pretend_landlock_abi(std::uint32_t abi_max) noexcept;
#endif

// Forbids, for the caller and all it will start: writing outside /tmp, the plan's tmpfs and /dev,
// TCP bind and connect (ABI 4), device ioctls (5), abstract sockets and signals to outside (6).
// Reading and executing stay allowed everywhere: the root holds nothing else. Wants no_new_privs;
// forbids mount(2) afterwards. Returns 0 or an errno.
int restrict_guest_by_landlock(const JailPlan& plan) noexcept;

// The same for a guest of tier `process`: reading and executing are allowed beneath what the plan
// names, reading and writing in `folder`; nothing else can be opened.
int restrict_placed_guest_by_landlock(const JailPlan& plan, const char* folder) noexcept;

// Forbids every access to files, TCP, abstract sockets and signals to outside. Descriptors that are
// open stay usable. Returns 0 or an errno.
int restrict_all_by_landlock(std::uint32_t abi) noexcept;

}  // namespace snapjail::jail
