"""The service under test: how it is started, asked and stopped; what every answer owes, once."""

import http.client
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import processes
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("SNAPJAIL_BIN", REPOSITORY / "build/release/snapjail")).absolute()
# Not resolved: a virtual environment's python is a link, and the name is what makes it one.
PYTHON = Path(os.environ.get("PYTHON_BIN", REPOSITORY / ".venv/bin/python")).absolute()
CANARY = f"canary-{secrets.token_hex(16)}"  # In the service's environment; no answer may hold it.

TIER_VARIABLES = ("SNAPJAIL_ISOLATION", "SNAPJAIL_ROOTS")

READY_SECONDS = 60  # Importing NumPy and Pandas on a busy machine; usually two.
STOP_SECONDS = 10  # What platforms give between SIGTERM and SIGKILL.
ANSWER_SECONDS = 30  # No answer takes longer than the queue's patience and the time limit together.

SCRIPT_FAULTS = {
    "no_main",
    "syntax_error",
    "exception",
    "exit",
    "not_json",
    "result_too_large",
    "time_limit",
    "cpu_limit",
    "memory_limit",
    "signal",
}
STATUS_OF = {
    **{fault: {400} for fault in SCRIPT_FAULTS},
    "invalid_request": {400, 404, 405, 408, 413, 415, 417, 431, 501, 505},
    "script_too_large": {413},
    "overloaded": {429, 503},
    "internal": {500},
}

# Results may be deeper, and have more digits, than Python reads by default.
sys.setrecursionlimit(5000)
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)


def _refuse_constant(name):
    raise AssertionError(f"{name} is not JSON")


def _object_without_duplicates(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"duplicate keys in {keys}"
    return dict(pairs)


def parse_strictly(raw):
    """JSON as RFC 8259 has it: UTF-8, no NaN, no key twice, no lone surrogate."""
    text = raw.decode("utf-8")  # Strict: raises on what is not UTF-8.
    value = json.loads(
        text, parse_constant=_refuse_constant, object_pairs_hook=_object_without_duplicates
    )
    if "\\ud" in text.lower():
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # Raises on a lone surrogate.
    return value


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    raw: bytes
    seconds: float
    json: object

    def __iter__(self):
        return iter((self.status, self.headers, self.json))

    def __repr__(self):
        text = self.raw.decode("utf-8", "backslashreplace")
        return f"<{self.status} in {self.seconds:.2f} s: {text[:1500]}>"

    @property
    def result(self):
        assert self.status == 200, self
        return self.json["result"]

    @property
    def stdout(self):
        return self.json["stdout"]

    @property
    def error(self):
        assert self.status != 200, self
        return self.json["error"]

    @property
    def error_type(self):
        assert self.status != 200, self
        return self.json["error_type"]

    @property
    def outcome(self):
        """(status, error_type): what a fault is told by."""
        return self.status, None if self.status == 200 else self.json["error_type"]


def check_every_answer(status, headers, raw):
    """What the contract says of all answers; the body's value."""
    assert headers.get_content_type() == "application/json", headers.as_string()
    assert re.fullmatch(r"[!-~]{1,128}", headers.get("X-Request-Id", "")), headers.as_string()
    value = parse_strictly(raw)
    assert isinstance(value, dict), value
    if status >= 400 and "error_type" in value:
        check_error(status, headers, value)
    return value


def check_error(status, headers, value):
    required = {"error", "error_type"}
    optional = {"stdout"}
    if value["error_type"] in SCRIPT_FAULTS:
        required = required | {"stdout"}
        optional = {"traceback", "stdout_truncated"}
    assert required <= set(value) <= required | optional, sorted(value)
    assert value["error_type"] in STATUS_OF, value
    assert status in STATUS_OF[value["error_type"]], (status, value)
    assert isinstance(value["error"], str) and value["error"].strip(), value
    if value["error_type"] not in SCRIPT_FAULTS | {"internal"}:
        assert value.get("stdout", "") == "", "nothing ran, so nothing was printed"
    if "traceback" in value:
        assert isinstance(value["traceback"], str) and value["traceback"], value
    check_stdout(value)
    if value["error_type"] == "overloaded":
        assert re.fullmatch(r"[1-9][0-9]*", headers.get("Retry-After", "")), headers.as_string()
    if status == 405:
        assert headers.get("Allow"), headers.as_string()


def check_stdout(value):
    assert isinstance(value.get("stdout", ""), str), value
    if "stdout_truncated" in value:
        assert value["stdout_truncated"] is True, "present only where it is true"
    assert len(value.get("stdout", "").encode()) <= 3 * 2**20  # 1 MiB of bad bytes, each U+FFFD.


def check_execute_answer(status, headers, raw):
    value = check_every_answer(status, headers, raw)
    if status == 200:
        assert (
            {"result", "stdout"} <= set(value) <= {"result", "stdout", "stdout_truncated"}
        ), sorted(value)
        check_stdout(value)
    else:
        assert "error_type" in value, value
    return value


class Client:
    """Asks a running service."""

    def __init__(self, host, port):
        self.host = host
        self.port = port
        self.local = threading.local()

    def connect(self, seconds=ANSWER_SECONDS):
        """A bare TCP connection."""
        return socket.create_connection((self.host, self.port), timeout=seconds)

    def request(self, method, path, body=None, headers=None, seconds=ANSWER_SECONDS):
        """One request on a connection of its own; (status, headers, body, seconds taken)."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        try:
            return self._exchange(connection, method, path, body, headers or {})
        finally:
            connection.close()

    @staticmethod
    def _exchange(connection, method, path, body, headers):
        began = time.monotonic()
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        raw = response.read()
        return response.status, response.msg, raw, time.monotonic() - began

    def ask(self, method, path, body=None, headers=None, seconds=ANSWER_SECONDS):
        """Any request but a HEAD; its Answer, checked as every answer is."""
        status, got, raw, took = self.request(method, path, body, headers, seconds)
        return Answer(status, got, raw, took, check_every_answer(status, got, raw))

    def post(self, body, headers=None, seconds=ANSWER_SECONDS):
        """POST /execute with these very bytes."""
        if headers is None:
            headers = {"Content-Type": "application/json"}
        status, got, raw, took = self.request("POST", "/execute", body, headers, seconds)
        return Answer(status, got, raw, took, check_execute_answer(status, got, raw))

    def execute(self, script, seconds=ANSWER_SECONDS):
        """Runs a script."""
        return self.post(json.dumps({"script": script}).encode(), seconds=seconds)

    def execute_kept_alive(self, script, seconds=ANSWER_SECONDS):
        """Runs a script on this thread's own connection, as a busy client does."""
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=seconds)
            self.local.connection = connection
        body = json.dumps({"script": script}).encode()
        try:
            status, got, raw, took = self._exchange(
                connection, "POST", "/execute", body, {"Content-Type": "application/json"}
            )
        except BaseException:
            connection.close()
            self.local.connection = None
            raise
        return Answer(status, got, raw, took, check_execute_answer(status, got, raw))

    def execute_all(self, scripts, threads=16):
        """Runs scripts side by side; their answers in the same order."""
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(self.execute, scripts))

    def refuse_unjailed(self):
        """Ends the whole run unless scripts are confined: the tests send some that end everything.

        Signal 0 only asks whether a signal would arrive; a jailed script cannot even ask.
        """
        script = (
            "import os, socket\ndef main():\n    reached = []\n"
            f"    for deed in (lambda: os.kill({os.getpid()}, 0), socket.socket):\n"
            "        try: deed(); reached.append(True)\n        except OSError: pass\n"
            "    return reached\n"
        )
        answer = self.execute(script)
        if answer.status != 200 or answer.json["result"] != []:
            pytest.exit(f"no hostile script is sent to what may be no jail: {answer}", 3)

    def is_ready(self):
        try:
            return self.request("GET", "/ready", seconds=2)[0] == 200
        except (OSError, http.client.HTTPException):
            return False


class Service(Client):
    """A service that the tests started, and that they own down to its last process."""

    owned = {}  # pid of a supervisor -> its Service, for those not yet collected.

    def __init__(self, environment=None, arguments=(), mode="warm"):
        super().__init__("127.0.0.1", free_port())
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "PORT": str(self.port),
            "PYTHON_BIN": str(PYTHON),
            "SECRET_CANARY": CANARY,
            # Who runs the tests chooses the tier.
            **{name: os.environ[name] for name in TIER_VARIABLES if name in os.environ},
            **(environment or {}),
        }
        self.command = [str(BINARY), "serve", f"--mode={mode}", *arguments]
        self.log = Path(tempfile.mkstemp(prefix="snapjail-", suffix=".log")[1])
        self.process = None

    @property
    def pid(self):
        return self.process.pid

    def launch(self):
        """Starts it without waiting for anything."""
        processes.become_subreaper()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        Service.owned[self.pid] = self
        return self

    def start(self):
        self.launch()
        try:
            self.wait_ready()
            self.refuse_unjailed()
        except BaseException:
            self.kill()
            raise
        return self

    def wait_ready(self, seconds=READY_SECONDS):
        processes.wait_until(
            lambda: self.is_ready() or self.process.poll() is not None, seconds, 0.05
        )
        assert (
            self.process.poll() is None
        ), f"it ended with {self.process.returncode}:\n{self.log_end()}"
        assert self.is_ready(), f"not ready within {seconds} s:\n{self.log_end()}"

    def log_text(self):
        return self.log.read_text(errors="replace")

    def log_end(self):
        return self.log_text()[-4000:]

    def descendants(self):
        return processes.descendants(self.pid)

    def identities(self):
        """The service's processes, so that a number that is used again deceives nobody."""
        found = (processes.identity(pid) for pid in [self.pid, *self.descendants()])
        return [one for one in found if one is not None]

    def fronts(self):
        """None for the moment that follows the death of one."""
        lines = ((pid, processes.command_line(pid)) for pid in self.descendants())
        return [pid for pid, line in lines if "snapjail" in line and re.search(r"\bfront\b", line)]

    def front(self):
        found = self.fronts()
        assert found, [processes.command_line(pid) for pid in self.descendants()]
        return found[0]

    def zygotes(self):
        """The warm interpreters: the pythons that the supervisor itself has started."""
        table = processes.parents()
        children = [pid for pid, parent in table.items() if parent == self.pid]
        return [pid for pid in children if "python" in processes.command_line(pid)]

    def slots(self):
        (told,) = re.findall(r'"event":"started".*"slots":(\d+)', self.log_text())
        return int(told)

    def wait_all_guests_wait(self, seconds=20):
        """Returns when each guest that there is waits for a job: none is being made, none ends."""

        seen = [set()]

        def all_wait():
            seen.append(set(self.descendants()) - {self.front(), *self.zygotes()})
            waiting = self.ask("GET", "/health").json["guests"]["waiting"]
            return 0 < waiting == len(seen[-1]) and seen[-1] == seen[-2]

        done = processes.wait_until(all_wait, seconds, 0.2)
        assert done, f"not within {seconds} s:\n{self.log_end()}"

    def settled(self):
        """How many processes it has once the pool is full: the number has stayed for a while."""
        seen = []

        def stays():
            seen.append(len(self.descendants()))
            return len(seen) > 10 and len(set(seen[-10:])) == 1

        assert processes.wait_until(stays, 20, 0.1), seen
        return seen[-1]

    def wait_under_way(self, name, count=1, seconds=10):
        """Returns when `count` scripts made by `under_way(name, ...)` run."""

        def runs():
            found = sum(processes.name(pid) == name for pid in self.descendants())
            return found >= count

        assert processes.wait_until(runs, seconds), f"{name} never ran:\n{self.log_end()}"

    def wait_gone(self, identities, seconds):
        """Those of `identities` that are still alive after `seconds`, by command line."""

        def gone():
            processes.reap_orphans(Service.owned)
            return not any(processes.is_same_alive(one) for one in identities)

        if processes.wait_until(gone, seconds):
            return []
        alive = [one for one in identities if processes.is_same_alive(one)]
        return [f"{pid}: {processes.command_line(pid)}" for pid, _ in alive]

    def stop(self):
        """SIGTERM, and proof that the service ended by itself with everything it had started."""
        if self.process.poll() is None:
            identities = self.identities()
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(
                    f"alive {STOP_SECONDS} s after SIGTERM:\n{self.log_end()}"
                ) from None
            left = self.wait_gone(identities, 1)
            del Service.owned[self.pid]
            left += processes.cgroups(self.pid)
            assert not left, f"left behind: {left}"
        else:
            Service.owned.pop(self.pid, None)
            raise AssertionError(f"it had ended with {self.process.returncode}:\n{self.log_end()}")
        assert (
            self.process.returncode == 0
        ), f"ended with {self.process.returncode}:\n{self.log_end()}"
        self.log.unlink()

    def kill(self):
        """For a service that a test has broken: ends it and all below it, and asserts nothing."""
        if self.process is None:
            return
        identities = self.identities()
        self.process.kill()
        self.process.wait()
        for one in identities:
            if processes.is_same_alive(one):
                try:
                    os.kill(one[0], signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.wait_gone(identities, 2)
        Service.owned.pop(self.pid, None)
        self.log.unlink(missing_ok=True)  # What matters of it stands in the failure's text.


def under_way(name, body):
    """A script whose process is seen by its name from outside, so that a test can wait for it."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return (
        "import ctypes, os, time\ndef main():\n"
        f"    ctypes.CDLL(None).prctl(15, {name.encode()!r})\n{lines}"
    )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def client_of_url(url):
    parts = urllib.parse.urlsplit(url)
    return Client(parts.hostname, parts.port or 80)
