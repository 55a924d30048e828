// seccomp_string and seccomp_policy_file: see settings_reader.h.
#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "jail/nsjail/kafel_compiler.h"
#include "jail/nsjail/kafel_syscalls.h"
#include "jail/nsjail/settings_reader.h"

namespace snapjail::jail::nsjail {
namespace {

// Of a call that every guest makes before its script runs, or to hand its result over: whether it
// goes on where the policy answers with an error, or only where it lets the call through.
enum class Answer : unsigned char { kMustSucceed, kMayFail };

// The first arguments are those of the call that a guest makes. Found by killing guests for one
// call after the other; tests/nsjail starts guests, warm and cold, under a policy of these alone.
struct Need {
    const char* name;
    std::uint64_t first_argument;
    Answer answer = Answer::kMustSucceed;
};
constexpr std::uint64_t kHere = 0xffffff9c;  // AT_FDCWD, as an int.
constexpr auto kNeeds = std::to_array<Need>({{"read", 3},
                                             {"write", 1},
                                             {"writev", 255},
                                             {"poll", 0},
                                             {"openat", kHere},
                                             {"close", 5},
                                             {"fstat", 5},
                                             {"newfstatat", kHere},
                                             {"lseek", 5},
                                             {"ioctl", 5},
                                             {"mmap", 0},
                                             {"munmap", 0},
                                             {"brk", 0},
                                             {"getrandom", 0},
                                             {"unlink", 0},
                                             {"rt_sigaction", 2},
                                             {"exit_group", 0},
                                             {"getpid", 0, Answer::kMayFail},
                                             {"gettid", 0, Answer::kMayFail}});
// What the first guest of a warm zygote takes beside them, for a script of ours that it runs first.
constexpr auto kWarmNeeds = std::to_array<Need>({{"fcntl", 3}, {"dup2", 3}});
// What starting an interpreter takes.
constexpr auto kColdNeeds = std::to_array<Need>({{"execve", 0},
                                                 {"arch_prctl", 0x1002},  // ARCH_SET_FS.
                                                 {"fcntl", 3},
                                                 {"futex", 0},
                                                 {"getdents64", 3},
                                                 {"mprotect", 0},
                                                 {"pread64", 3},
                                                 {"access", 0, Answer::kMayFail},
                                                 {"prlimit64", 0, Answer::kMayFail},
                                                 {"readlink", 0, Answer::kMayFail},
                                                 {"rseq", 0, Answer::kMayFail},
                                                 {"set_robust_list", 0, Answer::kMayFail},
                                                 {"set_tid_address", 0, Answer::kMayFail},
                                                 {"sysinfo", 0, Answer::kMayFail}});

bool is_met(const Need& need, std::uint32_t action) {
    bool is_let_through = action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
    bool is_an_error = (action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
    return is_let_through || (is_an_error && need.answer == Answer::kMayFail);
}

std::string missing_of(std::span<const Need> needs, const KafelPolicy& policy) {
    std::string missing;
    for (const Need& need : needs) {
        auto number = find_syscall(need.name);
        if (number && !is_met(need, decide(policy, {*number, {need.first_argument}}))) {
            missing += (missing.empty() ? "" : ", ") + std::string(need.name);
        }
    }
    return missing;
}

class SeccompReader {
  public:
    SeccompReader(ConfigText& text, const Surroundings& surroundings, FileSettings& settings)
        : text_(text), surroundings_(surroundings), settings_(settings) {}

    void read() {
        const auto& config = text_.config;
        bool has_text = config.seccomp_string_size() > 0;
        if (config.has_seccomp_policy_file() && has_text) {
            text_.diagnostics.error(text_.places->of("seccomp_policy_file"),
                                    "seccomp_policy_file and seccomp_string are both given; nsjail "
                                    "takes one");
        } else if (config.has_seccomp_policy_file()) {
            read_file_named(config.seccomp_policy_file());
        } else if (has_text) {
            std::string policy;
            for (const std::string& line : config.seccomp_string()) {
                policy += line + "\n";
            }
            take(policy, "seccomp_string", "");
        } else if (surroundings_.seccomp_use == PolicyUse::kReplace) {
            text_.diagnostics.error({},
                                    "--seccomp=replace needs a policy to stand in place of "
                                    "Snapjail's: the file has no seccomp_string and no "
                                    "seccomp_policy_file");
        }
    }

  private:
    std::string full_path(const std::string& name) const {
        return name.starts_with('/') ? name : surroundings_.folder + "/" + name;
    }

    void read_file_named(const std::string& name) {
        std::string path = full_path(name);
        auto policy = surroundings_.read_file(path);
        if (!policy) {
            text_.diagnostics.error(
                text_.places->of("seccomp_policy_file"),
                "cannot read " + name + ": " + std::strerror(policy.error().sys_errno));
            return;
        }
        folder_ = path.substr(0, path.rfind('/') + 1);
        take(*policy, "seccomp_policy_file", name + ":");
    }

    // Where a place of the policy stands in the file. Several seccomp_string are lines of one text,
    // and any of them may be several itself.
    Position place_of(const char* field, Position in_policy) const {
        int count = text_.config.seccomp_string_size();
        for (int i = 0; i < count; ++i) {
            const std::string& piece = text_.config.seccomp_string(i);
            auto lines = static_cast<int>(1 + std::count(piece.begin(), piece.end(), '\n'));
            if (in_policy.line <= lines) {
                return text_.places->inside(field, i, offset_in(piece, in_policy));
            }
            in_policy.line -= lines;
        }
        // The end of a policy stands after its last line.
        return text_.places->of(field, count - 1);
    }
    Position place_of(const char* field) const {
        return text_.places->of(field, text_.config.seccomp_string_size() > 0 ? 0 : -1);
    }

    void take(const std::string& text, const char* field, const std::string& file) {
        Diagnostics found;
        auto policy = parse_kafel(text, found, [this](const std::string& path) {
            return surroundings_.read_file(path.starts_with('/') ? path : folder_ + path);
        });
        for (const Diagnostic& one : found.all()) {
            std::string place = file.empty()
                                    ? "policy line " + std::to_string(one.position.line) +
                                          ", column " + std::to_string(one.position.column) + ": "
                                    : file + std::to_string(one.position.line) + ":" +
                                          std::to_string(one.position.column) + ": ";
            Position at = place_of(field, one.position);
            if (one.severity == Severity::kError) {
                text_.diagnostics.error(at, place + one.text);
            } else {
                text_.diagnostics.warning(at, place + one.text);
            }
        }
        if (!policy) {
            return;
        }
        report_missing(*policy, field);
        auto program = compile_kafel(*policy);
        if (!program) {
            text_.diagnostics.error(place_of(field), program.error().to_string());
            return;
        }
        settings_.jail.seccomp_policy = std::move(*program);
        settings_.jail.seccomp_use = surroundings_.seccomp_use;
        if (surroundings_.seccomp_use == PolicyUse::kReplace) {
            text_.diagnostics.warning(place_of(field),
                                      "--seccomp=replace: this policy stands in place of the "
                                      "guest's own filter, and what that refuses is refused only "
                                      "if the policy does; docs/nsjail.md says what remains");
        }
    }

    void report_missing(const KafelPolicy& policy, const char* field) {
        bool is_cold = surroundings_.start == GuestStart::kCold;
        std::string cold = missing_of(kColdNeeds, policy);
        std::string own = is_cold ? cold : missing_of(kWarmNeeds, policy);
        std::string missing = missing_of(kNeeds, policy);
        missing += (missing.empty() || own.empty() ? "" : ", ") + own;
        if (!missing.empty()) {
            text_.diagnostics.error(place_of(field),
                                    "no guest can start under this policy: allow " + missing);
        }
        if (!is_cold && !cold.empty()) {
            text_.diagnostics.note(place_of(field),
                                   "with --mode=cold, as `snapjail run` is, no guest could start: "
                                   "that takes " +
                                       cold);
        }
    }

    ConfigText& text_;
    const Surroundings& surroundings_;
    FileSettings& settings_;
    std::string folder_ = surroundings_.folder + "/";  // Of the policy; what it includes is there.
};

}  // namespace

void read_seccomp(ConfigText& text, const Surroundings& surroundings, FileSettings& settings) {
    SeccompReader(text, surroundings, settings).read();
}

}  // namespace snapjail::jail::nsjail
