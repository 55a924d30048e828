"""What a script in a real jail sees of each field that is honoured."""

import json
import os
import re
import resource
import subprocess
import tempfile

import pytest
from one_run import run_raw
from service import BINARY, PYTHON, REPOSITORY

pytestmark = pytest.mark.seconds(120)


LIMIT = "import resource\ndef main(): return resource.getrlimit(resource.RLIMIT_{})"
VALUE = "{0}: {1} {0}_type: VALUE"


@pytest.mark.parametrize(
    "config, name, expected",
    [
        ("rlimit_as: 700", "AS", 700 << 20),
        ("rlimit_cpu: 4", "CPU", 4),
        ("rlimit_fsize: 3", "FSIZE", 3 << 20),
        ("rlimit_fsize_type: INF", "FSIZE", -1),
        ("rlimit_nofile: 77", "NOFILE", 77),
        (VALUE.format("rlimit_nproc", 7), "NPROC", 7),
        ("cgroup_pids_max: 9", "NPROC", 9),
        (VALUE.format("rlimit_stack", 4), "STACK", 4 << 20),
        (VALUE.format("rlimit_memlock", 32), "MEMLOCK", 32 << 10),
        (VALUE.format("rlimit_msgqueue", 512), "MSGQUEUE", 512),
        (VALUE.format("rlimit_rtprio", 0), "RTPRIO", 0),
        ("rlimit_core: 0", "CORE", 0),
        ("rlimit_as_type: HARD", "AS", 1024 << 20),  # At most the built-in one.
    ],
)
def test_an_rlimit_has_its_value_and_unit(run, config, name, expected):
    assert run(config, LIMIT.format(name)) == [expected, expected]


@pytest.mark.parametrize("kind, expected", [("SOFT", 5 << 20), ("HARD", 7 << 20)])
def test_soft_and_hard_are_the_services_own_limits_where_these_are_lower(run, kind, expected):
    def lower():
        resource.setrlimit(resource.RLIMIT_FSIZE, (5 << 20, 7 << 20))

    config = f"rlimit_fsize: 3 rlimit_fsize_type: {kind}"  # The number is ignored, as in nsjail.
    assert run(config, LIMIT.format("FSIZE"), before=lower) == [expected, expected]


def test_a_flag_beats_the_file_and_the_file_the_default(run):
    config = "rlimit_as: 700 rlimit_nofile: 77"
    assert run(config, LIMIT.format("AS"), ["--memory-limit=800"])[0] == 800 << 20
    assert run(config, LIMIT.format("NOFILE"), ["--memory-limit=800"])[0] == 77
    assert run(config, LIMIT.format("FSIZE"), ["--memory-limit=800"])[0] == 100 << 20


def test_time_limit_ends_a_script(run):
    endless = "import time\ndef main(): time.sleep(60)"
    assert "time limit exceeded (1 s" in run("time_limit: 1", endless, status=124)


def test_hostname_cwd_and_ids_are_those_of_the_file(run):
    config = (
        'hostname: "ant" cwd: "/scratch" uidmap { inside_id: "42" } gidmap { inside_id: "43" }'
        'mount { dst: "/scratch" fstype: "tmpfs" rw: true options: "size=1m" }'
    )
    script = (
        "import os\n"
        "def main(): return [os.uname().nodename, os.getcwd(), os.getresuid(), os.getresgid()]"
    )
    assert run(config, script) == ["ant", "/scratch", [42] * 3, [43] * 3]


def test_the_hostname_is_in_its_file_too_unless_that_is_given(run):
    script = "import os\ndef main(): return [os.uname().nodename, open('/etc/hostname').read()]"
    assert run('hostname: "ant"', script) == ["ant", "ant\n"]
    own = 'hostname: "ant" mount { src_content: "bee" dst: "/etc/hostname" }'
    assert run(own, script) == ["ant", "bee"]
    assert run("", script) == ["snapjail", "snapjail\n"]


def test_nice_level_and_oom_score_are_those_of_the_file(run):
    script = (
        "import os\n"
        "def main(): return [os.nice(0), open('/proc/self/oom_score_adj').read().strip()]"
    )
    assert run("nice_level: 7 oom_score_adj: 500", script) == [7, "500"]


@pytest.mark.parametrize("mode", ["warm", "cold"])
def test_the_largest_environment_that_is_accepted_starts(run, mode):
    # As the kernel counts: with its NUL, and a pointer for each.
    each = (256 - 16) * 1024 // 8
    config = "rlimit_stack: 1 rlimit_stack_type: VALUE\n"
    config += "".join(f'envar: "{name}={"x" * (each - 11)}"\n' for name in "ABCDEFGH")
    script = "import os\ndef main(): return sum(len(os.environ[n]) for n in 'ABCDEFGH')"
    assert run(config, script, [f"--mode={mode}"]) == 8 * (each - 11)
    longest = 'envar: "A=' + "x" * (128 * 1024 - 3) + '"'
    script = "import os\ndef main(): return len(os.environ['A'])"
    assert run(longest, script, [f"--mode={mode}"]) == 128 * 1024 - 3


@pytest.mark.parametrize("mode", ["warm", "cold"])
def test_guests_of_a_niced_service_are_as_niced_as_it_is(run, mode):
    script = "import os\ndef main(): return os.nice(0)"
    # The program's own niceness is what it begins with.
    for level, expected in ((3, 5), (5, 5), (7, 7), (0, 5)):
        result = run(f"nice_level: {level}", script, [f"--mode={mode}"], before=lambda: os.nice(5))
        assert result == expected


def test_max_cpus_holds_against_the_guest(run):
    script = """import os
def main():
    try:
        os.sched_setaffinity(0, range(os.cpu_count()))
    except PermissionError:
        return len(os.sched_getaffinity(0))
    return "could choose its processors"
"""
    assert run("max_cpus: 1", script) == 1
    allowed = len(os.sched_getaffinity(0))
    control = "import os\ndef main(): return len(os.sched_getaffinity(0))"
    assert run("max_cpus: 0", control) == allowed


def test_envar_adds_overrides_and_copies(run):
    config = 'envar: "A=1" envar: "HOME=/data" envar: "FROM_OUTSIDE"'
    script = "import os\ndef main(): return [os.environ.get(n) for n in NAMES]"
    names = "NAMES = ['A', 'HOME', 'FROM_OUTSIDE', 'PYTHON_BIN']\n"
    assert run(config, names + script) == ["1", "/data", "seen", None]
    assert run("", names + script) == [None, "/tmp", None, None]


def test_every_namespace_is_the_jobs_own(run):
    kinds = ["net", "user", "mnt", "pid", "ipc", "uts", "cgroup"]
    config = " ".join(
        f"clone_new{name}: true" for name in ("net", "user", "ns", "pid", "ipc", "uts", "cgroup")
    )
    script = "import os\ndef main(): return {n: os.readlink(f'/proc/self/ns/{n}') for n in KINDS}"
    inside = run(config, f"KINDS = {kinds}\n{script}")
    outside = {name: os.readlink(f"/proc/self/ns/{name}") for name in kinds}
    assert [name for name in kinds if inside[name] == outside[name]] == []


PROC = "import os\ndef main(): return sorted(n for n in os.listdir('/proc') if n.isdigit())"


def test_mount_proc_shows_the_jobs_own_processes_or_nothing(run):
    assert run("mount_proc: true", PROC) == ["1"]
    empty = "import os\ndef main(): return os.listdir('/proc')"
    assert run("mount_proc: false", empty) == []


def test_a_mount_of_a_procfs_is_mount_proc(run):
    assert run('mount { dst: "/proc" fstype: "proc" }', PROC) == ["1"]
    empty = "import os\ndef main(): return os.listdir('/proc')"
    assert run('mount_proc: false mount { dst: "/proc" fstype: "proc" }', PROC) == ["1"]
    assert run("mount_proc: false", empty) == []


def test_the_name_stands_in_what_check_config_says(own, tmp_path):
    file = tmp_path / "jail.cfg"
    file.write_text('name: "ant heap"')
    result = subprocess.run(
        [BINARY, "check-config", file], capture_output=True, text=True, timeout=30, check=False
    )
    assert "A job's jail (ant heap)" in result.stdout
    assert "Snapjail's own values hold, not nsjail's" in result.stdout


def test_exec_bin_is_the_interpreter_unless_a_flag_names_one(own, tmp_path):
    # Not below /tmp, which is each job's own.
    with tempfile.TemporaryDirectory(dir=BINARY.parent) as folder:
        python = os.path.join(folder, "python-of-the-file")
        os.symlink(os.path.realpath(PYTHON), python)
        (tmp_path / "jail.cfg").write_text(f'exec_bin {{ path: "{python}" }}')
        (tmp_path / "script.py").write_text("import sys\ndef main(): return sys.executable")
        command = [BINARY, "run", "--nsjail-config", tmp_path / "jail.cfg"]
        for arguments, expected in (([], python), ([f"--python={PYTHON}"], str(PYTHON))):
            result = subprocess.run(
                [*command, *arguments, tmp_path / "script.py"],
                env={"PATH": os.environ["PATH"]},
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
            assert json.loads(result.stdout) == expected, result.stderr


SOCKETS = """import socket, os
def attempt(call):
    try:
        call()
    except OSError as error:
        return error.errno
    return 0
def main():
    return [attempt(lambda: os.symlink('a', '/tmp/l')), attempt(lambda: os.mkdir('/tmp/d')),
            attempt(lambda: os.unshare(0x10000000)) if hasattr(os, 'unshare') else 1]
"""


def test_a_policy_is_joined_with_ours_and_never_weaker(run):
    policy = 'seccomp_string: "ERRNO(71) { symlink, symlinkat } ALLOW { unshare } DEFAULT ALLOW"'
    assert run(policy, SOCKETS) == [71, 0, 1]
    assert run("", SOCKETS) == [0, 0, 1]


@pytest.mark.parametrize("mode", ["warm", "cold"])
def test_a_policy_looks_at_arguments_in_both_modes(run, mode):
    policy = 'seccomp_string: "ERRNO(71) { mkdir(path, mode) { mode == 0700 } } DEFAULT ALLOW"'
    script = SOCKETS.replace("os.mkdir('/tmp/d')", "os.mkdir('/tmp/d', 0o700)")
    assert run(policy, script, [f"--mode={mode}"])[1] == 71
    assert run(policy, SOCKETS, [f"--mode={mode}"])[1] == 0


REPLACED = """import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def main():
    made = libc.unshare(0x10000000)
    return [made, ctypes.get_errno(), libc.syscall(304, 0, 0, 0), ctypes.get_errno()]
"""


@pytest.mark.parametrize("mode", ["warm", "cold"])
def test_a_policy_of_what_guests_cannot_do_without_starts_them(run, own, tmp_path, mode):
    """The list is what check-config says of a policy that allows nothing."""
    file = tmp_path / "nothing.cfg"
    file.write_text('seccomp_string: "DEFAULT KILL_PROCESS"')
    told = subprocess.run(
        [BINARY, "check-config", file], capture_output=True, text=True, timeout=30, check=False
    ).stdout
    warm = re.search("error: no guest can start under this policy: allow (.*)", told)[1]
    cold = re.search("note: with --mode=cold.*: that takes (.*)", told)[1]
    calls = warm if mode == "warm" else f"{warm}, {cold}"
    script = "def main(): return 1"
    policy = 'seccomp_string: "{} {{ {} }} DEFAULT {}"'
    assert run(policy.format("ALLOW", calls, "KILL_PROCESS"), script, [f"--mode={mode}"]) == 1
    # No first guest dies unseen, to be followed by one that was made in another way.
    assert run.standard_error == ""


def test_a_policy_for_warm_guests_only_starts_no_cold_ones(own, tmp_path):
    config = 'seccomp_string: "KILL_PROCESS { execve } DEFAULT ALLOW"'
    script = "def main(): return 1"
    assert run_raw(tmp_path, config, script, ["--mode=warm"]).stdout == "1\n"
    refused = run_raw(tmp_path, config, script, ["--mode=cold"])
    assert refused.returncode == 2
    assert "no guest can start under this policy: allow execve" in refused.stderr


def test_a_policy_that_replaces_ours_decides_alone_within_the_list_of_calls(run, tmp_path):
    # unshare() is the guest's filter to refuse, open_by_handle_at() (304) the zygote's.
    policy = 'seccomp_string: "ERRNO(71) { symlink } DEFAULT ALLOW"'
    errors = run(policy, REPLACED)
    assert errors == [-1, 1, -1, 1]  # EPERM: joined with ours it is never weaker.
    replaced = run(policy, REPLACED, ["--seccomp=replace"])
    # ENOSPC: the filter lets it through, and then the jail's own count of user namespaces is 0.
    assert replaced == [-1, 28, -1, 1]
    assert run(policy, SOCKETS, ["--seccomp=replace"])[0] == 71


def test_a_policy_that_replaces_ours_is_told_everywhere(start, own, tmp_path):
    file = tmp_path / "jail.cfg"
    file.write_text('seccomp_string: "ERRNO(71) { symlink } DEFAULT ALLOW"\n')
    checked = subprocess.run(
        [BINARY, "check-config", "--seccomp=replace", file],
        capture_output=True, text=True, timeout=30, check=False,
    )
    assert checked.returncode == 1
    assert "warning: --seccomp=replace" in checked.stdout
    assert "the file's policy alone" in checked.stdout
    running = start({"NSJAIL_CONFIG": str(file), "SNAPJAIL_SECCOMP": "replace"})
    layers = running.ask("GET", "/health").json["layers"]
    assert [one for one in layers if "the operator's policy alone" in one] != []
    assert "warning: --seccomp=replace" in running.log_text()


def test_replacing_without_a_policy_starts_nothing(own, tmp_path):
    result = run_raw(tmp_path, "time_limit: 5", "def main(): return 1", ["--seccomp=replace"])
    assert result.returncode == 2
    assert "needs a policy" in result.stderr


def test_a_policy_file_includes_others_beside_it(run, tmp_path):
    (tmp_path / "policies").mkdir()
    links = "POLICY links { ERRNO(71) { symlink, symlinkat } }"
    (tmp_path / "policies" / "links").write_text(links)
    (tmp_path / "policies" / "all").write_text('#include "links"\nUSE links DEFAULT ALLOW')
    assert run('seccomp_policy_file: "policies/all"', SOCKETS) == [71, 0, 1]
    text = """
        seccomp_string: '#include "policies/links"'
        seccomp_string: 'USE links DEFAULT ALLOW'
    """
    assert run(text, SOCKETS) == [71, 0, 1]


def test_a_policy_file_is_found_beside_the_configuration(run, tmp_path):
    (tmp_path / "policy.kafel").write_text("ERRNO(71) { symlink, symlinkat } DEFAULT ALLOW")
    assert run('seccomp_policy_file: "policy.kafel"', SOCKETS) == [71, 0, 1]


def test_the_shipped_file_changes_nothing(run):
    config = (REPOSITORY / "config/python.cfg").read_text()
    script = """import os, resource
def main():
    return [[resource.getrlimit(n) for n in range(16)], dict(os.environ), os.getcwd(),
            os.listdir('/'), os.getuid(), os.uname().nodename, os.statvfs('/tmp').f_blocks]
"""
    assert run(config, script) == run("", script)


def test_a_refused_file_starts_nothing(own, tmp_path):
    result = run_raw(tmp_path, "keep_caps: true", "def main(): return 1")
    assert result.returncode == 2
    assert result.stdout == ""
    assert "jail.cfg:1:1: error: keep_caps" in result.stderr


@pytest.mark.parametrize(
    "config, status", [("time_limit: 5", 0), ("rlimit_as_type: HARD", 1), ("keep_caps: true", 2)]
)
def test_check_config_says_by_its_status_how_bad_it_is(own, tmp_path, config, status):
    file = tmp_path / "jail.cfg"
    file.write_text(config)
    result = subprocess.run(
        [BINARY, "check-config", file], capture_output=True, text=True, timeout=30, check=False
    )
    assert result.returncode == status, result.stdout
    assert ("always" in result.stdout) == (status < 2)


def test_serve_refuses_what_check_config_refuses(launch, tmp_path):
    file = tmp_path / "jail.cfg"
    file.write_text("clone_newnet: false\n")
    running = launch({"NSJAIL_CONFIG": str(file)})
    assert running.process.wait(timeout=30) == 2


def test_serve_ends_where_no_guest_can_start_and_says_why(launch, tmp_path):
    """A folder of the host's that no jail has: no reader can know what the interpreter needs."""
    with tempfile.TemporaryDirectory(dir="/usr") as folder:
        os.chmod(folder, 0o755)
        file = tmp_path / "jail.cfg"
        file.write_text(f'cwd: "{folder}"')
        running = launch({"NSJAIL_CONFIG": str(file)})
        assert running.process.wait(timeout=60) == 1
    assert "have all failed (enter the working directory: " in running.log_text()


def test_run_ends_at_once_where_no_guest_can_start(own, tmp_path):
    with tempfile.TemporaryDirectory(dir="/usr") as folder:
        os.chmod(folder, 0o755)
        result = run_raw(tmp_path, f'cwd: "{folder}"', "def main(): return 1")
    assert "no guest could be started: enter the working directory" in result.stderr


def test_serve_answers_under_a_file(start, tmp_path):
    file = tmp_path / "jail.cfg"
    file.write_text('hostname: "ant"\nseccomp_string: "ERRNO(71) { symlink } DEFAULT ALLOW"\n')
    running = start({"NSJAIL_CONFIG": str(file)})
    answer = running.execute("import os\ndef main(): return os.uname().nodename")
    assert answer.result == "ant"


def test_serve_says_at_its_start_what_the_jail_is_flags_included(start, tmp_path):
    file = tmp_path / "jail.cfg"
    file.write_text('hostname: "ant"\nrlimit_as: 700\nrlimit_fsize: 3\nrlimit_nproc: 7\n')
    running = start({"NSJAIL_CONFIG": str(file), "SNAPJAIL_FILE_LIMIT": "2"})
    lines = [json.loads(line) for line in running.log_text().splitlines()]
    jail = {line["of"]: line["is"] for line in lines if line.get("event") == "jail"}
    assert jail["id inside"] == "1000:1000 on ant"
    assert jail["address space"] == "700 MiB of each process"
    assert jail["one file"] == "2 MiB"
    problems = [line["problem"] for line in lines if line.get("event") == "configuration"]
    assert len(problems) == 1 and "jail.cfg:4:1: warning: rlimit_nproc" in problems[0]


# The limits of a whole job: cgroups, where this host lets us make some.

HOLD = """
import os, time
def main():
    for _ in range({count}):
        if os.fork() == 0:
            block = bytearray({mib} * 2**20)
            os.write(1, b'x')
            time.sleep(30)
    os.waitpid(-1, 0)
"""
BURN = """
import time
def main():
    began = time.monotonic()
    while time.process_time() < {cpu}:
        pass
    return time.monotonic() - began
"""


@pytest.fixture(scope="module")
def cgroups():
    """Which controllers `doctor` can use here; what needs others is skipped."""
    doctor = subprocess.run(
        [BINARY, "doctor", "--json", f"--python={PYTHON}"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    rows = {row["name"]: row for row in json.loads(doctor.stdout)["layers"]}
    row = rows["cgroup limits"]

    def need(controller):
        if not row["stands"] or controller not in row["detail"]:
            pytest.skip(f"this host gives no cgroup that bounds {controller}: {row['detail']}")

    return need


def test_cgroup_mem_max_bounds_all_processes_together(run, cgroups):
    cgroups("memory")
    config = "time_limit: 20 cgroup_mem_max: 104857600"
    assert "memory limit exceeded" in run(config, HOLD.format(count=3, mib=60), status=137)


def test_what_stays_below_cgroup_mem_max_is_there(run, cgroups):
    cgroups("memory")
    config = "cgroup_mem_max: 314572800"
    script = "import os\ndef main():\n    block = bytearray(150 * 2**20)\n    return len(block)"
    assert run(config, script) == 150 * 2**20
    assert "memory limit exceeded" in run("cgroup_mem_max: 104857600", script, status=137)


def test_cgroup_mem_max_counts_tmp(run, cgroups):
    cgroups("memory")
    script = """
def main():
    with open("/tmp/file", "wb", buffering=0) as file:
        for _ in range(80):
            file.write(b"x" * 2**20)
    return "written"
"""
    assert run("cgroup_mem_max: 314572800", script) == "written"
    assert "memory limit exceeded" in run("cgroup_mem_max: 73400320", script, status=137)


def test_cgroup_cpu_ms_per_sec_slows_a_job(run, cgroups):
    cgroups("cpu")
    # A tenth of a processor: a quarter of a second of its time takes two and a half, but for the
    # first and the last tenth.
    assert run("time_limit: 30 cgroup_cpu_ms_per_sec: 100", BURN.format(cpu=0.25)) > 1.5


def test_swap_is_what_the_file_says(run, cgroups):
    """Only that such a file starts: this machine may have no swap to see it by."""
    cgroups("memory")
    for swap in ("cgroup_mem_swap_max: 1048576", "cgroup_mem_memsw_max: 209715200"):
        assert run(f"cgroup_mem_max: 104857600 {swap}", "def main(): return 1") == 1
