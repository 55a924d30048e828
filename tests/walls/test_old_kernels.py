"""What keeps jobs apart where the kernel is older than this one, and there is no id for each slot.

Wants a build that takes Landlock for an older one: preset walls; and root, to give all of it up.
"""

import os
import signal
import subprocess

import pytest
from service import BINARY, Service

HELP = subprocess.run([BINARY, "serve", "--help"], capture_output=True).stdout
HELLO = "def main(): return 'hello'"
NOBODY = 65532
WITHOUT_PRIVILEGES = [
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all",
    "--inh-caps=-all", "--no-new-privs",
]
SIGNALS = """
import errno, os, signal
def outcome(action):
    try: action()
    except OSError as error: return errno.errorcode[error.errno]
    return 'done'
def main(target=TARGET):
    child = os.fork()
    if child == 0: os._exit(0)
    found = {'other': outcome(lambda: os.kill(target, 0)),
             'service': outcome(lambda: os.kill(os.getppid(), 0)),
             'all': outcome(lambda: os.kill(-1, 0)), 'child': outcome(lambda: os.kill(child, 0)),
             'itself': outcome(lambda: os.kill(os.getpid(), 0)),
             'by path': outcome(lambda: os.truncate('script.py', 0))}
    os.waitpid(child, 0)
    return found
"""

pytestmark = [
    pytest.mark.skipif(b"--landlock-abi" not in HELP, reason="this build knows one: preset walls"),
    pytest.mark.skipif(os.getuid() != 0, reason="only root can give all of it up"),
]


@pytest.fixture
def start_on(own):
    """A service without any privilege, as on a kernel with that ABI of Landlock's."""
    started = []

    def start(abi):
        running = Service(
            {"SNAPJAIL_ISOLATION": "process", "SNAPJAIL_ROOTS": "/nonexistent"},
            ["--preload=none", f"--landlock-abi={abi}"],
        )
        running.command = [*WITHOUT_PRIVILEGES, *running.command]
        started.append(running)
        return running

    yield start
    for one in started:
        one.kill()


@pytest.mark.parametrize(("abi", "is_old", "by_path"), [
    (6, False, "done"), (5, True, "done"), (3, True, "done"), (2, True, "EPERM"),
    (1, True, "EPERM"),
])
def test_jobs_signal_themselves_alone(start_on, abi, is_old, by_path):
    running = start_on(abi).start()
    sleeper = subprocess.Popen([*WITHOUT_PRIVILEGES, "sleep", "60"])
    try:
        found = running.execute(SIGNALS.replace("TARGET", str(sleeper.pid))).result
    finally:
        sleeper.kill()
        sleeper.wait()

    assert ("signals" in running.ask("GET", "/health").json["departures"]) is is_old
    assert found == {
        "other": "EPERM", "service": "EPERM", "all": "EPERM" if is_old else "done",
        "child": "EPERM" if is_old else "done", "itself": "done", "by path": by_path,
    }


def test_the_control_reaches_its_like():
    """Without a jail one of that user's can be signalled by another."""
    sleeper = subprocess.Popen([*WITHOUT_PRIVILEGES, "sleep", "60"])
    killer = subprocess.run([*WITHOUT_PRIVILEGES, "kill", str(sleeper.pid)], check=False)

    assert killer.returncode == 0
    assert sleeper.wait() == -signal.SIGTERM


def test_without_landlock_it_does_not_start(start_on):
    running = start_on(0)
    ended = subprocess.run(running.command, env=running.environment, capture_output=True,
                           text=True, timeout=30, check=False)

    assert ended.returncode == 1
    assert "nothing keeps jobs from each other's files" in ended.stderr
