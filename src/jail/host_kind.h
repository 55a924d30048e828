#pragma once
// HostKind: which of the usual hosts this is, told by the marks that they leave in every process,
// and the one line that would give more there. The layers are what counts; this is for whoever
// reads them and has not read the page about their platform. Nothing is decided by it.

#include <optional>
#include <string>
#include <vector>

#include "jail/host_probe.h"
#include "jail/tier.h"

namespace snapjail::jail {

struct HostSigns {
    bool is_cloud_run = false;   // K_SERVICE, of its contract.
    bool is_kubernetes = false;  // KUBERNETES_SERVICE_HOST, which every pod has.
    bool is_container = false;   // Docker's or Podman's mark in the root.
    bool is_gvisor = false;      // A file that only its procfs has.
    bool is_unit = false;        // INVOCATION_ID, which systemd gives every service.
    bool is_root = false;
    // Ubuntu's kernel.apparmor_restrict_unprivileged_userns is 1.
    bool restricts_user_namespaces = false;
};

HostSigns read_host_signs();

struct HostKind {
    std::string name;      // "Docker or Podman, as root"
    std::string for_more;  // What to run or to set; empty where nothing would give more.
};

// `tier` is what the layers come to; none: the service would not start.
HostKind recognise_host(const HostSigns& signs, std::optional<Tier> tier,
                        const std::vector<HostLayer>& layers);

}  // namespace snapjail::jail
