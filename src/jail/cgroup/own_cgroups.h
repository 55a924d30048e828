#pragma once
// find_own_cgroups: where in the file system the cgroups of this process stand. Pure: what /proc
// says comes in, folders go out; whether anything can be made in them has to be tried.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "jail/cgroup/limits.h"

namespace snapjail::jail::cgroup {

struct OwnCgroup {
    Version version = Version::kV2;
    // Version 1: which of ours this hierarchy has. Version 2: none; its folder says, when asked.
    std::vector<Controller> controllers;
    std::string folder;

    bool operator==(const OwnCgroup&) const = default;
};

// The texts of /proc/self/cgroup and /proc/self/mountinfo. Version 1 first, because a controller
// that is in use there is not to be had in version 2. A hierarchy that is not mounted, whose mount
// does not show our cgroup, or that has no controller of ours, is not among them.
std::vector<OwnCgroup> find_own_cgroups(std::string_view proc_cgroup, std::string_view mountinfo);

// Those of this process.
Result<std::vector<OwnCgroup>> read_own_cgroups();

}  // namespace snapjail::jail::cgroup
