#include "base/unique_fd.h"

#include <unistd.h>

#include <cerrno>

#include "base/check.h"

namespace snapjail {

void UniqueFd::reset() {
    if (!is_open()) {
        return;
    }
    int saved_errno = errno;
    int rc = ::close(release());
    // Linux frees the descriptor before close() can report EINTR or EIO, so closing again could hit
    // a descriptor another thread has just opened. EBADF, though, means that we own a number that
    // is not ours: a double close.
    CHECK(rc == 0 || errno != EBADF);
    errno = saved_errno;
}

}  // namespace snapjail
