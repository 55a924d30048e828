#include "zygote/launcher.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/syscall.h"
#include "jail/cgroup/slot_cgroup.h"
#include "jail/host_kind.h"
#include "jail/landlock.h"
#include "jail/privileges.h"
#include "jail/root/build_root.h"
#include "jail/seccomp_policy.h"
#include "zygote/protocol.h"

namespace snapjail::zygote {
namespace {

// Debian reserves 65000 to 65533 and gives them to nobody; below 65536, so that containers with a
// user namespace of their own have it too.
constexpr uid_t kOutsideId = 65500;
// Of the service itself, and whoever else has its user id in this container.
constexpr std::uint64_t kServiceProcessesMax = 256;
constexpr std::size_t kOwnFileBytesMax = std::size_t{64} << 20;  // The extension, unstripped.

// All that a guest's environment holds, unless the operator's configuration adds to it. One thread
// for each numeric library: their threads would not survive the fork.
constexpr const char* kEnvironment[] = {
    "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp", "TMPDIR=/tmp", "LANG=C.UTF-8", "USER=guest",
    "PYTHONDONTWRITEBYTECODE=1", "MPLCONFIGDIR=/tmp", "OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1",
    "MKL_NUM_THREADS=1", "NUMEXPR_NUM_THREADS=1",
    // Each further arena of glibc's reserves 64 MB of address
    // space, for each thread one: RLIMIT_AS would allow 17.
    "MALLOC_ARENA_MAX=1"};

struct ChildReport {
    std::uint32_t step = 0;
    std::int32_t sys_errno = 0;
};
// A write of at most PIPE_BUF bytes is atomic, so the parent never reads half a report.
static_assert(sizeof(ChildReport) <= PIPE_BUF);

// What the child needs, all of it allocated before the fork.
struct ChildOrders {
    jail::RootTree* tree;
    jail::JailPlan* plan;
    const char* const* argv;
    const char* const* environment;
    int channel;
    int plan_memfd;
    std::span<const jail::cgroup::SlotCgroup> cgroups;
    int cgroup_watch;
    int go_pipe;               // One byte arrives when the id maps are written.
    int report_pipe;           // Ends with exec.
    bool becomes_root_inside;  // We are root outside: take the mapped id.
};

[[noreturn]] void report_and_exit(const ChildOrders& orders, jail::SetupFailure failure) noexcept {
    ChildReport report{static_cast<std::uint32_t>(failure.step), failure.sys_errno};
    // Nobody to tell if this fails: the parent then sees the exit status.
    [[maybe_unused]] ssize_t ignored = ::write(orders.report_pipe, &report, sizeof(report));
    ::_exit(1);
}

bool take_mapped_ids(const ChildOrders& orders) noexcept {
    return !orders.becomes_root_inside ||
           (::setgroups(0, nullptr) == 0 && ::setresgid(0, 0, 0) == 0 && ::setresuid(0, 0, 0) == 0);
}

// Tier `process`: what putting guests into their places takes, if we have it at all.
constexpr jail::CapabilitySet kSlotKeeper =
    jail::capability_set(CAP_SYS_CHROOT) | jail::capability_set(CAP_SETUID) |
    jail::capability_set(CAP_SETGID) | jail::capability_set(CAP_KILL) |
    jail::capability_set(CAP_SETPCAP);

// An exec gives root no more than the bounding set holds, and everybody else what is handed on.
bool keep_capabilities_of_a_slot_keeper() noexcept {
    for (int capability = 0; capability < 64; ++capability) {
        if ((kSlotKeeper & jail::capability_set(capability)) == 0 &&
            ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
            if (errno != EINVAL && errno != EPERM) {
                return false;
            }
            break;  // Past the last that this kernel knows; or not ours to drop, having none.
        }
    }
    return ::geteuid() == 0 || jail::hand_on_capabilities(kSlotKeeper);
}

bool arrange_descriptors(const ChildOrders& orders, int proc_self) noexcept {
    // Out of the way first: any of them may have one of the numbers that they shall get.
    constexpr int kAway = 16;
    int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    int channel = ::fcntl(orders.channel, F_DUPFD_CLOEXEC, kAway);
    int plan = ::fcntl(orders.plan_memfd, F_DUPFD_CLOEXEC, kAway);
    int proc = ::fcntl(proc_self, F_DUPFD_CLOEXEC, kAway);
    int report = ::fcntl(orders.report_pipe, F_DUPFD_CLOEXEC, kAway);
    return null >= 0 && channel >= 0 && plan >= 0 && proc >= 0 && report >= 0 &&
           ::dup2(null, STDIN_FILENO) >= 0 && ::dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 &&
           ::dup2(channel, kChannelFd) >= 0 && ::dup2(plan, kPlanFd) >= 0 &&
           ::dup2(proc, kProcSelfFd) >= 0 &&
           // Everything else goes with the exec, the report pipe last of all.
           ::syscall(SYS_close_range, kProcSelfFd + 1, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */) == 0 &&
           jail::cgroup::keep_across_exec(orders.cgroups, orders.cgroup_watch);
}

void reset_signals() noexcept {
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    // What our own parent had us ignore (a shell does, in the background) is ignored across exec
    // too, and would be in every guest. SIGKILL, SIGSTOP and the C library's own refuse, as they
    // should.
    for (int signal = 1; signal < NSIG; ++signal) {
        ::signal(signal, SIG_DFL);
    }
}

// Builds the root in the namespaces that clone() has made.
jail::SetupFailure enter_root(const ChildOrders& orders) noexcept {
    using enum jail::SetupStep;
    char go = 0;
    if (::read(orders.go_pipe, &go, 1) != 1) {
        return {kIdMap, errno};
    }
    bool has_own_root = orders.plan->layers.stands(jail::Layer::kReadOnlyRoot);
    if (has_own_root) {
        if (auto failure = jail::open_sources(*orders.tree); failure.has_failed()) {
            return failure;
        }
    }
    // Between the two: the sources are opened as the user who started us, the tree is built as the
    // user who owns it. An id that is not mapped could create nothing in it.
    if (!take_mapped_ids(orders)) {
        return {kCredentials, errno};
    }
    jail::Procfs procfs;
    auto failure = has_own_root ? jail::build_root(*orders.tree, procfs) : jail::keep_root(procfs);
    if (failure.has_failed()) {
        return failure;
    }
    if (has_own_root && !orders.plan->layers.stands(jail::Layer::kPrivateTmpfs) &&
        !jail::share_tmp()) {
        return {kTmp, errno};
    }
    std::array<std::uint32_t, 2> words{procfs.is_there ? 1U : 0U, procfs.shows_system ? 1U : 0U};
    constexpr auto kPlace = offsetof(jail::JailPlan, has_proc);
    static_assert(offsetof(jail::JailPlan, proc_shows_system) == kPlace + sizeof(words[0]));
    bool is_told = ::pwrite(orders.plan_memfd, words.data(), sizeof(words), kPlace) ==
                   static_cast<ssize_t>(sizeof(words));
    return is_told ? jail::SetupFailure() : jail::SetupFailure{kProc, errno};
}

[[noreturn]] void become_zygote(const ChildOrders& orders) noexcept {
    auto require = [&](jail::SetupStep step, bool ok) {
        if (!ok) {
            report_and_exit(orders, {step, errno});
        }
    };
    using enum jail::SetupStep;
    reset_signals();
    int proc_self = ::open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    require(kOpenTree, proc_self >= 0);
    bool is_full = orders.plan->tier == jail::Tier::kFull;
    if (is_full) {
        if (auto failure = enter_root(orders); failure.has_failed()) {
            report_and_exit(orders, failure);
        }
    }
    require(kSession, ::setsid() >= 0);
    require(kDescriptors, arrange_descriptors(orders, proc_self));
    if (is_full) {
        // After the change of ids, which clears it. A supervisor that died before this line is
        // noticed by the end of the channel. In tier `process` that is all: a zygote that is killed
        // could not end what its guests have left.
        require(kParentDeath, ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0);
    } else {
        require(kCapabilities, keep_capabilities_of_a_slot_keeper());
    }
    require(kSeccomp, !orders.plan->layers.stands(jail::Layer::kNoNewPrivs) ||
                          ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    ::execve(orders.argv[0], const_cast<char* const*>(orders.argv),
             const_cast<char* const*>(orders.environment));
    require(kExec, false);
    ::_exit(1);
}

// Inside, the zygote is root of its namespaces; outside, it is nobody of note, or the one who
// started us. Written by the parent: with our privilege where that is needed.
Result<void> write_id_maps(pid_t child, const ZygoteSpec& spec) {
    std::string folder = "/proc/" + std::to_string(child);
    uid_t uid = spec.outside_id.value_or(::geteuid());
    gid_t gid = spec.outside_id.value_or(::getegid());
    // gVisor has no such file.
    if (!spec.outside_id && ::access((folder + "/setgroups").c_str(), F_OK) == 0) {
        TRY(write_file(folder + "/setgroups", "deny"));
    }
    TRY(write_file(folder + "/uid_map", "0 " + std::to_string(uid) + " 1"));
    TRY(write_file(folder + "/gid_map", "0 " + std::to_string(gid) + " 1"));
    return {};
}

Error child_failed(const ChildReport& report) {
    auto step = static_cast<jail::SetupStep>(report.step);
    return Error::from_errno(jail::to_string(step), report.sys_errno, "while starting a zygote");
}

Result<void> await_exec(const UniqueFd& report_pipe) {
    ChildReport report;
    ssize_t size = TRY(
        retry_eintr("read", [&] { return ::read(report_pipe.get(), &report, sizeof(report)); }));
    if (size == 0) {
        return {};  // End of file: exec has closed the other end.
    }
    return child_failed(report);
}

void add_rlimit(jail::JailPlan& plan, int resource, std::uint64_t value) {
    CHECK(plan.rlimit_count < plan.rlimits.size());
    rlimit current{};
    ::getrlimit(static_cast<__rlimit_resource_t>(resource), &current);
    // A hard limit can only go down, unless one is root; ours is then the stricter one.
    std::uint64_t bounded = std::min<std::uint64_t>(value, current.rlim_max);
    plan.rlimits[plan.rlimit_count++] = {resource, bounded, bounded};
}

// For what the seccomp filter forbids as well. gVisor has no such limits, and answers EPERM to
// whoever sets one, to what it is too; on Linux that always succeeds.
void add_rlimit_where_known(jail::JailPlan& plan, int resource, std::uint64_t value) {
    rlimit current{};
    if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &current) == 0 &&
        ::setrlimit(static_cast<__rlimit_resource_t>(resource), &current) == 0) {
        add_rlimit(plan, resource, value);
    }
}

template <std::size_t kSize>
Result<void> put_text(std::array<char, kSize>& target, const std::string& text) {
    if (text.size() >= kSize || text.find('\0') != std::string::npos) {
        return Error{ErrorKind::kInvalid, "plan the jail", 0, "'" + text + "' is too long"};
    }
    std::memcpy(target.data(), text.c_str(), text.size() + 1);
    return {};
}

Result<void> put_settings(jail::JailPlan& plan, const jail::JailSettings& settings) {
    TRY(put_text(plan.hostname, settings.hostname));
    TRY(put_text(plan.cwd, settings.cwd));
    plan.guest_uid = settings.uid;
    plan.guest_gid = settings.gid;
    plan.shows_proc = settings.shows_proc ? 1 : 0;
    plan.has_own_policy = settings.seccomp_policy.empty() ? 0 : 1;
    plan.cpus_max = settings.cpus_max;
    plan.nice_level = settings.nice_level;
    plan.oom_score_adj = settings.oom_score_adj;
    for (const jail::PrivateTmpfs& tmpfs : settings.tmpfs) {
        if (plan.tmpfs_count == plan.tmpfs.size()) {
            return Error{ErrorKind::kInvalid, "plan the jail", 0,
                         "more than " + std::to_string(plan.tmpfs.size()) + " tmpfs"};
        }
        jail::TmpfsRule& rule = plan.tmpfs[plan.tmpfs_count++];
        TRY(put_text(rule.path, tmpfs.path));
        rule.bytes_max = tmpfs.bytes_max;
        rule.inodes_max = tmpfs.inodes_max;
        rule.is_read_only = tmpfs.is_read_only ? 1 : 0;
    }
    return {};
}

std::string_view name_of(std::string_view variable) {
    return variable.substr(0, variable.find('='));
}

std::vector<std::string> make_environment(const std::vector<std::string>& own) {
    std::vector<std::string> environment(std::begin(kEnvironment), std::end(kEnvironment));
    for (const std::string& variable : own) {
        std::erase_if(environment, [&](const std::string& other) {
            return name_of(other) == name_of(variable);
        });
        environment.push_back(variable);
    }
    return environment;
}

Result<jail::JailPlan> make_plan(const ZygoteSettings& settings) {
    const jail::Limits& limits = settings.limits;
    jail::JailPlan plan;
    bool is_full = settings.tier == jail::Tier::kFull;
    plan.tier = settings.tier;
    plan.places = settings.places;
    plan.places.memory_bytes_max = limits.memory_bytes_max;
    plan.places.processes_max = limits.processes_max;
    plan.start = settings.start;
    plan.layers = settings.jail.layers;
    plan.keeps_groups = ::geteuid() == 0 ? 0 : 1;
    plan.zygote_filter = TRY(jail::compile_zygote_filter(settings.tier));
    plan.landlock_abi = jail::landlock_abi();
    auto shared = jail::what_guests_share(host_of_guests(plan));
    plan.guest_filter =
        TRY(jail::compile_guest_filter({.keeps_affinity = settings.jail.cpus_max > 0,
                                        .shared = shared,
                                        .own_policy = settings.jail.seccomp_policy,
                                        .own_policy_use = settings.jail.seccomp_use}));
    TRY(put_settings(plan, settings.jail));
    plan.tmp_bytes_max = limits.tmp_bytes_max;
    plan.tmp_inodes_max = limits.tmp_inodes_max;
    plan.result_fd = static_cast<std::int32_t>(limits.open_files_max);
    add_rlimit(plan, RLIMIT_AS, limits.memory_bytes_max);
    // Soft and hard alike: a guest is PID 1, for which SIGXCPU's default is to do nothing.
    add_rlimit(plan, RLIMIT_CPU, static_cast<std::uint64_t>(limits.cpu_time_max.count()));
    add_rlimit(plan, RLIMIT_FSIZE, limits.file_bytes_max);
    // The kernel counts by user namespace and id: where jobs share both, this is for all of them,
    // and each one's own bound is watched from outside.
    bool shares_count = !is_full && settings.places.slot_uid_first == 0;
    add_rlimit(plan, RLIMIT_NPROC,
               shares_count ? limits.processes_max * settings.slots + kServiceProcessesMax
                            : limits.processes_max);
    add_rlimit(plan, RLIMIT_NOFILE, limits.open_files_max);
    add_rlimit(plan, RLIMIT_STACK, limits.stack_bytes_max);
    add_rlimit_where_known(plan, RLIMIT_SIGPENDING, limits.pending_signals_max);
    add_rlimit(plan, RLIMIT_MEMLOCK, limits.locked_bytes_max);
    add_rlimit_where_known(plan, RLIMIT_MSGQUEUE, limits.message_queue_bytes_max);
    for (int resource : {RLIMIT_CORE, RLIMIT_NICE, RLIMIT_RTPRIO}) {
        add_rlimit_where_known(plan, resource, 0);
    }
    return plan;
}

Result<jail::OwnFile> own_file(const std::string& host_path, const std::string& name) {
    std::string content = TRY(read_file(host_path, kOwnFileBytesMax));
    return jail::OwnFile{std::string(jail::kLibraryFolder) + "/" + name, std::move(content)};
}

Result<std::vector<jail::OwnFile>> own_files(const ZygoteSettings& settings) {
    std::vector<jail::OwnFile> files;
    for (const char* name : {"_snapjail.abi3.so", "zygote.py", "runner.py", "warmup.py"}) {
        files.push_back(TRY(own_file(settings.library_folder + "/" + name, name)));
    }
    // Beside our own, which stays in use where WRAPPER_PATH is not set.
    files.push_back(TRY(own_file(settings.library_folder + "/wrapper.py", "wrapper.py")));
    if (!settings.wrapper_path.empty()) {
        files.push_back(TRY(own_file(settings.wrapper_path, "custom_wrapper.py")));
    }
    return files;
}

// `library` is the folder of our own Python files as that process will see it.
std::vector<std::string> interpreter_argv(const std::string& program, const std::string& library,
                                          const char* script) {
    // Isolated: no PYTHON* variables, no user's site folder. UTF-8 whatever the locale.
    return {program, "-I", "-B", "-X", "utf8", library + "/" + script};
}

// Where zygote and guest find what: in tier `full` both in the tree, in tier `process` the zygote
// on the host, and the guest there or in its own root.
struct SeenPaths {
    std::string zygote_library;
    std::string guest_library;
    std::string zygote_wrapper;
    std::string guest_wrapper;
    std::string job_folder;  // "." where only the guest knows.
};

SeenPaths seen_paths(const ZygoteSettings& settings) {
    const std::string in_tree = std::string("/") + jail::kLibraryFolder;
    // Switched off only in tests of the walls: then the zygote stays in the host's root.
    bool is_full = settings.tier == jail::Tier::kFull &&
                   settings.jail.layers.stands(jail::Layer::kReadOnlyRoot);
    bool has_tree = is_full || settings.places.has_roots != 0;
    bool has_wrapper = !settings.wrapper_path.empty();
    const std::string wrapper_in_tree = has_wrapper ? in_tree + "/custom_wrapper.py" : "";
    return {.zygote_library = is_full ? in_tree : settings.library_folder,
            .guest_library = has_tree ? in_tree : settings.library_folder,
            .zygote_wrapper = is_full ? wrapper_in_tree : settings.wrapper_path,
            .guest_wrapper = has_tree ? wrapper_in_tree : settings.wrapper_path,
            .job_folder = has_tree || settings.tier == jail::Tier::kFull ? "/tmp" : "."};
}

Result<void> set_cold_argv(jail::JailPlan& plan, const std::vector<std::string>& argv) {
    CHECK(argv.size() < plan.cold_argv.size());
    for (std::size_t i = 0; i < argv.size(); ++i) {
        TRY(put_text(plan.cold_argv[i], argv[i]));
    }
    return {};
}

void add_wrapper(std::vector<std::string>& argv, const std::string& path) {
    if (!path.empty()) {
        argv.push_back(path);
    }
}

// The plan, and behind it each slot's cgroups: as many as there are slots.
Result<UniqueFd> make_plan_memfd(jail::JailPlan plan,
                                 std::span<const jail::cgroup::SlotCgroup> cgroups, int watch) {
    plan.cgroup_count = static_cast<std::uint32_t>(cgroups.size());
    plan.cgroup_watch = watch;
    std::vector<std::byte> bytes(sizeof(plan) + cgroups.size_bytes());
    std::memcpy(bytes.data(), &plan, sizeof(plan));
    if (!cgroups.empty()) {
        std::memcpy(bytes.data() + sizeof(plan), cgroups.data(), cgroups.size_bytes());
    }
    return make_memfd("jail-plan", bytes);
}

}  // namespace

jail::GuestHost host_of_guests(const jail::JailPlan& plan) {
    return {.tier = plan.tier,
            .has_own_id = plan.places.slot_uid_first != 0,
            .landlock_abi = plan.landlock_abi,
            .is_gvisor = jail::read_host_signs().is_gvisor};
}

Result<ZygoteSpec> make_zygote_spec(const ZygoteSettings& settings) {
    return make_zygote_spec(
        settings, TRY(jail::probe_interpreter(settings.python_bin, settings.library_folder)));
}

Result<ZygoteSpec> make_zygote_spec(const ZygoteSettings& settings, jail::Interpreter interpreter) {
    ZygoteSpec spec;
    spec.interpreter = std::move(interpreter);
    spec.plan = TRY(make_plan(settings));
    if (settings.tier == jail::Tier::kFull) {
        spec.tree = TRY(plan_tree(settings, spec.interpreter));
        if (::geteuid() == 0) {
            spec.outside_id = kOutsideId;
        }
    }
    const std::string& program = spec.interpreter.program;
    SeenPaths seen = seen_paths(settings);
    auto cold = interpreter_argv(program, seen.guest_library, "runner.py");
    cold.push_back(std::to_string(spec.plan.result_fd));
    cold.push_back(seen.job_folder);
    add_wrapper(cold, seen.guest_wrapper);
    TRY(set_cold_argv(spec.plan, cold));
    spec.argv = interpreter_argv(program, seen.zygote_library, "zygote.py");
    spec.argv.push_back(settings.profile.name);
    std::string own_modules = join_words(settings.profile.modules);
    spec.argv.push_back(std::string(kBaseModules) + (own_modules.empty() ? "" : "," + own_modules));
    spec.argv.push_back(seen.job_folder);
    add_wrapper(spec.argv, seen.zygote_wrapper);
    spec.environment = make_environment(settings.jail.environment);
    return spec;
}

Result<jail::RootTree> plan_tree(const ZygoteSettings& settings,
                                 const jail::Interpreter& interpreter) {
    return jail::plan_root_tree(interpreter, TRY(own_files(settings)), settings.jail.entries);
}

Result<ChildProcess> launch_zygote(ZygoteSpec& spec) {
    SocketPair channel = TRY(make_seqpacket_pair());
    Pipe go = TRY(make_pipe());
    Pipe report = TRY(make_pipe());
    static const jail::cgroup::Slots no_cgroups;
    const jail::cgroup::Slots& cgroups = spec.cgroups != nullptr ? *spec.cgroups : no_cgroups;
    UniqueFd cgroup_watch = TRY(cgroups.make_watch());
    UniqueFd plan_memfd = TRY(make_plan_memfd(spec.plan, cgroups.table(), cgroup_watch.get()));
    std::vector<const char*> argv;
    for (const std::string& argument : spec.argv) {
        argv.push_back(argument.c_str());
    }
    argv.push_back(nullptr);
    std::vector<const char*> environment;
    for (const std::string& variable : spec.environment) {
        environment.push_back(variable.c_str());
    }
    environment.push_back(nullptr);
    ChildOrders orders{&spec.tree,
                       &spec.plan,
                       argv.data(),
                       environment.data(),
                       channel.second.get(),
                       plan_memfd.get(),
                       cgroups.table(),
                       cgroup_watch.get(),
                       go.read_end.get(),
                       report.write_end.get(),
                       spec.outside_id.has_value()};

    // Not glibc's fork(): it takes no flags. One thread, and the child allocates nothing.
    constexpr unsigned long kNamespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
                                          CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                                          CLONE_NEWCGROUP;
    bool is_full = spec.plan.tier == jail::Tier::kFull;
    unsigned long flags = is_full ? jail::standing_namespaces(spec.plan.layers, kNamespaces) : 0;
    auto clone_with = [](unsigned long with) {
        return static_cast<pid_t>(
            ::syscall(SYS_clone, with | SIGCHLD, nullptr, nullptr, nullptr, 0));
    };
    pid_t child = clone_with(flags);
    if (child < 0 && errno == EINVAL) {
        // gVisor has no cgroups of its own to hide, and does not know the flag.
        child = clone_with(flags & ~std::uint64_t{CLONE_NEWCGROUP});
    }
    if (child < 0) {
        return Error::from_errno("make namespaces for a zygote", errno);
    }
    if (child == 0) {
        // Else the pipe to ourselves would never end.
        ::close(go.write_end.get());
        become_zygote(orders);
    }
    auto pidfd = open_pidfd(child);
    // Owns the child from here on, on every path.
    ChildProcess zygote(child, pidfd ? std::move(*pidfd) : UniqueFd(), std::move(channel.first));
    channel.second.reset();
    report.write_end.reset();
    if ((flags & CLONE_NEWUSER) != 0) {
        TRY(write_id_maps(child, spec));
    }
    if (is_full) {
        TRY(retry_eintr("write", [&] { return ::write(go.write_end.get(), "g", 1); }));
    }
    TRY(await_exec(report.read_end));
    if (!zygote.pidfd().is_open()) {
        return Error::from_errno("pidfd_open", EMFILE);
    }
    return zygote;
}

Result<void> attach_front(const ChildProcess& zygote, UniqueFd front_socket,
                          std::uint32_t front_number) {
    AttachMessage message{.front = front_number};
    int fd = front_socket.get();
    return send_with_fds(zygote.channel(), std::as_bytes(std::span(&message, 1)),
                         std::span(&fd, 1));
}

}  // namespace snapjail::zygote
