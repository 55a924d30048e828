#pragma once
// in_child: for tests of what cannot be undone to a process's memory. And what a sanitizer does to
// that memory.

#include <cerrno>
#include <functional>

#include "jail/child_for_test.h"

namespace snapjail::zygote {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// And an allocator of its own; no interpreter that freezes its heap has either.
constexpr bool kHasShadowMemory = true;
#else
constexpr bool kHasShadowMemory = false;
#endif

// Runs `body` in a child of its own; true if it returned true there.
inline bool in_child(const std::function<bool()>& body) {
    return jail::in_child([&body] { return body() ? 0 : 1; }) == 0;
}

}  // namespace snapjail::zygote
