#include "app/prepared_zygote.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "app/library_folder.h"
#include "base/log.h"
#include "base/syscall.h"
#include "zygote/cgroup_choice.h"

namespace snapjail::app {
namespace {

constexpr std::size_t kWrapperBytesMax = std::size_t{1} << 20;

// What a configuration asks for and only namespaces can give. Nothing is silently left out.
Result<void> check_settings(const Options& options) {
    const jail::JailSettings usual;
    const jail::JailSettings& own = options.jail;
    if (!own.entries.empty() || !own.tmpfs.empty() || own.cwd != usual.cwd) {
        return Error{ErrorKind::kUnsupported, "NSJAIL_CONFIG", 0,
                     "its mounts, or its cwd, need tier full, and this is tier process"};
    }
    if (own.seccomp_use == jail::PolicyUse::kReplace) {
        // The guest's filter is what keeps it to its own user id there.
        return Error{ErrorKind::kUnsupported, "SNAPJAIL_SECCOMP", 0,
                     "replace needs tier full, and this is tier process"};
    }
    if (own.hostname != usual.hostname || own.uid != usual.uid || own.gid != usual.gid ||
        own.shows_proc != usual.shows_proc) {
        log::warning("configuration",
                     {{"problem",
                       "hostname, uidmap, gidmap and mount_proc mean nothing in tier "
                       "process: guests have their slot's id and no /proc"}});
    }
    return {};
}

// The name is in a file too, unless the configuration has one there, or its own /etc.
jail::JailSettings with_hostname_file(jail::JailSettings own) {
    constexpr const char* kPath = "etc/hostname";
    bool is_given = std::any_of(
        own.entries.begin(), own.entries.end(),
        [&](const jail::Entry& entry) { return entry.path == kPath || entry.path == "etc"; });
    if (own.hostname != jail::JailSettings().hostname && !is_given) {
        own.entries.push_back(
            {.kind = jail::EntryKind::kFile, .path = kPath, .content = own.hostname + "\n"});
    }
    return own;
}

Result<jail::SlotPlaces> prepare_places(const Options& options, std::uint32_t slots,
                                        const jail::TierChoice& choice,
                                        const jail::Interpreter& interpreter,
                                        const std::string& library_folder) {
    for (const zygote::Profile& profile : options.profiles) {
        if (!profile.python_bin.empty() && profile.python_bin != options.python_bin) {
            return Error{ErrorKind::kUnsupported, "SNAPJAIL_PROFILES", 0,
                         "profile '" + profile.name + "' has an interpreter of its own, " +
                             profile.python_bin + ": that needs tier full, this is tier process"};
        }
    }
    jail::SlotPlacesSettings settings{.roots_folder = options.roots_folder,
                                      .slots = slots,
                                      .interpreter = &interpreter,
                                      .readable = {library_folder},
                                      .own_wrapper = {}};
    if (!options.wrapper_path.empty()) {
        settings.readable.push_back(options.wrapper_path);
        settings.own_wrapper = TRY(read_file(options.wrapper_path, kWrapperBytesMax));
    }
    return jail::SlotPlaces::prepare(choice, settings);
}

Result<zygote::ZygoteSpec> make_spec(zygote::ZygoteSettings settings,
                                     const zygote::Profile& profile,
                                     const jail::Interpreter& usual) {
    settings.profile = profile;
    if (profile.python_bin.empty() || profile.python_bin == settings.python_bin) {
        return zygote::make_zygote_spec(settings, usual);
    }
    settings.python_bin = profile.python_bin;
    return zygote::make_zygote_spec(settings);
}

}  // namespace

Result<PreparedZygotes> prepare_zygotes(const Options& options, std::uint32_t slots) {
    std::string library_folder = TRY(find_library_folder());
    PreparedZygotes prepared;
    prepared.slots = slots;
    prepared.seccomp_use = options.jail.seccomp_use;
    prepared.choice = TRY(jail::choose_tier(options.isolation));
    auto interpreter = TRY(jail::probe_interpreter(options.python_bin, library_folder));
    zygote::ZygoteSettings settings{.python_bin = options.python_bin,
                                    .wrapper_path = options.wrapper_path,
                                    .library_folder = library_folder,
                                    .profile = {},
                                    .start = options.start,
                                    .limits = options.limits,
                                    .jail = options.jail,
                                    .tier = prepared.choice.tier,
                                    .places = {},
                                    .slots = slots};
    if (prepared.choice.tier == jail::Tier::kProcess) {
        TRY(check_settings(options));
        prepared.places.emplace(
            TRY(prepare_places(options, slots, prepared.choice, interpreter, library_folder)));
        prepared.slots = prepared.places->slots();
        settings.places = prepared.places->places();
        settings.slots = prepared.slots;
    } else {
        settings.jail = with_hostname_file(options.jail);
    }
    for (const zygote::Profile& profile : options.profiles) {
        prepared.specs.push_back(TRY(make_spec(settings, profile, interpreter)));
    }
    prepared.cgroups = TRY(zygote::make_cgroups({.use = options.cgroups,
                                                 .slots = prepared.slots,
                                                 .limits = options.limits,
                                                 .jail = options.jail},
                                                prepared.specs.front()));
    return prepared;
}

std::string layer_names(const PreparedZygotes& prepared) {
    std::string names;
    if (prepared.choice.tier == jail::Tier::kFull) {
        names =
            "user namespace,mount namespace,pid namespace,network namespace,ipc namespace,"
            "uts namespace,cgroup namespace,read-only root,private tmpfs,";
    } else {
        const jail::ProcessPlaces& places = prepared.places->places();
        names += places.slot_uid_first != 0 ? "own user ids," : "";
        names += places.has_roots != 0 ? "own roots," : "";
        names += "memory watch,";
    }
    names += "no capabilities,no_new_privs,rlimits,seccomp";
    // In the open: who asks shall see which part of the layer is not Snapjail's.
    if (prepared.seccomp_use == jail::PolicyUse::kReplace) {
        names += " (the guest's filter is the operator's policy alone)";
    }
    if (prepared.specs.front().plan.landlock_abi > 0) {
        names += ",landlock (ABI " + std::to_string(prepared.specs.front().plan.landlock_abi) + ")";
    }
    if (!prepared.cgroups.bounds_nothing()) {
        names += ",cgroup limits (" + prepared.cgroups.summary() + ")";
    }
    return names;
}

}  // namespace snapjail::app
