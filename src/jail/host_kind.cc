#include "jail/host_kind.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/syscall.h"

namespace snapjail::jail {
namespace {

bool is_file(const char* path) {
    return ::access(path, F_OK) == 0;
}

bool is_set(const char* variable) {
    const char* value = std::getenv(variable);
    return value != nullptr && *value != '\0';
}

// Knative sets the same variable, in a pod.
bool is_cloud_run(const HostSigns& signs) {
    return signs.is_cloud_run && !signs.is_kubernetes;
}

std::string name_of(const HostSigns& signs) {
    std::string name = is_cloud_run(signs)   ? "Cloud Run"
                       : signs.is_cloud_run  ? "a pod of Kubernetes, by Knative"
                       : signs.is_kubernetes ? "a pod of Kubernetes"
                       : signs.is_container  ? "a container of Docker's or Podman's"
                       : signs.is_unit       ? "a service of systemd's"
                                             : "a machine with Linux";
    if (is_cloud_run(signs)) {
        return name + (signs.is_gvisor ? ", first generation (gVisor)" : ", second generation");
    }
    if (signs.is_gvisor) {
        bool is_named = signs.is_kubernetes || signs.is_container;
        return is_named ? name + ", in gVisor" : "gVisor";
    }
    name += signs.is_root ? ", as root" : ", as an ordinary user";
    return name +
           (signs.restricts_user_namespaces ? ", Ubuntu's AppArmor restricts namespaces" : "");
}

const HostLayer* first_missing(const std::vector<HostLayer>& layers) {
    auto found = std::find_if(layers.begin(), layers.end(),
                              [](const HostLayer& layer) { return !layer.stands; });
    return found == layers.end() ? nullptr : &*found;
}

// Namespaces may be made, and are worth nothing: so Ubuntu restricts them to programs that have a
// profile which allows them.
bool is_restricted_by_apparmor(const HostSigns& signs, std::optional<Tier> tier,
                               const std::vector<HostLayer>& layers) {
    return tier != Tier::kFull && signs.restricts_user_namespaces &&
           stands(layers, "user namespace") && !stands(layers, "private tmpfs");
}

// In a container that runs on Linux.
std::string more_for_container(const HostSigns& signs, std::optional<Tier> tier,
                               const std::vector<HostLayer>& layers) {
    if (tier == Tier::kFull && !stands(layers, "procfs")) {
        return "docker run --security-opt systempaths=unconfined: a /proc for scripts";
    }
    if (tier == Tier::kFull) {
        return stands(layers, "cgroup limits")
                   ? ""
                   : "docker run --privileged --cgroupns=host: cgroups for each job, for all "
                     "rights in exchange";
    }
    if (is_restricted_by_apparmor(signs, tier, layers)) {
        return "the package's AppArmor profile loaded on the host, and docker run --security-opt "
               "apparmor=snapjail (docs/systemd.md)";
    }
    return "docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined, "
           "and --security-opt apparmor=unconfined where AppArmor is in force";
}

std::string more_for_pod(const HostSigns& signs, std::optional<Tier> tier,
                         const std::vector<HostLayer>& layers) {
    if (is_restricted_by_apparmor(signs, tier, layers)) {
        return "the package's AppArmor profile loaded on the node, and named in "
               "containerSecurityContext.appArmorProfile (docs/kubernetes.md)";
    }
    if (tier == Tier::kFull) {
        return stands(layers, "procfs") ? "" : "procMount: Unmasked: a /proc for scripts";
    }
    return "helm upgrade --values values-userns.yaml: hostUsers: false, seccompProfile and "
           "appArmorProfile Unconfined, procMount: Unmasked";
}

std::string more_for_machine(const HostSigns& signs, std::optional<Tier> tier,
                             const std::vector<HostLayer>& layers) {
    bool lacks_full = tier != Tier::kFull;
    // There the namespace itself may be refused too, where the profile for all others is not
    // loaded.
    if (lacks_full && signs.restricts_user_namespaces && !stands(layers, "private tmpfs")) {
        return "the package's AppArmor profile, for /usr/bin/snapjail: apparmor_parser -r "
               "/etc/apparmor.d/snapjail";
    }
    const HostLayer* missing = first_missing(layers);
    if (missing == nullptr) {
        return "";
    }
    if (lacks_full || missing->name != "cgroup limits") {
        return missing->remedy;
    }
    return signs.is_unit   ? "Delegate=yes in the unit, unless it is there: cgroups for each job"
           : signs.is_root ? "a cgroup tree that can be written to"
                           : "start it as root, or as a service with Delegate=yes: cgroups for "
                             "each job";
}

}  // namespace

HostSigns read_host_signs() {
    auto restricts = read_file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 16);
    return {.is_cloud_run = is_set("K_SERVICE"),
            .is_kubernetes = is_set("KUBERNETES_SERVICE_HOST"),
            .is_container = is_file("/.dockerenv") || is_file("/run/.containerenv"),
            .is_gvisor = is_file("/proc/sentry-meminfo"),
            .is_unit = is_set("INVOCATION_ID"),
            .is_root = ::geteuid() == 0,
            .restricts_user_namespaces = restricts && restricts->starts_with('1')};
}

HostKind recognise_host(const HostSigns& signs, std::optional<Tier> tier,
                        const std::vector<HostLayer>& layers) {
    HostKind kind{.name = name_of(signs), .for_more = {}};
    if (!tier) {
        bool is_bare_root = signs.is_container && signs.is_root && !stands(layers, kOwnUidsLayer);
        kind.for_more = is_bare_root ? "docker run --user 1000, or without --cap-drop ALL"
                                     : "what the reason above names";
    } else if (is_cloud_run(signs)) {
        kind.for_more = signs.is_gvisor ? "the annotation run.googleapis.com/execution-environment:"
                                          " gen2, for a kernel with Landlock"
                                        : "";
    } else if (signs.is_gvisor) {
        // What is missing there is missing in gVisor itself, which is a wall of its own.
        kind.for_more = tier == Tier::kFull ? "" : "a newer runsc, which makes user namespaces";
    } else if (signs.is_kubernetes) {
        kind.for_more = more_for_pod(signs, tier, layers);
    } else if (signs.is_container) {
        kind.for_more = more_for_container(signs, tier, layers);
    } else {
        kind.for_more = more_for_machine(signs, tier, layers);
    }
    return kind;
}

}  // namespace snapjail::jail
