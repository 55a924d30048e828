#pragma once
// Outcome: what became of a job, as a value. What a guest did is never an Error: an endless loop
// that was stopped in time is a service well done. The one exception is Failed, which is our fault.

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

namespace snapjail::sched {

// main() returned and its value is JSON. `json` is the guest's own text: not yet validated here.
struct Returned {
    std::string json;
};

// What the runner in the guest says went wrong. The words are those of the contract's table.
enum class FaultKind : std::uint8_t {
    kNoMain,
    kSyntaxError,
    kException,
    kExit,  // SystemExit, os._exit, or the process ended before main() returned.
    kNotJson,
    kResultTooLarge,
    kMemoryLimit,  // A MemoryError that nobody caught, or the cgroup's limit.
};

// Everything in it is hostile text from the guest, bounded in size; not yet checked for UTF-8.
struct Faulted {
    FaultKind kind;
    std::string message;    // One sentence that begins as the contract's table says.
    std::string traceback;  // Empty where there is none.
};

struct TimedOut {
    std::chrono::milliseconds limit;
};

struct CpuExhausted {
    std::chrono::seconds limit;
};

struct Signaled {
    int signal;
};

// Refused before anything of the script ran; another try later may succeed.
struct Overloaded {
    std::string reason;
    std::chrono::seconds retry_after;
};

// Our fault. `reason` is for the log, never for the client.
struct Failed {
    std::string reason;
};

using Ending =
    std::variant<Returned, Faulted, TimedOut, CpuExhausted, Signaled, Overloaded, Failed>;

struct Outcome {
    Ending ending;
    std::string stdout_bytes;  // Raw bytes of file descriptor 1, at most the configured size.
    bool stdout_truncated = false;
    std::chrono::microseconds queue_time{};  // From submission until a guest had the script.
    std::chrono::microseconds run_time{};    // From then until the ending was known.
    std::string profile = {};                // Whose guest it ran in; empty: it did not run.
};

template <class... Visitors>
struct Overload : Visitors... {
    using Visitors::operator()...;
};
template <class... Visitors>
Overload(Visitors...) -> Overload<Visitors...>;

}  // namespace snapjail::sched
