#pragma once
// in_child: for tests of what cannot be undone. Runs a probe in a forked child and gives its
// answer.

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace snapjail::jail {

// What the child's `probe` returns (0 to 255), or minus the signal that ended it.
template <class Probe>
int in_child(Probe probe) {
    pid_t child = ::fork();
    if (child == 0) {
        ::_exit(probe());
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace snapjail::jail
