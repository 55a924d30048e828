#pragma once
// HostProbe: what this host gives for a jail, found by really trying, in children that end at once.
// It changes nothing. As root and as an ordinary user alike: what is tried is what a zygote of this
// user would do.

#include <string>
#include <string_view>
#include <vector>

namespace snapjail::jail {

enum class Need : unsigned char {
    kRequired,     // Without it there is no jail of tier `full`.
    kInformative,  // Its absence weakens nothing that is promised.
};

struct HostLayer {
    std::string name;  // "mount namespace"
    Need need = Need::kRequired;
    bool stands = false;
    std::string detail;  // What it is, or why it is missing.
    std::string remedy;  // The flag or setting that would bring it; empty where it stands.
};

// What tier `full` is made of, in the order in which a jail is built.
std::vector<HostLayer> probe_host();

// What tier `process` is made of. Ids and roots of each slot's own are informative: which of them
// may be missing is choose_tier's to say.
std::vector<HostLayer> probe_process_host();
constexpr const char* kOwnUidsLayer = "own user ids";
constexpr const char* kOwnRootsLayer = "own roots";

bool stands(const std::vector<HostLayer>& layers, std::string_view name);

}  // namespace snapjail::jail
