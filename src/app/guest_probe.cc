#include "app/guest_probe.h"

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "app/departures.h"
#include "app/job_runner.h"
#include "sched/outcome.h"

namespace snapjail::app {
namespace {

// Each value is what happened: the name of an error, or "done" where it should not be.
constexpr const char* kScript = R"(
import ctypes, errno, os, resource, socket

libc = ctypes.CDLL(None, use_errno=True)

def tried(action):
    try:
        action()
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]

def called(*arguments):
    done = libc[arguments[0]](*arguments[1:]) == 0
    return "done" if done else errno.errorcode[ctypes.get_errno()]

def changed_mode():
    os.chmod("script.py", 0o640)
    return "done" if os.stat("script.py").st_mode & 0o777 == 0o640 else "not done"

def signalled_child():
    child = os.fork()
    if child == 0:
        os._exit(0)
    result = tried(lambda: os.kill(child, 15))  # Not reaped yet: the number is still its own.
    os.waitpid(child, 0)
    return result

def capabilities():
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    return "none" if libc.capget(header, data) == 0 and not any(data) else "some"

def main():
    return {
        "network": tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)),
        "new namespaces": called("unshare", 0x10000000),
        "mounts": called("mount", b"none", b"/tmp", b"tmpfs", 0, None),
        "capabilities": capabilities(),
        "no_new_privs": str(libc.prctl(39, 0, 0, 0, 0)),
        "seccomp": "filter" if libc.prctl(21, 0, 0, 0, 0) == 2 else "off",
        "system files": tried(lambda: open("/usr/probe", "w")),
        "passwords": tried(lambda: open("/etc/shadow")),
        "other processes": "PID 1" if os.getpid() == 1 else tried(lambda: os.kill(os.getppid(), 0)),
        "user": "root" if 0 in (os.getuid(), os.geteuid())
                else "not root, in its group" if os.getgid() == 0 else "not root",
        "own folder": " ".join(os.listdir(os.getcwd())),
        "memory": "bounded" if resource.getrlimit(resource.RLIMIT_AS)[1] > 0 else "unbounded",
        "/tmp": tried(lambda: open("/tmp/probe", "w")),
        "/dev/shm": tried(lambda: open("/dev/shm/probe", "w")),
        "modes": changed_mode(),
        "signals": signalled_child(),
        "processes": str(resource.getrlimit(resource.RLIMIT_NPROC)[1]),
    }
)";

struct Expectation {
    const char* name;
    std::string_view full;
    std::string_view process;
};
// What may be seen, separated by "|".
constexpr Expectation kExpectations[] = {
    {"network", "EPERM", "EPERM"},
    {"new namespaces", "EPERM", "EPERM"},
    {"mounts", "EPERM", "EPERM"},
    {"capabilities", "none", "none"},
    {"no_new_privs", "1", "1"},
    {"seccomp", "filter", "filter"},
    {"system files", "EROFS|EACCES", "EACCES|EROFS"},
    {"passwords", "ENOENT|EACCES", "ENOENT|EACCES"},
    {"other processes", "PID 1", "EPERM"},
    // Where ids are the service's own: `docker run --user 1000` leaves the group as it is.
    {"user", "not root", "not root|not root, in its group"},
    {"own folder", "script.py", "script.py"},
    {"memory", "bounded", "bounded"},
};

// What the contract promises, and a host may not give: no wall.
struct Promise {
    const char* name;
    std::string_view kept;
    Departure otherwise;
};

std::string_view text_of(const boost::json::object& seen, const char* name) {
    const auto* value = seen.if_contains(name);
    return value != nullptr && value->is_string() ? std::string_view(value->get_string())
                                                  : "nothing";
}

jail::HostLayer make_row(const Promise& promise, jail::Tier tier, const boost::json::object& seen) {
    std::string_view text = text_of(seen, promise.name);
    jail::HostLayer row{.name = std::string("contract: ") + promise.name,
                        .need = jail::Need::kInformative,
                        .stands = text == promise.kept,
                        .detail = "as promised",
                        .remedy = {}};
    if (!row.stands) {
        row.detail = std::string(promise.otherwise.what) + " (seen " + std::string(text) + ")";
        row.remedy = tier == jail::Tier::kFull ? kGvisorRemedy : kWholeContractRemedy;
    }
    return row;
}

bool is_one_of(std::string_view seen, std::string_view expected) {
    std::string all = "|" + std::string(expected) + "|";
    return all.find("|" + std::string(seen) + "|") != std::string::npos;
}

jail::HostLayer make_row(const Expectation& expectation, std::string_view expected,
                         const boost::json::object& seen) {
    std::string text(text_of(seen, expectation.name));
    jail::HostLayer row{.name = std::string("inside: ") + expectation.name,
                        .stands = is_one_of(text, expected),
                        .detail = "expected " + std::string(expected) + ", seen " + text,
                        .remedy = {}};
    if (!row.stands) {
        row.remedy = "do not run scripts here, and report it as SECURITY.md says";
    }
    return row;
}

std::string describe(const sched::Ending& ending) {
    if (const auto* failed = std::get_if<sched::Failed>(&ending)) {
        return failed->reason;
    }
    if (const auto* overloaded = std::get_if<sched::Overloaded>(&ending)) {
        return overloaded->reason;
    }
    if (const auto* faulted = std::get_if<sched::Faulted>(&ending)) {
        return faulted->message;
    }
    return "it was ended by a limit or a signal";
}

}  // namespace

Result<std::vector<jail::HostLayer>> probe_guest(const Options& options, jail::Tier tier) {
    sched::Outcome outcome = TRY(run_one_job(options, kScript));
    const auto* returned = std::get_if<sched::Returned>(&outcome.ending);
    boost::json::error_code error;
    auto seen = boost::json::parse(returned != nullptr ? returned->json : "null", error);
    if (error || !seen.is_object()) {
        return Error{ErrorKind::kSystem, "probe a guest", 0, describe(outcome.ending)};
    }
    std::vector<jail::HostLayer> rows;
    for (const Expectation& expectation : kExpectations) {
        rows.push_back(make_row(expectation,
                                tier == jail::Tier::kFull ? expectation.full : expectation.process,
                                seen.get_object()));
    }
    const std::string processes_max = std::to_string(options.limits.processes_max);
    for (const Promise& promise :
         {Promise{"/tmp", "done", kNoOwnTmp}, Promise{"/dev/shm", "done", kNoSharedMemory},
          Promise{"processes", processes_max, kProcessesAreWatched},
          Promise{"modes", "done", kModesStay}, Promise{"signals", "done", kSignalsItself}}) {
        rows.push_back(make_row(promise, tier, seen.get_object()));
    }
    return rows;
}

}  // namespace snapjail::app
