"""Whom the benchmark programs ask: the service, the floors, the reference; and the load client."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import report
import scripts
from scripts import SCRIPTS

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import processes  # noqa: E402

BINARY = Path(os.environ.get("SNAPJAIL_BIN", ROOT / "build/release/snapjail")).absolute()
BUILD = BINARY.parent
# Where zygote.py, wrapper.py and warmup.py are.
LIBRARY = Path(os.environ.get("SNAPJAIL_LIBRARY", BUILD / "lib/snapjail"))
PYTHON = Path(os.environ.get("PYTHON_BIN", ROOT / ".venv/bin/python")).absolute()
BENCH_PYTHON = ROOT / "build/bench-venv/bin/python"
READY_SECONDS = 120
STOP_SECONDS = 20
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def missing():
    """What no figure can be made without: a list of sentences, each with its remedy."""
    found = []
    for program in (BINARY, BUILD / "bench/snapjail_load", BUILD / "bench/snapjail_echo"):
        if not program.exists():
            found.append(f"{program} is missing: tools/build-preset release")
    check = [str(PYTHON), "-c", "import numpy, pandas"]
    try:
        if subprocess.run(check, capture_output=True, check=False).returncode != 0:
            found.append(f"{PYTHON} cannot import NumPy and Pandas: set PYTHON_BIN")
    except OSError:
        found.append(f"{PYTHON} is missing: tools/service-python, or set PYTHON_BIN")
    return found


def require_all():
    found = missing()
    if found:
        raise SystemExit("\n".join(f"bench: {line}" for line in found))


def missing_for_reference():
    """What the reference lacks; without it those figures are left out."""
    found = []
    if not shutil.which("nsjail") and not shutil.which("bwrap"):
        found.append("neither nsjail nor bubblewrap is there: apt-get install bubblewrap")
    check = [str(BENCH_PYTHON), "-c", "import flask, gunicorn"]
    if not BENCH_PYTHON.exists() or subprocess.run(check, check=False).returncode != 0:
        found.append(
            "Flask and gunicorn are missing: python3 -m venv build/bench-venv && "
            "build/bench-venv/bin/pip install -r bench/requirements.txt"
        )
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get_json(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)


def await_ready(port, process):
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            get_json(port, "/ready")
            return
        except (OSError, urllib.error.HTTPError):
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"bench: {process.args[0]} did not become ready")
        time.sleep(0.02)


def cpu_seconds(roots):
    """CPU time of these processes, what is below them, and all their children that were reaped."""
    ticks = 0
    for root in roots:
        for pid in [root, *processes.descendants(root)]:
            fields = processes.stat_fields(pid)
            ticks += sum(map(int, fields[11:15])) if fields else 0
    return ticks / CLOCK_TICKS


def kernel_threads_cpu_seconds():
    """CPU time of all kernel threads of the machine: what of a job's end they do is in it."""
    is_kernel_thread = 0x00200000
    ticks = 0
    for pid in processes.parents():
        fields = processes.stat_fields(pid)
        if fields and int(fields[6]) & is_kernel_thread:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / CLOCK_TICKS


class Target:
    """A server on a port of 127.0.0.1, with all that is below its process."""

    port = 0

    def __init__(self, name, command, environment=None, **how):
        self.name = name
        self.process = subprocess.Popen(command, env=environment, **how)

    def cpu_seconds(self):
        return cpu_seconds([self.process.pid])

    def path(self, _script_name):
        return "/execute"

    def settle(self):
        """Waits until what the last requests left to do is done."""

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Snapjail(Target):
    def __init__(self, name="snapjail", flags=(), binary=BINARY, slots=8, variables=(), **how):
        self.port = free_port()
        self.slots = slots
        environment = {"PATH": os.environ["PATH"], "PYTHON_BIN": str(PYTHON), **dict(variables)}
        command = [str(binary), "serve", f"--port={self.port}", "--log-level=error"]
        command += [f"--slots={slots}", "--zygote-lifetime=0", *flags]
        super().__init__(name, command, environment, **how)
        await_ready(self.port, self.process)

    def health(self):
        return get_json(self.port, "/health")

    def settle(self):
        """Until the pool is full again: the next measurement begins as the last one did."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            guests = self.health()["guests"]
            if guests["running"] == 0 and guests["waiting"] >= min(self.slots, 8):
                return
            time.sleep(0.01)

    def zygotes(self):
        """{profile: (pid, its modules)}, as their command lines say it."""
        found = {}
        for pid, parent in processes.parents().items():
            before, _, after = processes.command_line(pid).partition("/zygote.py ")
            if parent == self.process.pid and after:
                profile, modules, *_ = after.split(" ")
                found[profile] = (pid, modules)
        return found

    def guest_pids(self):
        """Of the guests: the zygotes' own children."""
        zygotes = {pid for pid, _ in self.zygotes().values()}
        return [pid for pid, parent in processes.parents().items() if parent in zygotes]


class Echo(Target):
    """Our own HTTP server that sends, for each script, the bytes that the service sent for it."""

    def __init__(self, answers):
        self.folder = tempfile.TemporaryDirectory(prefix="snapjail-bench-")
        for name, body in answers.items():
            Path(self.folder.name, scripts.slug(name)).write_bytes(body)
        command = [str(BUILD / "bench/snapjail_echo"), "--answers", self.folder.name]
        super().__init__("echo", command, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def path(self, script_name):
        return "/" + scripts.slug(script_name)

    def stop(self):
        super().stop()
        self.process.stdout.close()
        self.folder.cleanup()


class Reference(Target):
    """Flask and gunicorn with a fresh interpreter in a jail for each request."""

    def __init__(self):
        self.port = free_port()
        self.jail = "nsjail" if shutil.which("nsjail") else "bwrap"
        folders = [str(PYTHON.parent.parent), str(PYTHON.resolve().parent.parent)]
        environment = {
            "PATH": os.environ["PATH"],
            "JAIL": self.jail,
            "SCRIPT_PYTHON": str(PYTHON),
            "SCRIPT_FOLDERS": ":".join(f for f in folders if not f.startswith("/usr")),
        }
        workers = 2 * len(os.sched_getaffinity(0)) + 1  # gunicorn's own advice.
        command = [str(BENCH_PYTHON), "-m", "gunicorn", "--workers", str(workers), "--no-sendfile"]
        command += ["--log-level", "error", "--bind", f"127.0.0.1:{self.port}", "app:app"]
        # bubblewrap leaves its jail to whoever reaps orphans. Were that not gunicorn's own process,
        # the interpreter's CPU time would be missing from this service's.
        how = {"cwd": ROOT / "bench/reference", "preexec_fn": processes.become_subreaper}
        super().__init__("reference", command, environment, **how)
        await_ready(self.port, self.process)


class Floor:
    """bench/floor.py: fork and exit, and scripts in forked children, without any jail."""

    def __init__(self, modules):
        environment = {"PATH": os.environ["PATH"], "OPENBLAS_NUM_THREADS": "1"}
        command = [str(PYTHON), str(ROOT / "bench/floor.py"), str(LIBRARY), modules]
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("bench: floor.py has ended")
        return json.loads(line)

    def measure(self, kind, count, script="", pause_ms=0):
        order = {"kind": kind, "count": count, "script": script, "pause": pause_ms / 1000}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(STOP_SECONDS)
        self.process.stdout.close()


def request_bytes(path, script):
    body = json.dumps({"script": script}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def answer_of(target, script):
    """The body of one answer, of which the status must be 200."""
    body = json.dumps({"script": script}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{target.port}/execute",
        body,
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


class LoadClient:
    """Starts snapjail_load for one stretch of requests; keeps their bytes in files."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="snapjail-bench-")

    def run(self, target, script_name, script, **flags):
        """What the client measured; `flags` are its own: clients, requests, seconds, rate, ..."""
        path = target.path(script_name)
        file = Path(self.folder.name, scripts.slug(script_name) + path.replace("/", "_"))
        file.write_bytes(request_bytes(path, script))
        command = [BUILD / "bench/snapjail_load", f"--port={target.port}", f"--request={file}"]
        command += [f"--{flag}={value}" for flag, value in flags.items()]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise SystemExit(f"bench: the load client failed for {target.name}, {script_name}")
        return json.loads(done.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()


class World:
    """All that latency and throughput compare, started and stopped together."""

    def __init__(self, has_reference, flags=()):
        require_all()
        lacking = missing_for_reference() if has_reference else ["left out by a flag"]
        self.reference_name = f"none: {lacking[0]}" if lacking else ""
        for line in lacking if has_reference else ():
            report.say(f"no reference: {line}")
        with contextlib.ExitStack() as stack:
            self.snapjail = stack.enter_context(Snapjail(flags=flags))
            answers = {name: answer_of(self.snapjail, text) for name, text in SCRIPTS.items()}
            self.echo = stack.enter_context(Echo(answers))
            self._floors = {
                profile: stack.enter_context(Floor(modules))
                for profile, (_, modules) in self.snapjail.zygotes().items()
            }
            self.load = stack.enter_context(LoadClient())
            self.reference = None
            if not lacking:
                self.reference = stack.enter_context(Reference())
                self.reference_name = f"Flask, gunicorn, {self.reference.jail}"
                check_same_results(self.reference, answers)
            self._stack = stack.pop_all()

    def floor(self, script_name):
        """The one that has imported what the zygote has that such a job is forked from."""
        return self._floors[scripts.PROFILES[script_name]]

    @property
    def servers(self):
        return [server for server in (self.snapjail, self.echo, self.reference) if server]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()


def check_same_results(reference, answers):
    """The reference must do the same work, or its figures are worth nothing."""
    for name, text in SCRIPTS.items():
        if json.loads(answer_of(reference, text)) != json.loads(answers[name]):
            raise SystemExit(f"bench: the reference answers otherwise to {name}")
