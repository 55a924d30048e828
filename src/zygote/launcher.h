#pragma once
// launch_zygote: starts PYTHON_BIN as a zygote; in tier `full` in namespaces and a read-only root
// of its own. For the supervisor, which has one thread.

#include <optional>
#include <string>
#include <vector>

#include "base/child_process.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "jail/cgroup/slots.h"
#include "jail/jail_plan.h"
#include "jail/limits.h"
#include "jail/root/interpreter.h"
#include "jail/root/jail_settings.h"
#include "jail/root/root_tree.h"
#include "jail/seccomp_policy.h"
#include "jail/tier.h"
#include "zygote/profile.h"

namespace snapjail::zygote {

struct ZygoteSettings {
    std::string python_bin;
    std::string wrapper_path;    // Empty: our own wrapper.py.
    std::string library_folder;  // Where the extension and our Python files stand on the host.
    // What a warm zygote imports, if it can; its interpreter is python_bin all the same.
    Profile profile;
    jail::GuestStart start = jail::GuestStart::kWarm;
    jail::Limits limits;
    jail::JailSettings jail;
    jail::Tier tier = jail::Tier::kFull;
    jail::ProcessPlaces places;  // Tier `process`: see jail/root/slot_places.h.
    std::uint32_t slots = 0;     // Tier `process`: bounds what all jobs together may fork.
};

// All that a launch needs, worked out once; a zygote can be launched from it again and again.
struct ZygoteSpec {
    jail::Interpreter interpreter;
    jail::RootTree tree;
    jail::JailPlan plan;
    std::vector<std::string> argv;
    std::vector<std::string> environment;  // "NAME=value"; guests inherit it.
    // When we are root: who the zygote and its guests are outside. Nobody owns a file under this
    // id.
    std::optional<uid_t> outside_id;
    // Of all slots; outlives every zygote. Null: guests have no cgroups of their own.
    const jail::cgroup::Slots* cgroups = nullptr;
};
Result<ZygoteSpec> make_zygote_spec(const ZygoteSettings& settings);
// The same, where the interpreter has been asked already.
Result<ZygoteSpec> make_zygote_spec(const ZygoteSettings& settings, jail::Interpreter interpreter);

// What decides what the plan's guests share with others.
jail::GuestHost host_of_guests(const jail::JailPlan& plan);

// The tree that tier `full` mounts, and that roots for tier `process` are made from.
Result<jail::RootTree> plan_tree(const ZygoteSettings& settings,
                                 const jail::Interpreter& interpreter);

// On its channel News come and AttachMessages go. In tier `full` all its guests end with it; in
// tier `process` they do too, and what they have left is for end_strays. Returns once the
// interpreter has been exec'ed; its imports are still to come. On error nothing is left behind. The
// error names the step that failed.
Result<ChildProcess> launch_zygote(ZygoteSpec& spec);

// Hands the zygote a socket to a front, which has this number.
Result<void> attach_front(const ChildProcess& zygote, UniqueFd front_socket,
                          std::uint32_t front_number = 0);

}  // namespace snapjail::zygote
