#pragma once
// SetupStep: the name of each step of a guest's set-up, so that a failure says which one it was.
// A child reports the number and errno; the parent turns it into words.

#include <cstdint>

namespace snapjail::jail {

enum class SetupStep : std::uint32_t {
    kNone,
    kParentDeath,
    kSession,
    kNamespaces,
    kHostname,
    kTmp,
    kProc,
    kOomScore,
    kUserNamespace,
    kIdMap,
    kRlimits,
    kCapabilities,
    kDescriptors,
    kLandlock,
    kSeccomp,
    kVerify,
    kOpenTree,
    kCredentials,
    kRootMount,
    kRootEntry,
    kPivot,
    kReadOnly,
    kExec,
    kFork,
    kWorkingDirectory,
    kPriority,
    kAffinity,
    kTmpfs,
    kSubreaper,
    kChroot,
    kCgroup,
};

struct SetupFailure {
    SetupStep step = SetupStep::kNone;
    int sys_errno = 0;
    bool has_failed() const { return step != SetupStep::kNone; }
};

// "mount /tmp": for logs and errors.
const char* to_string(SetupStep step);

}  // namespace snapjail::jail
