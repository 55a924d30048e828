#pragma once
// CHECK(condition): a bug in Snapjail, on in release too. It prints where and what, and aborts.
// Never on anything that a client, a guest or the kernel can influence: that is a Result.

#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace snapjail {

// Only write(2) and abort(3): it may run after fork, with a lock held, or out of memory.
[[noreturn]] inline void check_failed(const char* where, const char* what) noexcept {
    for (const char* text : {"CHECK failed: ", what, " at ", where, "\n"}) {
        if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) {
            break;
        }
    }
    std::abort();
}

}  // namespace snapjail

#define SNAPJAIL_STRINGIZE_2(x) #x
#define SNAPJAIL_STRINGIZE(x) SNAPJAIL_STRINGIZE_2(x)
#define CHECK(condition)                                                                     \
    do {                                                                                     \
        if (!(condition)) [[unlikely]] {                                                     \
            ::snapjail::check_failed(__FILE__ ":" SNAPJAIL_STRINGIZE(__LINE__), #condition); \
        }                                                                                    \
    } while (false)
