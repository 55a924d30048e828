"""The image's program has file capabilities, for `docker run --user`: what they give, and to whom.

docs/adr/009 has the reasons. Here a copy of the program gets them, and an ordinary user starts it.
"""

import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest
from service import BINARY, PYTHON, Service

USER = 1000
CHOWN, KILL, SETGID, SETUID, SETPCAP, SYS_CHROOT = (1 << n for n in (0, 5, 6, 7, 8, 18))
SLOT_KEEPERS = KILL | SETGID | SETUID | SETPCAP | SYS_CHROOT
IN_THE_IMAGE = SLOT_KEEPERS | CHOWN  # The Dockerfile's setcap.
HELLO = "def main(): return 'hello'"
# From inside: from outside one may be seen that is not confined yet.
OWN_CAPABILITIES = """
import ctypes
def main():
    libc, held = ctypes.CDLL(None), (ctypes.c_uint32 * 6)()
    assert libc.capget((ctypes.c_uint32 * 2)(0x20080522, 0), held) == 0
    sets = [held[at] | held[at + 3] << 32 for at in range(3)]
    return sets
"""


@pytest.fixture(scope="module")
def folder(own):
    """A program with file capabilities, its library, and roots for it."""
    if os.geteuid() != 0:
        pytest.skip("only root gives files capabilities")
    made = Path(tempfile.mkdtemp(prefix="snapjail-capabilities-", dir="/var/tmp"))
    made.chmod(0o755)
    yield fill(made)
    shutil.rmtree(made)


def fill(folder):
    if os.statvfs(folder).f_flag & os.ST_NOSUID:
        pytest.skip(f"{folder} is mounted nosuid: the kernel gives nothing to programs there")
    shutil.copy(BINARY, folder / "snapjail")
    shutil.copytree(BINARY.parent / "lib/snapjail", folder / "lib/snapjail")
    revision_2_permitted = struct.pack("<IIIII", 0x02000000, IN_THE_IMAGE, 0, 0, 0)
    os.setxattr(folder / "snapjail", "security.capability", revision_2_permitted)
    if as_user(PYTHON, "-c", "").returncode != 0:
        pytest.skip(f"an ordinary user may not run {PYTHON}")
    subprocess.run(
        [folder / "snapjail", "make-roots", f"--roots={folder / 'roots'}", "--count=2"],
        env={**os.environ, "PYTHON_BIN": str(PYTHON)},
        check=True,
        capture_output=True,
    )
    return folder


AS_USER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]


def as_user(*command):
    return subprocess.run([*AS_USER, *command], capture_output=True, check=False)


@pytest.fixture
def start_as_user(folder):
    started = []

    def start(before=()):
        running = Service({"SNAPJAIL_ISOLATION": "process", "SNAPJAIL_ROOTS": folder / "roots"})
        running.command = [*AS_USER, *before, str(folder / "snapjail"), "serve"]
        started.append(running)
        return running.start()

    yield start
    for running in started:
        if running.process is not None and running.process.poll() is None:
            running.stop()
        else:
            running.kill()


def capabilities(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return {name: int(lines[f"Cap{name}"], 16) for name in ("Inh", "Prm", "Eff", "Amb")}


def test_an_ordinary_user_gives_all_that_the_containers_root_gives(start_as_user):
    service = start_as_user()
    health = service.ask("GET", "/health").json

    assert {"own user ids", "own roots"} <= set(health["layers"])
    assert health["departures"] == {}
    folder, uid = service.execute("import os\ndef main(): return os.getcwd(), os.getuid()").result
    assert folder == "/tmp" and uid not in (0, USER)


def test_each_process_has_what_it_needs_and_no_more(start_as_user):
    service = start_as_user()
    service.execute(HELLO)
    nothing = {"Inh": 0, "Prm": 0, "Eff": 0, "Amb": 0}

    supervisor = capabilities(service.pid)
    assert supervisor["Prm"] == IN_THE_IMAGE and supervisor["Amb"] == 0
    assert service.zygotes()
    for zygote in service.zygotes():
        assert set(capabilities(zygote).values()) == {SLOT_KEEPERS}
    assert capabilities(service.front()) == nothing
    assert service.execute(OWN_CAPABILITIES).result == [0, 0, 0]


def test_where_roots_cannot_be_prepared_jobs_still_have_ids(folder, start_as_user):
    """As with --read-only. What was given up to try it has been taken up again."""
    in_the_way = folder / "roots/0/tmp"
    shutil.rmtree(in_the_way)  # With what a guest that only waited had in it.
    in_the_way.touch()
    try:
        service = start_as_user()
    finally:
        in_the_way.unlink()
        in_the_way.mkdir()
    health = service.ask("GET", "/health").json

    assert "own user ids" in health["layers"] and "own roots" not in health["layers"]
    assert set(health["departures"]) == {"tmp", "dev_shm"}
    assert service.execute("import os\ndef main(): return os.getuid()").result not in (0, USER)


@pytest.mark.parametrize(
    "before",
    [
        # A second program: the first one's own capabilities go with its exec.
        pytest.param(["setpriv", "--no-new-privs"], id="no-new-privileges"),
        pytest.param(["--bounding-set=-all"], id="cap-drop ALL"),
    ],
)
def test_where_the_kernel_grants_nothing_it_starts_as_it_does_without(start_as_user, before):
    service = start_as_user(before)
    health = service.ask("GET", "/health").json

    assert not {"own user ids", "own roots"} & set(health["layers"])
    older = {"signals"}  # Where the kernel is: see docs/adr/008-tier-process.md.
    assert set(health["departures"]) - older == {"tmp", "dev_shm", "processes", "modes"}
    assert service.execute(HELLO).result == "hello"
    for pid in [service.pid, service.front(), *service.zygotes()]:
        assert not any(capabilities(pid).values()), pid


def test_other_commands_use_none(folder):
    """Nothing is in effect until `serve`, `run` or `doctor` takes it up."""
    secret = folder / "secret"
    secret.write_text("of root's")
    secret.chmod(0o600)

    refused = as_user(folder / "snapjail", "check-config", secret)

    assert refused.returncode == 2
    assert b"Permission denied" in refused.stderr
