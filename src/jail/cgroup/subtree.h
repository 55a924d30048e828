#pragma once
// Subtree: our own cgroups in one hierarchy: `snapjail-<pid>` below the one that we are in, and in
// it one cgroup for each slot, with its limits. Whether that is possible is found out by doing all
// of it once, the move of a process included. Removed when this ends. For a process with one
// thread; its guests must have ended before.

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "jail/cgroup/files.h"
#include "jail/cgroup/limits.h"
#include "jail/cgroup/own_cgroups.h"

namespace snapjail::jail::cgroup {

struct SubtreeSettings {
    Limits limits;
    std::vector<Controller> controllers;  // Wanted; what is to be had of them is used.
    // When we are root: who guests are outside, so that the trial is theirs.
    std::optional<uid_t> guest_id;
};

class Subtree {
  public:
    // An error: nothing can be bounded here, and why. Nothing is left behind then.
    static Result<std::unique_ptr<Subtree>> make(Files& files, const OwnCgroup& own,
                                                 const SubtreeSettings& settings);
    Subtree(const Subtree&) = delete;
    Subtree& operator=(const Subtree&) = delete;
    ~Subtree();

    Version version() const { return own_.version; }
    const std::vector<Controller>& controllers() const { return controllers_; }
    bool bounds(Controller controller) const;

    // The folder of a new cgroup, its limits written.
    Result<std::string> make_slot(std::uint32_t slot);

  private:
    Subtree(Files& files, OwnCgroup own, const SubtreeSettings& settings);

    void sweep_leftovers();
    Result<void> make_own_folder();
    Result<void> choose_controllers();
    Result<void> enable_below(const std::string& folder, Controller controller);
    Result<void> step_aside();
    Result<void> try_slot();
    Result<void> write_limits(const std::string& folder, Controller controller);
    Result<void> write_memory_limits(const std::string& folder);
    Result<void> write_cpu_limit(const std::string& folder);
    Result<void> write_if_there(const std::string& path, std::uint64_t value);

    Files& files_;
    OwnCgroup own_;
    SubtreeSettings settings_;
    std::vector<Controller> controllers_;
    std::string folder_;  // Empty until it is made.
    // Held as long as we live: says that this subtree is nobody's leftover.
    UniqueFd lock_;
    std::vector<Controller> enabled_;  // By us, in the cgroup that we found ourselves in.
    bool has_stepped_aside_ = false;
};

}  // namespace snapjail::jail::cgroup
