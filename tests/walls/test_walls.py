"""Every attack with each wall left out in turn: two must fall before anything comes through.

Wants the build of preset walls, and root: the services run on a machine to throw away. The whole
matrix, with one wall standing alone, is write_walls.py's; here the page that it wrote is compared
with the attacks that there are.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from service import BINARY, REPOSITORY

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "escape"))
from attack import ATTACKS  # noqa: E402
from write_walls import PAGE, hangs_on, run_matrix, unexcused  # noqa: E402

from matrix import LAYERS, STOPPED  # noqa: E402

HELP = subprocess.run([BINARY, "serve", "--help"], capture_output=True).stdout
KNOWS_HOW = b"--broken-layer" in HELP


@pytest.fixture(scope="module")
def told():
    if not KNOWS_HOW:
        pytest.skip("this build has all its walls: preset walls leaves them out")
    if os.getuid() != 0:
        pytest.skip("a machine to throw away wants root")
    return run_matrix("all", "without")[0]


@pytest.mark.seconds(1500)
def test_with_all_walls_nothing_comes_through(told):
    assert {name: what for name, what in told["all"].items() if what[0] != STOPPED} == {}


@pytest.mark.seconds(1500)
def test_nothing_hangs_on_one_wall_without_a_reason(told):
    assert unexcused(told) == {}


@pytest.mark.seconds(1500)
def test_no_excuse_is_left_over(told):
    idle = [a.name for a in ATTACKS if a.one("One layer") and not hangs_on(told, a)]

    assert [name for name in idle if name in told["all"]] == []


@pytest.mark.seconds(1500)
def test_a_wall_that_is_left_out_is_missed(told):
    """The control: were the walls not really left out, nothing would come through anywhere."""
    missed = {layer for attack in ATTACKS for layer in hangs_on(told, attack)}

    assert {"seccomp", "read-only root", "private tmpfs", "private procfs", "rlimits"} <= missed


def test_the_page_names_every_attack_and_every_layer():
    page = PAGE.read_text(encoding="utf-8")

    named = set(re.findall(r"^\| `(\w+)` \|", page, re.M))

    here = {attack.name for attack in ATTACKS if attack.is_for_this_machine()}
    elsewhere = {attack.name for attack in ATTACKS} - here
    assert named - elsewhere == here
    assert all(re.search(rf"^\| {re.escape(layer)}[ |(]", page, re.M) for layer in LAYERS)


def test_the_page_gives_the_reasons_that_the_attacks_give():
    page = PAGE.read_text(encoding="utf-8")

    for attack in ATTACKS:
        if attack.one("One layer") and attack.is_for_this_machine():
            assert attack.one("One layer") in page, attack.name


def test_the_layers_are_the_programs_own():
    header = (REPOSITORY / "src/jail/layer.h").read_text()
    names = re.search(r"kLayerNames = .*?\{(.*?)\}", header, re.S)[1]

    assert json.loads(f"[{names}]") == list(LAYERS)


def test_health_names_no_layer_but_these(service):
    told = service.ask("GET", "/health").json["layers"]

    # Cgroups bound what a job may use up, and no attack here: the tests of limits have them.
    assert {re.sub(r" \(.*", "", name) for name in told} <= {*LAYERS, "cgroup limits"}, told
