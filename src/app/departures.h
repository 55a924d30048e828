#pragma once
// Departures: in what a job's world differs from the contract's on this host. None in tier `full`
// on Linux, nor in tier `process` where each slot has a root and an id of its own. /health lists
// them, the log does at start, and `snapjail doctor` looks for each from inside a jail.

#include <string>
#include <string_view>
#include <vector>

#include "jail/seccomp_policy.h"

namespace snapjail::app {

struct Departure {
    std::string_view name;  // In /health. Tests read it.
    std::string_view what;  // For people.
};

constexpr Departure kNoOwnTmp{
    "tmp", "a job works in a folder of its own, os.getcwd(), and not in /tmp, which is refused"};
constexpr Departure kNoSharedMemory{
    "dev_shm",
    "there is no /dev/shm: multiprocessing has no Lock, and so no Queue, no Pool and no Value"};
constexpr Departure kProcessesAreWatched{
    "processes",
    "one process or thread too many is not refused: the job is ended, with memory_limit"};

constexpr Departure kModesStay{
    "modes", "chmod and utime answer that it is done and do nothing: files keep modes and times"};
constexpr Departure kSignalsItself{
    "signals",
    "a script may signal its own process alone: it cannot end what it has started, nor can "
    "subprocess with a timeout"};

constexpr std::string_view kWholeContractRemedy =
    "start the image (for its roots) without --read-only, --cap-drop and no-new-privileges, or "
    "give tier full";

constexpr std::string_view kGvisorRemedy = "Linux in place of gVisor";

std::vector<Departure> departures_of(const jail::GuestHost& host, bool has_roots);

// As /health's settings carry them: "name=what", each ended by a newline.
std::string to_lines(const std::vector<Departure>& departures);

}  // namespace snapjail::app
