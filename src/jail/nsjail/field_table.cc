#include "jail/nsjail/field_table.h"

#include <array>

namespace snapjail::jail::nsjail {
namespace {

using enum FieldClass;

constexpr std::string_view kNoNetwork = "guests have no network, not even a loopback that is up";
constexpr std::string_view kNoServer = "Snapjail serves HTTP itself: see --host, --port";
constexpr std::string_view kOwnLogs = "logs are JSON lines on standard error: see --log-level";
constexpr std::string_view kOwnCgroup = "where a limit's control group lies is not the file's";
constexpr std::string_view kNoPersonality =
    "guests keep the kernel's usual memory layout; remove the line";
constexpr std::string_view kNoBridge = "guests get no network interface; remove the line";

constexpr auto kRows = std::to_array<FieldRow>({
    {"name", kHonoured, "`check-config` shows it"},
    {"description", kAccepted, "it is for readers"},
    {"mode", kAccepted, "every job is run once in a jail of its own"},
    {"hostname", kHonoured, "at most 64 bytes; in `/etc/hostname` too"},
    {"cwd", kHonoured,
     "where scripts begin; `/tmp/script.py` stays where it is; refused where it cannot be"},
    {"no_pivotroot", kRefused, "the root is always changed by pivot_root; remove the line"},
    {"port", kAccepted, kNoServer},
    {"bindhost", kAccepted, kNoServer},
    {"max_conns", kAccepted, "see --slots, --queue and --connections"},
    {"max_conns_per_ip", kAccepted, "see --slots, --queue and --connections"},
    {"time_limit", kHonoured, "seconds by the clock, 1 to 3600; 0, no limit, is refused"},
    {"daemon", kAccepted, "the service stays in the foreground"},
    {"max_cpus", kHonoured,
     "processors, chosen by chance for each guest, which cannot change them"},
    {"nice_level", kHonoured,
     "0 to 19, or the service's own where that is higher; a negative one is refused"},
    {"log_fd", kAccepted, kOwnLogs},
    {"log_file", kAccepted, kOwnLogs},
    {"log_level", kAccepted, kOwnLogs},
    {"keep_env", kRefused,
     "it would show guests the service's own environment; name what they need with envar"},
    {"envar", kHonoured,
     "`NAME=value`, or `NAME` for the service's own value of it; less than 128 KiB, in all a "
     "quarter of the stack"},
    {"keep_caps", kRefused, "guests have no capabilities; remove the line"},
    {"cap", kRefused, "guests have no capabilities; remove the line"},
    {"silent", kAccepted, "standard output is the job's answer, standard error is discarded"},
    {"skip_setsid", kRefused, "each guest has a session of its own; remove the line"},
    {"stderr_to_null", kAccepted, "standard error is always discarded"},
    {"pass_fd", kRefused, "guests hold no descriptor of the service's; remove the line"},
    {"disable_no_new_privs", kRefused, "no_new_privs is always set; remove the line"},
    {"forward_signals", kAccepted, "a guest is ended by its deadline or with the service"},
    {"disable_tsc", kRefused,
     "Python reads the clock by that instruction: guests would die of SIGSEGV; remove the line"},
    {"oom_score_adj", kHonoured, "0 to 1000; a negative one is refused"},
    {"rlimit_as", kHonoured, "MiB, at least 256: address space of each process"},
    {"rlimit_as_type", kHonoured, "INF is refused"},
    {"rlimit_core", kHonoured, "only 0"},
    {"rlimit_core_type", kHonoured, "INF is refused; a core is never written"},
    {"rlimit_cpu", kHonoured, "seconds of each process, 1 to 3600"},
    {"rlimit_cpu_type", kHonoured, "INF is refused"},
    {"rlimit_fsize", kHonoured, "MiB"},
    {"rlimit_fsize_type", kHonoured, "INF leaves the bound to the size of the tmpfs"},
    {"rlimit_nofile", kHonoured, "16 to 4096"},
    {"rlimit_nofile_type", kHonoured, "INF is refused"},
    {"rlimit_nproc", kHonoured, "1 to 4096 processes and threads of one job"},
    {"rlimit_nproc_type", kHonoured, "INF is refused; unset means SOFT, as in nsjail"},
    {"rlimit_stack", kHonoured, "MiB"},
    {"rlimit_stack_type", kHonoured, "INF is refused; unset means SOFT, as in nsjail"},
    {"rlimit_memlock", kHonoured, "KiB"},
    {"rlimit_memlock_type", kHonoured, "INF is refused; unset means SOFT, as in nsjail"},
    {"rlimit_rtprio", kHonoured, "only 0"},
    {"rlimit_rtprio_type", kHonoured, "INF is refused; unset means SOFT, as in nsjail"},
    {"rlimit_msgqueue", kHonoured, "bytes"},
    {"rlimit_msgqueue_type", kHonoured, "INF is refused; unset means SOFT, as in nsjail"},
    {"disable_rl", kRefused, "guests always have limits; set those that are too small"},
    {"persona_addr_compat_layout", kRefused, kNoPersonality},
    {"persona_mmap_page_zero", kRefused, kNoPersonality},
    {"persona_read_implies_exec", kRefused, kNoPersonality},
    {"persona_addr_limit_3gb", kRefused, kNoPersonality},
    {"persona_addr_no_randomize", kRefused, kNoPersonality},
    {"clone_newnet", kHonoured, "always true; false is refused: guests have no network"},
    {"clone_newuser", kHonoured, "always true; false is refused"},
    {"clone_newns", kHonoured, "always true; false is refused"},
    {"clone_newpid", kHonoured, "always true; false is refused"},
    {"clone_newipc", kHonoured, "always true; false is refused"},
    {"clone_newuts", kHonoured, "always true; false is refused"},
    {"clone_newcgroup", kHonoured, "always true; false is refused"},
    {"clone_newtime", kAccepted, "guests see the host's clocks, and cannot set them"},
    {"uidmap", kHonoured, "one entry: `inside_id`, a number, is what the guest sees"},
    {"gidmap", kHonoured, "one entry: `inside_id`, a number, is what the guest sees"},
    {"mount_proc", kHonoured, "false: /proc is empty; else it shows the job's own processes"},
    {"mount", kHonoured, "see the table below"},
    {"seccomp_policy_file", kHonoured,
     "a Kafel policy; a relative path starts at the file's folder"},
    {"seccomp_string", kHonoured, "a Kafel policy, joined with Snapjail's own, or see below"},
    {"seccomp_log", kAccepted, "LOG in a policy is still logged by the kernel"},
    {"cgroup_mem_max", kHonoured,
     "bytes, at least 16 MiB: the whole job, its /tmp too; unless set, as much as rlimit_as"},
    {"cgroup_mem_memsw_max", kHonoured, "bytes of memory and swap together"},
    {"cgroup_mem_swap_max", kHonoured, "bytes; unless set, none"},
    {"cgroup_mem_mount", kAccepted, kOwnCgroup},
    {"cgroup_mem_parent", kAccepted, kOwnCgroup},
    {"cgroup_pids_max", kHonoured, "1 to 4096; by RLIMIT_NPROC too, which counts per jail here"},
    {"cgroup_pids_mount", kAccepted, kOwnCgroup},
    {"cgroup_pids_parent", kAccepted, kOwnCgroup},
    {"cgroup_net_cls_classid", kAccepted, kNoNetwork},
    {"cgroup_net_cls_mount", kAccepted, kNoNetwork},
    {"cgroup_net_cls_parent", kAccepted, kNoNetwork},
    {"cgroup_cpu_ms_per_sec", kHonoured, "of the whole job; 1000 is one processor"},
    {"cgroup_cpu_mount", kAccepted, kOwnCgroup},
    {"cgroup_cpu_parent", kAccepted, kOwnCgroup},
    {"cgroupv2_mount", kAccepted, kOwnCgroup},
    {"use_cgroupv2", kAccepted, kOwnCgroup},
    {"detect_cgroupv2", kAccepted, kOwnCgroup},
    {"iface_no_lo", kAccepted, kNoNetwork},
    {"iface_own", kRefused, kNoBridge},
    {"macvlan_iface", kRefused, kNoBridge},
    {"macvlan_vs_ip", kRefused, kNoBridge},
    {"macvlan_vs_nm", kRefused, kNoBridge},
    {"macvlan_vs_gw", kRefused, kNoBridge},
    {"macvlan_vs_ma", kRefused, kNoBridge},
    {"macvlan_vs_mo", kRefused, kNoBridge},
    {"traffic_rule", kRefused, kNoBridge},
    {"user_net", kRefused, kNoBridge},
    {"exec_bin", kHonoured, "`path` is the interpreter, unless PYTHON_BIN is set; see below"},
    {"seccomp_unotify", kRefused, "nobody listens for a policy's questions; remove the line"},
    {"seccomp_unotify_report", kRefused,
     "nobody listens for a policy's questions; remove the line"},
    {"use_core_scheduling", kRefused,
     "this release does not ask for it; switch hyper-threading off (nosmt), or remove the line"},
});

std::string_view class_name(FieldClass field_class) {
    switch (field_class) {
        case kHonoured:
            return "honoured";
        case kAccepted:
            return "note";
        case kRefused:
            return "**refused**";
    }
    return "";
}

}  // namespace

std::span<const FieldRow> field_table() {
    return kRows;
}

std::string field_table_as_markdown() {
    std::string text = "| field | | |\n|---|---|---|\n";
    for (const FieldRow& row : kRows) {
        text += "| `" + std::string(row.name) + "` | " + std::string(class_name(row.field_class)) +
                " | " + std::string(row.words) + " |\n";
    }
    return text;
}

}  // namespace snapjail::jail::nsjail
