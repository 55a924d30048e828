"""The same file and the same scripts under nsjail itself and under Snapjail: what a guest sees.

Runs where there is an nsjail program, on the PATH or named by NSJAIL_BIN. It gets the interpreter's
folders by flags, which Snapjail finds by itself; all else is the file's.
"""

import json
import os
import shutil
import subprocess

import pytest
from service import BINARY, PYTHON

pytestmark = pytest.mark.seconds(120)

NSJAIL = os.environ.get("NSJAIL_BIN") or shutil.which("nsjail")
# Of the interpreter that is behind a virtual environment's link.
INTERPRETER = os.path.realpath(PYTHON)
FOLDERS = [f for f in ("/usr", "/lib", "/lib64", "/bin") if os.path.exists(f)]

CONFIG = """
hostname: "ant" cwd: "/scratch" mount_proc: true
uidmap {{ inside_id: "42" }} gidmap {{ inside_id: "43" }}
envar: "A=1" envar: "FROM_OUTSIDE"
nice_level: 7 oom_score_adj: 500 max_cpus: 1 time_limit: 20
rlimit_as: 700 rlimit_cpu: 4 rlimit_fsize: 3 rlimit_nofile: 77 rlimit_core: 0
rlimit_nproc: 7 rlimit_nproc_type: VALUE rlimit_stack: 4 rlimit_stack_type: VALUE
rlimit_memlock: 32 rlimit_memlock_type: VALUE rlimit_msgqueue: 512 rlimit_msgqueue_type: VALUE
rlimit_rtprio: 0 rlimit_rtprio_type: VALUE
mount {{ dst: "/tmp" fstype: "tmpfs" rw: true options: "size=8m" }}
mount {{ dst: "/scratch" fstype: "tmpfs" rw: true options: "size=1m,nr_inodes=20" }}
mount {{ dst: "/empty" fstype: "tmpfs" options: "size=1m" }}
mount {{ src: "{data}" dst: "/data" is_bind: true nosuid: true nodev: true noexec: true }}
mount {{ prefix_src_env: "DATA" src: "/below" prefix_dst_env: "PLACE" dst: "/b"
        is_bind: true }}
mount {{ src: "/nowhere" dst: "/missing" is_bind: true mandatory: false }}
mount {{ src_content: "key=value" dst: "/conf/app" }}
mount {{ src: "/conf/app" dst: "/link" is_symlink: true }}
seccomp_string: "#define HERE 7"
seccomp_string: "POLICY none {{ ERRNO(71) {{ symlink, symlinkat }} }}"
seccomp_string: "POLICY some {{ ERRNO(72) {{ fchmod {{ mode == 0700 }}, chmod {{ mode == 0700 }},"
seccomp_string: "  fchmodat(a, b, c) {{ c == 0700 }},"
seccomp_string: "  dup2 {{ (oldfd | HERE) == 7 && newfd > 40 }} }} }}"
seccomp_string: "USE none, USE some DEFAULT ALLOW"
"""

SCRIPT = """
import os, resource

def attempt(call):
    try:
        result = call()
        return result if isinstance(result, (str, list, int)) else 'done'
    except OSError as error:
        return error.errno

def write(path, size):
    with open(path, 'wb') as file:
        return file.write(bytes(size))

def status(*names):
    with open('/proc/self/status') as file:
        rows = dict(line.rstrip().split(':', 1) for line in file)
    return {name: rows[name].strip() for name in names}

def main():
    names = 'AS CPU FSIZE NOFILE CORE NPROC STACK MEMLOCK MSGQUEUE RTPRIO'.split()
    seen = {f'rlimit {n}': list(resource.getrlimit(getattr(resource, 'RLIMIT_' + n)))
            for n in names}
    open('/tmp/f', 'w').close()
    seen |= {
        'hostname': os.uname().nodename, 'cwd': os.getcwd(), 'pid': os.getpid(),
        'session': os.getsid(0),
        'uid': list(os.getresuid()), 'gid': list(os.getresgid()), 'groups': os.getgroups(),
        'A': os.environ.get('A'), 'FROM_OUTSIDE': os.environ.get('FROM_OUTSIDE'),
        'HOME of the host': os.environ.get('SECRET'),
        'nice': os.nice(0), 'oom': attempt(lambda: open('/proc/self/oom_score_adj').read()),
        'processors': len(os.sched_getaffinity(0)),
        'processes': sorted(n for n in os.listdir('/proc') if n.isdigit()),
        'bind': attempt(lambda: open('/data/below/file').read()),
        'bind by prefix': attempt(lambda: open('/place/b/file').read()),
        'write to a bind': attempt(lambda: write('/data/below/new', 1)),
        'missing': os.path.exists('/missing'),
        'file': attempt(lambda: open('/conf/app').read()),
        'write to a file': attempt(lambda: write('/conf/app', 1)),
        'link': attempt(lambda: os.readlink('/link')),
        'follow the link': attempt(lambda: open('/link').read()),
        'write to the root': attempt(lambda: write('/new', 1)),
        'read-only tmpfs': attempt(lambda: write('/empty/a', 1)),
        'what fits a tmpfs': attempt(lambda: write('/scratch/a', 1 << 19)),
        'more than a tmpfs': attempt(lambda: write('/scratch/b', 1 << 20)),
        'more than its files': attempt(lambda: [write(f'/scratch/n{i}', 0) for i in range(30)]),
        'more than a file': attempt(lambda: write('/tmp/a', 4 << 20)),
        'flags of a bind': os.statvfs('/data').f_flag & 15,
        'policy': attempt(lambda: os.symlink('a', '/tmp/l')),
        'policy, by argument': attempt(lambda: os.chmod('/tmp/f', 0o700)),
        'policy, other argument': attempt(lambda: os.chmod('/tmp/f', 0o600)),
        'policy, by bits': attempt(lambda: os.dup2(1, 41)),
        'policy, other bits': attempt(lambda: os.dup2(1, 40)),
    }
    return seen | status('CapEff', 'CapPrm', 'CapInh', 'CapAmb', 'NoNewPrivs', 'Seccomp')
"""

# Key: what nsjail shows, what Snapjail shows.
DIFFERENCES = {
    # Of an optional mount whose source is missing: nsjail has made the empty folder by then.
    "missing": (True, False),
}


@pytest.fixture
def environment(own, tmp_path):
    if NSJAIL is None:
        pytest.skip("there is no nsjail program on this machine to compare with")
    (tmp_path / "data" / "below").mkdir(parents=True)
    (tmp_path / "data" / "below" / "file").write_text("content")
    for folder in (tmp_path, tmp_path / "data", tmp_path / "data" / "below"):
        folder.chmod(0o755)
    return {"PATH": os.environ["PATH"], "PYTHON_BIN": str(PYTHON), "FROM_OUTSIDE": "seen",
            "SECRET": "of the host", "DATA": str(tmp_path / "data"), "PLACE": "/place"}


def run(command, environment):
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100,
                          check=False)


def run_nsjail(config, script, environment):
    folders = [flag for folder in FOLDERS for flag in ("-R", folder)]
    program = script + "\nimport json\nprint(json.dumps(main()))"
    return run([NSJAIL, "--quiet", "--config", config, *folders, "--", INTERPRETER, "-I", "-X",
                "utf8", "-c", program], environment)


def run_snapjail(config, script, environment):
    path = config.parent / "script.py"
    path.write_text(script)
    return run([BINARY, "run", "--nsjail-config", config, path], environment)


def value_of(result):
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_a_guest_sees_the_same_under_both(environment, tmp_path):
    config = tmp_path / "jail.cfg"
    config.write_text(CONFIG.format(data=tmp_path / "data"))
    theirs = value_of(run_nsjail(config, SCRIPT, environment))
    ours = value_of(run_snapjail(config, SCRIPT, environment))

    differing = {key: (theirs[key], ours[key]) for key in theirs if theirs[key] != ours[key]}

    assert differing == DIFFERENCES


def test_both_end_a_script_at_its_time_limit(environment, tmp_path):
    config = tmp_path / "jail.cfg"
    config.write_text("time_limit: 1")
    endless = "import time\ndef main(): time.sleep(60)"

    assert run_nsjail(config, endless, environment).returncode == 128 + 9
    assert run_snapjail(config, endless, environment).returncode == 124


def test_both_read_json_as_they_read_text(environment, tmp_path):
    config = tmp_path / "jail.cfg"
    config.write_text('{"hostname": "ant", "rlimitNofile": "77", "rlimit_cpu": 9}')
    script = """import os, resource
def main():
    return [os.uname().nodename, resource.getrlimit(resource.RLIMIT_NOFILE),
            resource.getrlimit(resource.RLIMIT_CPU)]
"""
    expected = ["ant", [77, 77], [9, 9]]
    assert value_of(run_nsjail(config, script, environment)) == expected
    assert value_of(run_snapjail(config, script, environment)) == expected


@pytest.mark.parametrize("config", [
    "hostnam: 'a'", "mount:\n - src: '/a'", "uidmap { inside_id: 1000 }", "time_limit: -1",
    "time_limit: 5 time_limit: 6", "hostname: 'a", 'seccomp_string: "ALLOW { reead }"',
    'seccomp_string: "ALLOW { read { fd == 1 }"', 'seccomp_string: "USE none"',
    'seccomp_string: "ERRNO(65536) { read }"', 'seccomp_string: "ALLOW { read ON vax }"',
])
def test_both_refuse_what_is_wrong(environment, tmp_path, config):
    file = tmp_path / "jail.cfg"
    file.write_text(config)
    script = "def main(): return 1"
    assert run_nsjail(file, script, environment).returncode != 0
    assert run_snapjail(file, script, environment).returncode == 2
