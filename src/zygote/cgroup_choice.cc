#include "zygote/cgroup_choice.h"

#include "base/log.h"

namespace snapjail::zygote {
namespace {

using jail::cgroup::Controller;
using jail::cgroup::Slots;

constexpr const char* kRemedy =
    "docker run --privileged --cgroupns=host, or with a writable /sys/fs/cgroup; systemd: "
    "Delegate=memory pids cpu, and nobody else in the service's cgroup; or --cgroups=auto";

jail::cgroup::Limits limits_of(const CgroupChoice& choice) {
    const jail::JailSettings& settings = choice.jail;
    jail::cgroup::Limits limits;
    limits.memory_bytes_max = settings.cgroup_memory_bytes_max > 0
                                  ? settings.cgroup_memory_bytes_max
                                  : choice.limits.memory_bytes_max;
    limits.swap_bytes_max = settings.cgroup_swap_bytes_max;
    limits.pids_max = choice.limits.processes_max;
    limits.cpu_ms_per_second = settings.cpu_ms_per_second;
    return limits;
}

// What has no other limit that means the same.
std::string missing(const Slots& cgroups, const CgroupChoice& choice) {
    bool is_required = choice.use == CgroupUse::kRequire;
    std::string names;
    auto miss = [&](Controller controller, bool is_wanted) {
        if (is_wanted && !cgroups.bounds(controller)) {
            names += (names.empty() ? "" : ", ") + std::string(name_of(controller));
        }
    };
    miss(Controller::kMemory, is_required || choice.jail.cgroup_memory_bytes_max > 0);
    miss(Controller::kPids, is_required);
    miss(Controller::kCpu, choice.jail.cpu_ms_per_second > 0);
    return names;
}

}  // namespace

Result<Slots> make_cgroups(const CgroupChoice& choice, const ZygoteSpec& spec) {
    Slots cgroups;
    if (choice.use != CgroupUse::kOff) {
        cgroups = jail::cgroup::make_slots(
            {.limits = limits_of(choice), .slots = choice.slots, .guest_id = spec.outside_id});
    }
    std::string names = missing(cgroups, choice);
    if (names.empty()) {
        return cgroups;
    }
    if (choice.use == CgroupUse::kRequire) {
        return Error{ErrorKind::kUnsupported, "bound jobs by cgroups", 0,
                     "no cgroup here bounds " + names +
                         (cgroups.obstacles().empty() ? "" : ": " + cgroups.obstacles()) +
                         "; to mend: " + kRemedy};
    }
    log::warning("cgroup_limits_missing",
                 {{"controllers", names}, {"why", describe(cgroups, choice.use)}});
    return cgroups;
}

std::string describe(const Slots& cgroups, CgroupUse use) {
    if (use == CgroupUse::kOff) {
        return "off";
    }
    std::string text = cgroups.bounds_nothing() ? "none" : cgroups.summary();
    return cgroups.obstacles().empty() ? text : text + " (" + cgroups.obstacles() + ")";
}

}  // namespace snapjail::zygote
