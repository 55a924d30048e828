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
from write_walls import (  # noqa: E402
    PAGE, fails_anyway, hangs_on, run_matrix, seen_to_differ, unclear, unexcused, unexplained,
)  # fmt: skip

from matrix import LAYERS, SEEN, STOPPED, fallen_with  # noqa: E402

HELP = subprocess.run([BINARY, "serve", "--help"], capture_output=True).stdout
KNOWS_HOW = b"--broken-layer" in HELP


@pytest.fixture(scope="module")
def matrix():
    if not KNOWS_HOW:
        pytest.skip("this build has all its walls: preset walls leaves them out")
    if os.getuid() != 0:
        pytest.skip("a machine to throw away wants root")
    return run_matrix("all", "without", "none")


@pytest.fixture(scope="module")
def told(matrix):
    return matrix[0]


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
def test_of_every_attack_it_is_known_what_became_of_it(told):
    """Neither of those hangs on a wall by the other tests, whatever it would have done."""
    assert unclear(told) == {}


@pytest.mark.seconds(1500)
def test_nothing_fails_without_any_wall_without_a_reason(told):
    assert unexplained(told) == []


@pytest.mark.seconds(1500)
def test_no_reason_is_left_over(told):
    idle = [a.name for a in ATTACKS if a.one("Fails anyway") and not fails_anyway(told, a)]

    assert [name for name in idle if name in told["all"]] == []


@pytest.mark.seconds(1500)
@pytest.mark.parametrize("layer", LAYERS)
def test_a_wall_that_is_left_out_is_missed(matrix, layer):
    """The control: were it not really left out, nothing that follows from it would be proven.

    Either /proc shows a guest without it, and without nothing else that shows there but what falls
    with it; or an attack comes through.
    """
    told, facts = matrix

    differs = seen_to_differ(facts, layer)

    assert differs == {SEEN[name] for name in fallen_with(layer) if name in SEEN}
    assert differs or any(layer in hangs_on(told, attack) for attack in ATTACKS)


def test_the_page_names_every_attack_and_every_layer():
    page = PAGE.read_text(encoding="utf-8")

    named = set(re.findall(r"^\| `(\w+)` \|", page, re.M))

    here = {attack.name for attack in ATTACKS if attack.is_in_the_matrix()}
    elsewhere = {attack.name for attack in ATTACKS} - here
    assert named - elsewhere == here
    assert all(re.search(rf"^\| {re.escape(layer)}[ |(]", page, re.M) for layer in LAYERS)


def test_the_page_gives_the_reasons_that_the_attacks_give():
    page = PAGE.read_text(encoding="utf-8")

    for attack in ATTACKS:
        if attack.one("One layer") and attack.is_in_the_matrix():
            assert attack.one("One layer") in page, attack.name
        if attack.one("Fails anyway") and attack.is_in_the_matrix():
            assert attack.one("Fails anyway") in page, attack.name


def test_the_layers_are_the_programs_own():
    header = (REPOSITORY / "src/jail/layer.h").read_text()
    names = re.search(r"kLayerNames = .*?\{(.*?)\}", header, re.S)[1]

    assert json.loads(f"[{names}]") == list(LAYERS)


def test_health_names_no_layer_but_these(service):
    told = service.ask("GET", "/health").json["layers"]

    # Cgroups bound what a job may use up, and no attack here: the tests of limits have them.
    assert {re.sub(r" \(.*", "", name) for name in told} <= {*LAYERS, "cgroup limits"}, told
