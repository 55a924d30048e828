"""What bounds a job as a whole: cgroups. Where none can be made the tests that need one say so."""

import json
import os
import re
import subprocess
from pathlib import Path

import processes
import pytest
from service import BINARY, REPOSITORY, Service

MIB = 2**20
NEXT = "def main():\n    return 'next'\n"
LAYER = re.compile(r"cgroup limits \((.*)\)")

# The smallest limit that serve takes: what is to be filled is touched page by page.
LIMIT_MIB = 256
SETTINGS = {
    "SNAPJAIL_MEMORY_LIMIT": str(LIMIT_MIB),
    "SNAPJAIL_PRELOAD": "none",  # Their libraries alone would take most of the address space.
    "SNAPJAIL_CPU_LIMIT": "9",
    "SNAPJAIL_TIME_LIMIT": "20",
}

# Each child says that it holds its memory; then all of them do at the same time.
TOGETHER = """
import os, time
def main():
    read, write = os.pipe()
    for _ in range({count}):
        if os.fork() == 0:
            block = bytearray({mib} * 2**20)
            os.write(write, b'x')
            time.sleep(100)
    held = 0
    while held < {count}:
        held += len(os.read(read, {count}))
    return held
"""
FILL_TMP = """
    with open('filler', 'wb', buffering=0) as file:
        for _ in range({mib}):
            file.write(b'x' * 2**20)
"""


def controllers(service):
    """'v1: memory pids', or '' where this service bounds nothing."""
    layers = service.ask("GET", "/health").json["layers"]
    found = [match[1] for layer in layers if (match := LAYER.fullmatch(layer))]
    return found[0] if found else ""


@pytest.fixture(scope="module")
def small(own, mode):
    running = Service(
        SETTINGS | {"SNAPJAIL_SLOTS": "2"},
        mode=mode,
    ).start()
    yield running
    running.stop()


@pytest.fixture
def bounded(small):
    if "memory" not in controllers(small):
        pytest.skip(f"no memory cgroup can be made here: {started(small).get('cgroups')}")
    return small


def started(service):
    lines = (json.loads(line) for line in service.log_text().splitlines() if line.startswith("{"))
    return next(line for line in lines if line["event"] == "started")


def slots_of(service, name):
    """The folders of all slots that have a file of this name."""
    folders = (Path(folder) for folder in processes.cgroups(service.pid))
    return sorted(one for one in folders if "slot-" in one.name and (one / name).exists())


@pytest.mark.both_modes
def test_all_processes_of_a_job_together_are_bounded(bounded):  # D-37
    answer = bounded.execute(TOGETHER.format(count=4, mib=90))

    assert answer.outcome == (400, "memory_limit"), answer
    assert answer.error.startswith("memory limit exceeded by the job")
    assert bounded.execute(NEXT).result == "next"


def test_what_stays_below_the_limit_together_is_there(bounded):  # The positive control.
    assert bounded.execute(TOGETHER.format(count=2, mib=90)).result == 2


def test_the_same_job_is_not_bounded_without_cgroups(start):  # The control of the wall itself.
    off = start(SETTINGS, ["--cgroups=off"])

    assert controllers(off) == ""
    assert processes.cgroups(off.pid) == []
    assert started(off)["cgroups"] == "off"
    assert off.execute(TOGETHER.format(count=4, mib=90)).result == 4


def test_what_is_in_tmp_counts(bounded):
    script = TOGETHER.format(count=2, mib=90)
    filled = script.replace("    read, write", FILL_TMP.format(mib=90) + "    read, write", 1)

    answer = bounded.execute(filled)

    assert answer.outcome == (400, "memory_limit"), answer


def test_a_neighbour_notices_nothing(bounded):
    hog, neighbour = TOGETHER.format(count=4, mib=90), TOGETHER.format(count=1, mib=90)

    answers = bounded.execute_all([hog, neighbour, hog, neighbour], threads=2)

    assert [answer.outcome for answer in answers[::2]] == [(400, "memory_limit")] * 2
    assert [answer.result for answer in answers[1::2]] == [1, 1]


def test_nothing_of_a_job_is_charged_to_the_next(bounded):
    for _ in range(4):  # Two slots: each is used again, with 180 of its 256 MiB.
        script = f"def main():\n{FILL_TMP.format(mib=90)}    return len(bytearray(90 * 2**20))\n"
        assert bounded.execute(script).result == 90 * MIB

    def usages():
        return [
            int((slot / name).read_text())
            for name in ("memory.usage_in_bytes", "memory.current")
            for slot in slots_of(bounded, name)
        ]

    assert len(usages()) == 2
    # A guest that waits has some ten megabytes of its own.
    assert processes.wait_until(lambda: max(usages()) < 60 * MIB, 5), usages()


@pytest.mark.both_modes
def test_every_waiting_guest_is_in_a_slot_of_its_own(bounded):
    def members():
        """The processes of each slot that are the service's own: not one that has just ended."""
        ours = {str(pid) for pid in bounded.descendants() if processes.is_alive(pid)}
        folders = slots_of(bounded, "cgroup.procs")
        return {one: ours & set((one / "cgroup.procs").read_text().split()) for one in folders}

    assert processes.wait_until(lambda: all(len(one) == 1 for one in members().values()), 20)
    by_slot = members()
    assert {folder.name for folder in by_slot} == {"slot-0", "slot-1"}
    assert len(set().union(*by_slot.values())) == 2


def test_a_script_cannot_tell_where_it_is(bounded):
    script = "def main(): return open('/proc/self/cgroup').read()"
    lines = bounded.execute(script).result.splitlines()

    assert lines
    assert [line for line in lines if "snapjail" in line or "slot" in line] == []


def test_an_end_in_order_leaves_no_cgroup(start):
    service = start()
    if not controllers(service):
        pytest.skip(f"no cgroup can be made here: {started(service)['cgroups']}")
    assert processes.cgroups(service.pid)
    assert service.execute(NEXT).result == "next"

    service.stop()

    assert processes.cgroups(service.pid) == []


def test_what_a_killed_supervisor_left_the_next_one_removes(start):
    killed, witness = start(), start()
    if not controllers(killed):
        pytest.skip(f"no cgroup can be made here: {started(killed)['cgroups']}")
    identities = killed.identities()
    os.kill(killed.pid, 9)
    killed.process.wait()
    assert killed.wait_gone(identities, 5) == []
    assert processes.cgroups(killed.pid)

    start()

    assert processes.cgroups(killed.pid) == []
    assert processes.cgroups(witness.pid)  # Of one that lives nothing is removed.
    assert witness.execute(NEXT).result == "next"


def test_required_cgroups_are_a_reason_not_to_start(own):
    """As a user who may write nowhere in them."""
    if os.geteuid() != 0:
        pytest.skip("only root can start the service as somebody else")
    refused = subprocess.run(
        [BINARY, "serve", "--cgroups=require", "--port=0", "--python=/usr/bin/python3"],
        user=65534,
        group=65534,
        extra_groups=[],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "library" in refused.stderr or "find lib/snapjail" in refused.stderr:
        pytest.skip(f"another user cannot read {REPOSITORY}")
    assert refused.returncode == 1, refused.stderr
    assert "no cgroup here bounds memory, pids" in refused.stderr
    assert "--cgroups=auto" in refused.stderr
