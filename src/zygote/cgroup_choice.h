#pragma once
// make_cgroups: the cgroups of all slots, as the operator wants them. For the supervisor, and for
// whoever runs one job; before the first zygote is launched.

#include <cstdint>
#include <string>

#include "base/result.h"
#include "jail/cgroup/slots.h"
#include "jail/limits.h"
#include "jail/root/jail_settings.h"
#include "zygote/launcher.h"

namespace snapjail::zygote {

enum class CgroupUse : unsigned char {
    kAuto,  // Whatever can be had.
    kOff,
    kRequire,  // Memory and pids, and processor time if it is limited, or no start.
};

struct CgroupChoice {
    CgroupUse use = CgroupUse::kAuto;
    std::uint32_t slots = 1;
    const jail::Limits& limits;
    const jail::JailSettings& jail;
};

// Tries, unless they are off. Where they are required an error says what is missing and how it is
// to be had; else what the configuration asks for and this host does not give is logged.
Result<jail::cgroup::Slots> make_cgroups(const CgroupChoice& choice, const ZygoteSpec& spec);

// "v1: memory pids", or "none" and why: for the log.
std::string describe(const jail::cgroup::Slots& cgroups, CgroupUse use);

}  // namespace snapjail::zygote
