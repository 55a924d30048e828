#include "api/execute_response.h"

#include <string.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <variant>

#include "api/json_text.h"
#include "base/check.h"

namespace snapjail::api {
namespace {

// Of an answer besides what the guest sent: keys, quotes and a sentence of ours.
constexpr std::size_t kFrameBytes = 256;

constexpr std::string_view kNotJson = "main() returned a non-JSON-serializable value";

struct Fault {
    int status;
    std::string_view type;
    std::string message;
    std::string_view traceback = {};
};

struct FaultWords {
    std::string_view type;
    std::string_view
        beginning;  // Of the message, whatever the guest wrote; empty where it is free.
    std::string_view otherwise;  // The message, if the guest wrote none.
};

FaultWords words_of(sched::FaultKind kind) {
    using sched::FaultKind;
    switch (kind) {
        case FaultKind::kNoMain:
            return {"no_main", "script must define main()", ""};
        case FaultKind::kSyntaxError:
            return {"syntax_error", "", "SyntaxError"};
        case FaultKind::kException:
            return {"exception", "", "script raised an exception"};
        case FaultKind::kExit:
            return {"exit", "", "script exited before main() returned"};
        case FaultKind::kNotJson:
            return {"not_json", kNotJson, ""};
        case FaultKind::kResultTooLarge:
            return {"result_too_large", "", "result is too large"};
        case FaultKind::kMemoryLimit:
            return {"memory_limit", "memory limit exceeded", ""};
    }
    CHECK(false);
    return {};  // gcc's thread sanitizer hides from it that the line above does not return.
}

Fault fault_of(const sched::Faulted& faulted) {
    FaultWords words = words_of(faulted.kind);
    std::string message = faulted.message;
    if (message.empty()) {
        message = words.beginning.empty() ? words.otherwise : words.beginning;
    } else if (!message.starts_with(words.beginning)) {
        message = std::string(words.beginning) + ": " + message;
    }
    return {400, words.type, std::move(message), faulted.traceback};
}

// "6", "1.5", "0.25"
std::string seconds_text(std::chrono::milliseconds time) {
    std::string text = std::to_string(time.count() / 1000);
    auto rest = time.count() % 1000;
    if (rest != 0) {
        std::string digits = std::to_string(1000 + rest);
        text += "." + digits.substr(1, digits.find_last_not_of('0'));
    }
    return text;
}

std::string size_text(std::size_t bytes) {
    constexpr std::size_t kMiB = 1024 * 1024;
    return bytes % kMiB == 0 && bytes > 0 ? std::to_string(bytes / kMiB) + " MiB"
                                          : std::to_string(bytes) + " bytes";
}

std::string signal_text(int signal) {
    const char* name = ::sigabbrev_np(signal);
    return name != nullptr ? std::string("killed by SIG") + name
                           : "killed by signal " + std::to_string(signal);
}

// What is wrong with a result, if anything.
std::optional<Fault> check_result(const std::string& json, const ResultLimits& limits) {
    if (json.size() > limits.bytes_max) {
        return Fault{400, "result_too_large",
                     "result is larger than " + size_text(limits.bytes_max)};
    }
    if (auto fault = find_json_fault(json, limits.depth_max)) {
        return Fault{400, "not_json",
                     std::string(kNotJson) + ": " + std::string(fault->what) + " (byte " +
                         std::to_string(fault->offset) + " of its JSON)"};
    }
    return std::nullopt;
}

void append_stdout(std::string& body, const sched::Outcome& outcome) {
    body += ",\"stdout\":";
    std::string_view bytes = outcome.stdout_bytes;
    // The cut was ours: half a character at its place is not the script's mistake.
    append_json_string(body, outcome.stdout_truncated ? without_cut_character(bytes) : bytes);
    if (outcome.stdout_truncated) {
        body += ",\"stdout_truncated\":true";
    }
}

ExecuteResponse make_fault_response(const Fault& fault, const sched::Outcome& outcome) {
    std::string body;
    body.reserve(kFrameBytes + fault.message.size() + fault.traceback.size() +
                 outcome.stdout_bytes.size());
    body += "{\"error\":";
    append_json_string(body, fault.message);
    body += ",\"error_type\":";
    append_json_string(body, fault.type);
    append_stdout(body, outcome);
    if (!fault.traceback.empty()) {
        body += ",\"traceback\":";
        append_json_string(body, fault.traceback);
    }
    body += '}';
    return {{.status = fault.status, .headers = {}, .body = std::move(body)}, fault.type};
}

ExecuteResponse make_result_response(const std::string& json, const sched::Outcome& outcome) {
    std::string body;
    body.reserve(kFrameBytes + json.size() + outcome.stdout_bytes.size());
    body += "{\"result\":";
    body += json;
    append_stdout(body, outcome);
    body += '}';
    return {{.status = 200, .headers = {}, .body = std::move(body)}, "returned"};
}

}  // namespace

ExecuteResponse make_execute_response(const sched::Outcome& outcome, const ResultLimits& limits,
                                      std::string_view job_id) {
    using std::chrono::milliseconds;
    auto answer_fault = [&](Fault fault) { return make_fault_response(fault, outcome); };
    auto answer_limit = [&](std::string_view type, milliseconds limit, const char* of_what) {
        return answer_fault(
            {400, type,
             "execution time limit exceeded (" + seconds_text(limit) + " s of " + of_what + ")"});
    };
    return std::visit(
        sched::Overload{
            [&](const sched::Returned& returned) {
                std::optional<Fault> fault = check_result(returned.json, limits);
                return fault ? answer_fault(*fault) : make_result_response(returned.json, outcome);
            },
            [&](const sched::Faulted& faulted) { return answer_fault(fault_of(faulted)); },
            [&](const sched::TimedOut& end) {
                return answer_limit("time_limit", end.limit, "wall time");
            },
            [&](const sched::CpuExhausted& end) {
                return answer_limit("cpu_limit", end.limit, "CPU time");
            },
            [&](const sched::Signaled& end) {
                return answer_fault({400, "signal", signal_text(end.signal)});
            },
            [&](const sched::Overloaded& end) {
                ExecuteResponse answer = answer_fault(
                    {503, "overloaded",
                     end.reason.empty() ? "too many jobs are waiting; try again" : end.reason});
                // 0 would invite the client to come back at once.
                auto seconds = std::max(end.retry_after, std::chrono::seconds(1));
                answer.response.headers.emplace_back("Retry-After",
                                                     std::to_string(seconds.count()));
                return answer;
            },
            [&](const sched::Failed&) {
                return answer_fault(
                    {500, "internal", "internal error; request id " + std::string(job_id)});
            },
        },
        outcome.ending);
}

std::string make_refusal_body(std::string_view message, std::string_view type) {
    return make_fault_response({0, type, std::string(message)}, {}).response.body;
}

}  // namespace snapjail::api
