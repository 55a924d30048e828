// Runs a program under nothing, asks the guests' filters about each of its system calls, and says
// at the end which they are, how often, and what a jail would have answered. See docs/seccomp.md.
//
// Not a part of the product: the filter that it loads only tells us of a call (user notification);
// the verdict is worked out here, from the very programs that guests are under. The program runs
// unconfined, so it must be one that may.

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "base/syscall.h"
#include "jail/seccomp/filter_evaluator.h"
#include "jail/seccomp/syscall_table.h"
#include "jail/seccomp_policy.h"

namespace {

using namespace snapjail;

constexpr int kListenerFd = 3;  // The first free one after close_range().
constexpr int kExitUsage = 2;
constexpr int kExitFailed = 125;
constexpr std::size_t kNamesMax = 4;  // Of programs, for each row: enough to know where to look.

struct CommandLine {
    const char* output = nullptr;
    bool refuses = false;
    char** program = nullptr;
};

// A run that takes too long is told, too: what was seen until then is worth its while.
volatile std::sig_atomic_t is_told_to_end = 0;

std::optional<CommandLine> parse(int argc, char** argv) {
    CommandLine line;
    int at = 1;
    for (; at < argc && std::string_view(argv[at]) != "--"; ++at) {
        std::string_view word = argv[at];
        if (word == "--refuse") {
            line.refuses = true;
        } else if (word == "--output" && at + 1 < argc) {
            line.output = argv[++at];
        } else {
            return std::nullopt;
        }
    }
    line.program = argv + at + 1;
    if (at + 1 >= argc || line.output == nullptr) {
        return std::nullopt;
    }
    return line;
}

// After fork(). Once the filter stands, every call waits for the tracer, exec's included.
[[noreturn]] void become_traced(char** program) {
    ::syscall(SYS_close_range, kListenerFd, ~0u, 0);
    sock_filter tell[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)};
    sock_fprog filter{1, tell};
    constexpr unsigned kFlags =
        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    // As in a jail: some programs behave differently where they may gain rights by exec.
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, kFlags, &filter) != kListenerFd) {
        ::_exit(kExitFailed);
    }
    ::execvp(program[0], program);
    ::_exit(kExitFailed);
}

// The child cannot send it: the sending itself would wait for us.
Result<UniqueFd> take_listener(pid_t child) {
    UniqueFd pidfd = TRY(open_pidfd(child));
    for (int tries = 0; tries < 5'000; ++tries) {
        long fd = ::syscall(SYS_pidfd_getfd, pidfd.get(), kListenerFd, 0);
        if (fd >= 0) {
            return UniqueFd(static_cast<int>(fd));
        }
        pollfd ended{pidfd.get(), POLLIN, 0};
        if (::poll(&ended, 1, 1) > 0) {
            break;
        }
    }
    return Error::from_errno("take the child's listener", errno);
}

// One row: what was called, with what of its judged arguments, and what the answer would be.
struct Row {
    std::string call;
    std::string arguments;
    std::string answer;
    bool operator<(const Row& other) const {
        return std::tie(answer, call, arguments) <
               std::tie(other.answer, other.call, other.arguments);
    }
};

struct Tally {
    std::uint64_t count = 0;
    std::set<std::string> programs;
};

std::string name_of(int number) {
    std::unique_ptr<char, decltype(&std::free)> name(
        ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number), std::free);
    return name ? name.get() : "number " + std::to_string(number);
}

// The low word, all that the filters look at.
std::string hexadecimal(std::uint64_t value) {
    std::string text(16, '\0');
    int size = std::snprintf(text.data(), text.size(), "0x%x", static_cast<unsigned>(value));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

std::string judged_arguments(std::string_view call, const seccomp_data& data) {
    std::string text;
    for (const jail::ArgumentRule& rule : jail::argument_rules()) {
        if (rule.call == call) {
            text += (text.empty() ? "" : " ") + hexadecimal(data.args[rule.argument] & rule.mask);
        }
    }
    // Refused whole, and yet it tells what was looked for.
    return call == "socket" ? hexadecimal(data.args[0]) : text;
}

std::string program_of(unsigned pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
    std::string name;
    std::getline(file, name);
    return name;
}

class Tracer {
  public:
    Tracer(jail::SeccompProgram zygote, jail::SeccompProgram guest, bool refuses)
        : zygote_(zygote), guest_(guest), refuses_(refuses) {}

    // Until the last process under the filter has ended, or we are told to end.
    void run(const UniqueFd& listener) {
        pollfd source{listener.get(), POLLIN, 0};
        while (is_told_to_end == 0 && (::poll(&source, 1, -1) >= 0 || errno == EINTR)) {
            if ((source.revents & POLLIN) != 0) {
                answer_one(listener);
            } else if ((source.revents & POLLHUP) != 0) {
                return;
            }
        }
    }

    bool write(const char* path) const {
        std::ofstream file(path);
        file << "answer\tcall\targuments\tcount\tprograms\n";
        for (const auto& [row, tally] : rows_) {
            file << row.answer << '\t' << row.call << '\t' << row.arguments << '\t' << tally.count
                 << '\t';
            for (const std::string& program : tally.programs) {
                file << program << ' ';
            }
            file << '\n';
        }
        return file.good();
    }

  private:
    std::uint32_t judge(const seccomp_data& call) const {
        auto ask = [&](const jail::SeccompProgram& program) {
            auto answer =
                jail::evaluate_filter(std::span(program.instructions.data(), program.count), call);
            CHECK(answer.has_value());
            return *answer;
        };
        return jail::stricter_answer(ask(guest_), ask(zygote_));
    }

    void answer_one(const UniqueFd& listener) {
        seccomp_notif told{};
        if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &told) != 0) {
            return;  // It was killed meanwhile.
        }
        std::uint32_t verdict = judge(told.data);
        note(told, verdict);
        seccomp_notif_resp response{};
        response.id = told.id;
        response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        if (refuses_ && (verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO) {
            response.flags = 0;
            response.error = -static_cast<int>(verdict & SECCOMP_RET_DATA);
        }
        ::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &response);
    }

    void note(const seccomp_notif& told, std::uint32_t verdict) {
        std::uint32_t action = verdict & SECCOMP_RET_ACTION_FULL;
        Row row{.call = name_of(told.data.nr), .arguments = {}, .answer = "allowed"};
        row.arguments = judged_arguments(row.call, told.data);
        if (action != SECCOMP_RET_ALLOW) {
            const char* name = ::strerrorname_np(static_cast<int>(verdict & SECCOMP_RET_DATA));
            row.answer = action == SECCOMP_RET_ERRNO && name != nullptr ? name : "killed";
        }
        Tally& tally = rows_[row];
        ++tally.count;
        if (row.answer != "allowed" && tally.programs.size() < kNamesMax) {
            tally.programs.insert(program_of(told.pid));
        }
    }

    jail::SeccompProgram zygote_;
    jail::SeccompProgram guest_;
    bool refuses_;
    std::map<Row, Tally> rows_;
};

Result<int> trace(const CommandLine& line) {
    Tracer tracer(TRY(jail::compile_zygote_filter()), TRY(jail::compile_guest_filter()),
                  line.refuses);
    pid_t child = ::fork();
    if (child < 0) {
        return Error::from_errno("fork", errno);
    }
    if (child == 0) {
        become_traced(line.program);
    }
    // What a terminal sends is for the program; we report when it has ended.
    ::signal(SIGINT, SIG_IGN);
    struct sigaction end {};
    end.sa_handler = [](int) { is_told_to_end = 1; };
    ::sigaction(SIGTERM, &end, nullptr);
    UniqueFd listener = TRY(take_listener(child));
    tracer.run(listener);
    if (is_told_to_end != 0) {
        ::kill(child, SIGKILL);
    }
    // Those that are left find that nobody listens: their calls fail.
    listener.reset();
    int status = 0;
    TRY(retry_eintr("waitpid", [&] { return ::waitpid(child, &status, 0); }));
    if (!tracer.write(line.output)) {
        return Error::from_errno("write the report", EIO, line.output);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

int main(int argc, char** argv) {
    auto line = parse(argc, argv);
    if (!line) {
        std::fputs(
            "usage: trace_syscalls [--refuse] --output FILE -- PROGRAM [ARGUMENT ...]\n"
            "Runs PROGRAM, unconfined, and writes to FILE, tab-separated, each system call that "
            "it\n"
            "made and what a jail's filters would answer. --refuse: give that answer, too.\n",
            stderr);
        return kExitUsage;
    }
    auto status = trace(*line);
    if (!status) {
        std::fprintf(stderr, "trace_syscalls: %s\n", status.error().to_string().c_str());
        return kExitFailed;
    }
    return *status;
}
