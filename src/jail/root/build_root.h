#pragma once
// build_root: makes a planned RootTree the root of the calling process, read-only, with nothing of
// the old root left. For the child side of a fork: no allocation, no log.

#include "jail/root/root_tree.h"
#include "jail/setup_step.h"

namespace snapjail::jail {

// Opens each bind's source as a detached mount, while the caller still is the user who may read
// them. Wants CAP_SYS_ADMIN over the current mount namespace. Sets Entry::source_fd.
SetupFailure open_sources(RootTree& tree) noexcept;

// The procfs of the new root, as far as this host has one.
struct Procfs {
    bool is_there = false;      // It could be mounted: not in every container.
    bool shows_system = false;  // JailPlan::proc_shows_system.
};

// Wants what open_sources has left, and to be, inside its user namespace, the uid that shall own
// the tree.
SetupFailure build_root(const RootTree& tree, Procfs& procfs) noexcept;

// What a build for tests of the walls does instead where the layer is switched off: the zygote
// stays in the host's root; all its guests have one /tmp.
SetupFailure keep_root(Procfs& procfs) noexcept;
bool share_tmp() noexcept;

}  // namespace snapjail::jail
