#include "jail/tier_choice.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "jail/landlock.h"

namespace snapjail::jail {
namespace {

const HostLayer* find_missing(const std::vector<HostLayer>& layers) {
    auto found = std::find_if(layers.begin(), layers.end(), [](const HostLayer& layer) {
        return !layer.stands && layer.need == Need::kRequired;
    });
    return found == layers.end() ? nullptr : &*found;
}

std::string describe(const HostLayer& missing) {
    return missing.name + ": " + missing.detail + "; to mend: " + missing.remedy;
}

Error lacks(const char* tier, const std::string& what) {
    return Error{ErrorKind::kUnsupported, tier, 0, what};
}

Result<TierChoice> choose_process() {
    TierChoice choice{.tier = Tier::kProcess, .layers = probe_process_host(), .why_not_full = {}};
    if (const HostLayer* missing = find_missing(choice.layers)) {
        return lacks("reach tier process", describe(*missing));
    }
    choice.may_own_uid = stands(choice.layers, kOwnUidsLayer);
    choice.may_chroot = stands(choice.layers, kOwnRootsLayer);
    if (!choice.may_own_uid && ::geteuid() == 0) {
        return lacks("reach tier process",
                     "root without the capabilities SETUID and SETGID: the kernel bounds no "
                     "processes of root's. Start as somebody else (docker run --user 1000), or add "
                     "the two");
    }
    if (!choice.may_own_uid && landlock_abi() == 0) {
        return lacks("reach tier process",
                     "nothing keeps jobs from each other's files: that takes user ids of their own "
                     "(start as root, with the capabilities SETUID and SETGID) or Landlock (a "
                     "kernel from 5.13 on, with lsm=landlock,... on its command line, and a "
                     "container's seccomp filter that lets it through)");
    }
    return choice;
}

}  // namespace

Result<TierChoice> choose_tier(Isolation isolation) {
    TierChoice full{.tier = Tier::kFull, .layers = {}, .why_not_full = {}};
    if (isolation != Isolation::kProcess) {
        full.layers = probe_host();
        const HostLayer* missing = find_missing(full.layers);
        if (missing == nullptr) {
            return full;
        }
        full.why_not_full = describe(*missing);
        if (isolation == Isolation::kFull) {
            return lacks("reach tier full", full.why_not_full);
        }
    }
    TierChoice process = TRY(choose_process());
    process.why_not_full =
        isolation == Isolation::kProcess ? "--isolation=process was asked for" : full.why_not_full;
    return process;
}

}  // namespace snapjail::jail
