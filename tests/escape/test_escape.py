"""Runs every attack_*.py in the jail, and its control outside: a probe that works proves a thing.

attack.py says what stands in an attack's head.

A control runs unconfined, and often as root. So it changes nothing that others see or that outlives
it: it acts on itself, on what TARGET offers, or in namespaces of its own. Nothing that names a
user, a group or everybody (PRIO_USER, kill(-1)) is tried outside; no address lies off this machine.
"""

import json
import os
import re
import subprocess
import time
from pathlib import Path

import processes
import pytest
from service import CANARY, PYTHON

from attack import ATTACKS
from meeting import meet
from targets import Targets

HERE = Path(__file__).parent
OUTSIDE_SECONDS = 30

each_attack = pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])


@pytest.fixture(scope="module")
def tier(service):
    return service.ask("GET", "/health").json["tier"]


@pytest.fixture(scope="module")
def targets(service, tmp_path_factory):
    offered = Targets(tmp_path_factory.mktemp("targets"), service)
    yield offered
    offered.close()


@each_attack
def test_the_jail_holds(service, targets, tier, kernel, attack):
    attack.check_architecture()
    attack.check_kernel(kernel)
    attack.check_layers(tier, service.ask("GET", "/health").json["layers"])
    hits = targets.count_hits()
    if attack.one("First"):
        leave = attack.script(targets, attack.one("First"))
        assert {answer.status for answer in service.execute_all([leave] * 12, threads=4)} == {200}
    if attack.one("Meanwhile"):
        holds = [json.loads(text) for text in attack.all("Holds")]
        answers = [meet(service, attack, targets, holds)]
    elif attack.one("First"):
        answers = service.execute_all([attack.script(targets)] * 12, threads=4)
    else:
        answers = [service.execute(attack.script(targets))]

    for answer in answers:
        expected = attack.expected(tier, kernel)
        assert attack.matches(answer, tier, kernel), f"expected {expected}, got {answer}"
        assert CANARY.encode() not in answer.raw
        assert b"the host's secret" not in answer.raw
        assert b"the victim's secret" not in answer.raw
    assert targets.count_hits() == hits, "a listener outside the jail was reached"
    assert targets.victim.poll() is None, "a process outside the jail was ended"
    after = service.execute("def main(): return 'next'")
    assert after.result == "next" and after.seconds < 3


@each_attack
def test_the_probe_works_outside(targets, attack, tmp_path):
    attack.check_architecture()
    who, _, spaces = attack.one("Control-as").partition(" in ")
    needs_root = who == "the host's root" or (who == "root" and not spaces)
    if needs_root and os.getuid() != 0:
        pytest.skip("this control needs root")
    (tmp_path / "script.py").write_text(attack.script(targets))
    if attack.one("First"):
        run_outside(tmp_path, attack.one("First"), spaces)
    if attack.one("Meanwhile"):
        with start_outside(tmp_path, attack.one("Meanwhile"), spaces) as holding:
            assert processes.wait_until(lambda: processes.name(holding.pid) == targets.token, 10)
            value = run_outside(tmp_path, "main", spaces)
            holding.kill()
    else:
        value = run_outside(tmp_path, "main", spaces)

    assert value in [json.loads(text) for text in attack.all("Control")], value


def start_outside(folder, function, spaces):
    return subprocess.Popen(
        [PYTHON, HERE / "outside.py", folder / "script.py", function, *spaces.split()],
        cwd=folder,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "SECRET_CANARY": "outside"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def run_outside(folder, function, spaces):
    with start_outside(folder, function, spaces) as process:
        try:
            out, err = process.communicate(timeout=OUTSIDE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 0, err.decode(errors="replace")[-2000:]
    told = json.loads(out.decode().splitlines()[-1])
    if "unable" in told:
        pytest.skip(f"this host does not let the control run: {told['unable']}")
    return told["result"]


def test_every_target_is_on_this_machine(targets):
    """The rule for whoever adds an attack: nothing aims at an address elsewhere."""
    for attack in ATTACKS:
        for address in re.findall(r"\d+\.\d+\.\d+\.\d+", attack.text):
            assert address.startswith("127."), attack.name
        for name in re.findall(r"[\"'][\w.-]+\.(?:com|org|net|internal|dev|io)[\"']", attack.text):
            raise AssertionError(f"{attack.name} names {name}")


def test_a_service_that_was_attacked_answers_quickly(service, targets):
    """Last: all that was tried before has left it as it was."""
    began = time.monotonic()
    answers = service.execute_all(["def main(): return 'next'"] * 100, threads=8)

    assert {answer.result for answer in answers} == {"next"}
    assert time.monotonic() - began < 10
