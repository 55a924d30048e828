#include "app/command/run_command.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>
#include <string_view>
#include <utility>
#include <variant>

#include "api/execute_response.h"
#include "api/json_text.h"
#include "api/routes.h"
#include "app/complaint.h"
#include "app/job_runner.h"
#include "base/syscall.h"
#include "jail/privileges.h"

namespace snapjail::app {
namespace {

constexpr int kExitScriptFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitInternal = 70;      // EX_SOFTWARE of sysexits.h.
constexpr int kExitTimeLimit = 124;    // As timeout(1) has it.
constexpr int kExitMemoryLimit = 137;  // As a shell sees the kernel's OOM killer: 128 + SIGKILL.
constexpr int kSignalBase = 128;

Result<std::string> read_script(const std::string& file, std::size_t bytes_max) {
    std::string script =
        file == "-" ? TRY(read_fd_to_end(
                          UniqueFd(TRY(retry_eintr(
                              "dup", [] { return ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3); }))),
                          bytes_max))
                    : TRY(read_file(file, bytes_max));
    if (auto fault = api::find_utf8_fault(script)) {
        return Error{ErrorKind::kInvalid, "read the script", 0,
                     file + " is not UTF-8 at byte " + std::to_string(*fault)};
    }
    return script;
}

void put(std::FILE* stream, std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stream);
    if (!text.empty() && text.back() != '\n') {
        std::fputc('\n', stream);
    }
}

// The answer's error and traceback: the words are those of the service, in one place.
void put_fault(const std::string& body) {
    boost::json::error_code error;
    auto parsed = boost::json::parse(body, error);
    if (error || !parsed.is_object()) {
        return;
    }
    for (const char* key : {"traceback", "error"}) {
        const auto* text = parsed.get_object().if_contains(key);
        if (text != nullptr && text->is_string()) {
            put(stderr, text->get_string());
        }
    }
}

int report(const sched::Outcome& outcome) {
    api::ApiLimits limits;
    auto answer =
        api::make_execute_response(outcome,
                                   {.bytes_max = limits.result_bytes_max,
                                    .depth_max = static_cast<std::size_t>(limits.result_depth_max)},
                                   "terminal");
    bool is_result_valid = answer.response.status == 200;
    put(stderr, outcome.stdout_bytes);
    if (outcome.stdout_truncated) {
        put(stderr, "snapjail: the output was longer, and is cut here");
    }
    if (const auto* failed = std::get_if<sched::Failed>(&outcome.ending)) {
        put(stderr, "snapjail: " + failed->reason);
    } else if (!is_result_valid) {
        put_fault(answer.response.body);
    } else if (const auto* returned = std::get_if<sched::Returned>(&outcome.ending)) {
        put(stdout, returned->json);
    }
    return exit_status_of(outcome.ending, is_result_valid);
}

}  // namespace

int exit_status_of(const sched::Ending& ending, bool is_result_valid) {
    return std::visit(
        sched::Overload{
            [&](const sched::Returned&) { return is_result_valid ? 0 : kExitScriptFailed; },
            [](const sched::Faulted& fault) {
                return fault.kind == sched::FaultKind::kMemoryLimit ? kExitMemoryLimit
                                                                    : kExitScriptFailed;
            },
            [](const sched::TimedOut&) { return kExitTimeLimit; },
            [](const sched::CpuExhausted&) { return kExitTimeLimit; },
            [](const sched::Signaled& end) { return kSignalBase + end.signal; },
            [](const sched::Overloaded&) { return kExitInternal; },
            [](const sched::Failed&) { return kExitInternal; },
        },
        ending);
}

int run_file(const std::string& file, const Options& options) {
    log::start("run", options.log_level);
    (void)jail::take_up_capabilities();  // What it would have given, the probes then find missing.
    auto script = read_script(file, options.script_bytes_max);
    if (!script) {
        std::fprintf(stderr, "snapjail: %s\n", script.error().to_string().c_str());
        return kExitUsage;
    }
    auto outcome = run_one_job(options, std::move(*script));
    if (!outcome) {
        std::fprintf(stderr, "snapjail: %s\n", complaint(outcome.error()).c_str());
        return kExitInternal;
    }
    return report(*outcome);
}

}  // namespace snapjail::app
