#include "jail/setup_step.h"

namespace snapjail::jail {

const char* to_string(SetupStep step) {
    switch (step) {
        case SetupStep::kNone:
            return "nothing";
        case SetupStep::kParentDeath:
            return "die with the parent";
        case SetupStep::kSession:
            return "start a session";
        case SetupStep::kNamespaces:
            return "make namespaces";
        case SetupStep::kHostname:
            return "set the host name";
        case SetupStep::kTmp:
            return "mount /tmp";
        case SetupStep::kProc:
            return "mount /proc";
        case SetupStep::kOomScore:
            return "set oom_score_adj";
        case SetupStep::kUserNamespace:
            return "make a user namespace";
        case SetupStep::kIdMap:
            return "write the id maps";
        case SetupStep::kRlimits:
            return "set rlimits";
        case SetupStep::kCapabilities:
            return "drop capabilities";
        case SetupStep::kDescriptors:
            return "arrange descriptors";
        case SetupStep::kLandlock:
            return "restrict by Landlock";
        case SetupStep::kSeccomp:
            return "load the seccomp filter";
        case SetupStep::kVerify:
            return "verify the jail from inside";
        case SetupStep::kOpenTree:
            return "open a source of the root tree";
        case SetupStep::kCredentials:
            return "change the user";
        case SetupStep::kRootMount:
            return "mount the root tree";
        case SetupStep::kRootEntry:
            return "place an entry of the root tree";
        case SetupStep::kPivot:
            return "pivot_root";
        case SetupStep::kReadOnly:
            return "make the root read-only";
        case SetupStep::kExec:
            return "exec the interpreter";
        case SetupStep::kFork:
            return "fork a guest";
        case SetupStep::kWorkingDirectory:
            return "enter the working directory";
        case SetupStep::kPriority:
            return "lower the priority";
        case SetupStep::kAffinity:
            return "choose processors";
        case SetupStep::kTmpfs:
            return "mount a tmpfs of the configuration's";
        case SetupStep::kSubreaper:
            return "adopt orphans";
        case SetupStep::kChroot:
            return "enter the slot's root";
        case SetupStep::kCgroup:
            return "join the slot's cgroup";
    }
    return "unknown step";
}

}  // namespace snapjail::jail
