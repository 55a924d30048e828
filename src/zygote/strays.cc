#include "zygote/strays.h"

#include <poll.h>
#include <sched.h>
#include <sys/wait.h>

#include <csignal>

#include "zygote/process_table.h"

namespace snapjail::zygote {
namespace {

// Rounds that only yield, before we sleep between two.
constexpr int kQuickRounds = 8;

}  // namespace

bool end_strays(const std::function<bool(pid_t)>& is_ours, std::chrono::milliseconds patience) {
    auto deadline = std::chrono::steady_clock::now() + patience;
    // Twice nothing: a child that ends while the list is read may hide another.
    for (int round = 0, empty_rounds = 0; empty_rounds < 2; ++round) {
        ++empty_rounds;
        for (pid_t pid : read_own_children()) {
            if (is_ours(pid)) {
                continue;
            }
            empty_rounds = 0;
            // Our child, and not reaped: the number is still its.
            ::kill(pid, SIGKILL);
            (void)::waitpid(pid, nullptr, WNOHANG);
        }
        if (empty_rounds > 0) {
            continue;
        }
        if (round < kQuickRounds) {
            ::sched_yield();
        } else if (std::chrono::steady_clock::now() >= deadline) {
            return false;
        } else {
            (void)::poll(nullptr, 0, 1);
        }
    }
    return true;
}

}  // namespace snapjail::zygote
