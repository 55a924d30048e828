#include "jail/host_kind.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace snapjail::jail {
namespace {

HostLayer layer(const char* name, bool stands, const char* remedy = "") {
    return {.name = name, .stands = stands, .detail = {}, .remedy = remedy};
}

const std::vector<HostLayer> all{layer("user namespace", true), layer("private tmpfs", true),
                                 layer("procfs", true), layer("cgroup limits", true)};
const std::vector<HostLayer> no_proc{layer("procfs", false), layer("cgroup limits", false)};
const std::vector<HostLayer> no_cgroups{layer("procfs", true), layer("cgroup limits", false)};
const std::vector<HostLayer> no_namespaces{layer("user namespace", false, "sysctl -w a=b"),
                                           layer("private tmpfs", false)};

testing::AssertionResult advises(const HostKind& kind, const char* name, const char* more) {
    if (kind.name.find(name) == std::string::npos ||
        kind.for_more.find(more) == std::string::npos || (*more == '\0') != kind.for_more.empty()) {
        return testing::AssertionFailure() << kind.name << ": " << kind.for_more;
    }
    return testing::AssertionSuccess();
}

TEST(HostKind, DockersFiltersAreToBeLiftedForTierFull) {
    HostSigns root{.is_container = true, .is_root = true};
    HostSigns user{.is_container = true};

    EXPECT_TRUE(advises(recognise_host(root, Tier::kProcess, no_namespaces), "Docker's or Podman's",
                        "seccomp=unconfined --security-opt systempaths=unconfined"));
    EXPECT_TRUE(advises(recognise_host(user, Tier::kProcess, no_namespaces), "as an ordinary user",
                        "seccomp=unconfined --security-opt systempaths=unconfined"));
    EXPECT_TRUE(advises(recognise_host(root, Tier::kFull, no_proc), "as root",
                        "systempaths=unconfined: a /proc"));
    EXPECT_TRUE(advises(recognise_host(root, Tier::kFull, no_cgroups), "as root", "--cgroupns"));
    EXPECT_TRUE(advises(recognise_host(root, Tier::kFull, all), "as root", ""));
}

TEST(HostKind, RootWithoutCapabilitiesIsToBecomeSomebodyElse) {
    HostSigns root{.is_container = true, .is_root = true};

    EXPECT_TRUE(advises(recognise_host(root, std::nullopt, no_namespaces), "as root",
                        "docker run --user 1000"));
    // It is something else that is missing there.
    std::vector<HostLayer> with_ids{layer(kOwnUidsLayer, true)};
    EXPECT_TRUE(advises(recognise_host(root, std::nullopt, with_ids), "as root", "the reason"));
}

TEST(HostKind, APodIsToHaveAUserNamespace) {
    HostSigns pod{.is_kubernetes = true};

    EXPECT_TRUE(advises(recognise_host(pod, Tier::kProcess, no_namespaces), "a pod of Kubernetes",
                        "hostUsers: false"));
    EXPECT_TRUE(advises(recognise_host(pod, Tier::kFull, no_proc), "a pod", "procMount: Unmasked"));
    EXPECT_TRUE(advises(recognise_host(pod, Tier::kFull, no_cgroups), "a pod", ""));
}

TEST(HostKind, CloudRunsGenerationsAreToldApart) {
    HostSigns first{.is_cloud_run = true, .is_gvisor = true, .is_root = true};
    HostSigns second{.is_cloud_run = true, .is_root = true};

    EXPECT_TRUE(advises(recognise_host(first, Tier::kFull, no_cgroups), "first generation (gVisor)",
                        "execution-environment: gen2"));
    EXPECT_TRUE(advises(recognise_host(second, Tier::kFull, no_cgroups), "second generation", ""));
    EXPECT_TRUE(advises(recognise_host(second, std::nullopt, no_cgroups), "second", "the reason"));
    HostSigns knative{.is_cloud_run = true, .is_kubernetes = true};
    EXPECT_TRUE(advises(recognise_host(knative, Tier::kProcess, no_namespaces), "Knative",
                        "hostUsers: false"));
}

TEST(HostKind, GvisorHasNothingMoreToGive) {
    HostSigns pod{.is_kubernetes = true, .is_gvisor = true};
    HostSigns bare{.is_gvisor = true, .is_root = true};

    EXPECT_TRUE(advises(recognise_host(pod, Tier::kFull, no_cgroups), "Kubernetes, in gVisor", ""));
    EXPECT_TRUE(advises(recognise_host(bare, Tier::kFull, no_cgroups), "gVisor", ""));
}

TEST(HostKind, UbuntusRestrictionIsToldWithTheProfile) {
    HostSigns ubuntu{.is_unit = true, .is_root = true, .restricts_user_namespaces = true};

    EXPECT_TRUE(advises(recognise_host(ubuntu, Tier::kProcess, no_namespaces),
                        "Ubuntu's AppArmor restricts", "apparmor_parser -r"));
    // In a container it goes by name; and only where Docker's own filter is not what is in the way.
    const std::vector<HostLayer> restricted{layer("user namespace", true),
                                            layer("private tmpfs", false)};
    HostSigns container{.is_container = true, .restricts_user_namespaces = true};
    HostSigns pod{.is_kubernetes = true, .restricts_user_namespaces = true};
    EXPECT_TRUE(advises(recognise_host(container, Tier::kProcess, restricted), "Docker",
                        "apparmor=snapjail"));
    EXPECT_TRUE(advises(recognise_host(container, Tier::kProcess, no_namespaces), "Docker",
                        "seccomp=unconfined"));
    EXPECT_TRUE(
        advises(recognise_host(pod, Tier::kProcess, restricted), "a pod", "appArmorProfile"));
    // The profile is loaded: nothing more to say of it.
    EXPECT_TRUE(advises(recognise_host(ubuntu, Tier::kFull, all), "service of systemd's", ""));
}

TEST(HostKind, AMachineIsToldWhatItsLayersWant) {
    HostSigns root{.is_root = true};
    HostSigns user{};
    HostSigns unit{.is_unit = true, .is_root = true};

    EXPECT_TRUE(advises(recognise_host(root, Tier::kFull, all), "a machine with Linux", ""));
    EXPECT_TRUE(
        advises(recognise_host(root, Tier::kProcess, no_namespaces), "as root", "sysctl -w a=b"));
    EXPECT_TRUE(advises(recognise_host(user, Tier::kFull, no_cgroups), "as an ordinary user",
                        "start it as root"));
    EXPECT_TRUE(advises(recognise_host(unit, Tier::kFull, no_cgroups), "systemd", "Delegate=yes"));
}

TEST(HostKind, VariablesOfPlatformsAreRead) {
    ::setenv("K_SERVICE", "snapjail", 1);
    ::setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
    HostSigns with = read_host_signs();
    ::setenv("K_SERVICE", "", 1);
    ::unsetenv("KUBERNETES_SERVICE_HOST");
    HostSigns without = read_host_signs();
    ::unsetenv("K_SERVICE");

    EXPECT_TRUE(with.is_cloud_run && with.is_kubernetes);
    EXPECT_FALSE(without.is_cloud_run || without.is_kubernetes);
}

}  // namespace
}  // namespace snapjail::jail
