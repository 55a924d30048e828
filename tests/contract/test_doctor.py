"""What `snapjail doctor` says of this host: each wall from inside, the tier, the exit status."""

import json
import os
import subprocess

import pytest
from service import BINARY, PYTHON, TIER_VARIABLES

FULL, NONE, PROCESS = 0, 1, 3


@pytest.fixture(autouse=True)
def needs_a_program(own):
    """`own` skips where only a running service is at hand."""


def run_doctor(*arguments, before=()):
    environment = {name: value for name, value in os.environ.items() if name not in TIER_VARIABLES}
    done = subprocess.run(
        [*before, BINARY, "doctor", "--json", f"--python={PYTHON}", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def inside(verdict):
    return [row for row in verdict["layers"] if row["name"].startswith("inside: ")]


@pytest.mark.parametrize(("isolation", "status"), [("full", FULL), ("process", PROCESS)])
def test_each_wall_is_tried_from_inside(isolation, status):
    code, verdict = run_doctor(f"--isolation={isolation}")
    if isolation == "full" and verdict["tier"] is None:
        pytest.skip(f"this host gives no tier full: {verdict['why']}")

    assert (code, verdict["tier"]) == (status, isolation)
    assert len(inside(verdict)) == 12
    assert [row for row in inside(verdict) if not row["stands"]] == []
    assert all("expected" in row["detail"] and "seen" in row["detail"] for row in inside(verdict))


def promises(verdict):
    return {
        row["name"].removeprefix("contract: "): row
        for row in verdict["layers"]
        if row["name"].startswith("contract: ")
    }


def test_what_differs_from_the_contract_is_told_and_forbids_nothing(tmp_path):
    code, verdict = run_doctor("--isolation=process", f"--roots={tmp_path}")
    if os.geteuid() != 0:
        pytest.skip("only root gives each slot an id, which bounds processes")

    rows = promises(verdict)
    assert (code, verdict["tier"]) == (PROCESS, "process")
    assert {name: row["stands"] for name, row in rows.items()} == {
        "/tmp": False,
        "/dev/shm": False,
        "processes": True,
        "modes": True,
        "signals": True,
    }
    assert "os.getcwd()" in rows["/tmp"]["detail"] and rows["/tmp"]["remedy"]
    assert "multiprocessing" in rows["/dev/shm"]["detail"]
    assert not any(row["required"] for row in rows.values())


def test_tier_full_keeps_the_contract_whole():
    _, verdict = run_doctor("--isolation=full")
    if verdict["tier"] is None:
        pytest.skip(f"this host gives no tier full: {verdict['why']}")

    assert len(promises(verdict)) == 5
    assert all(row["stands"] for row in promises(verdict).values())


WITHOUT_NAMESPACES = [
    "unshare",
    "--user",
    "--map-root-user",
    "sh",
    "-c",
    'echo 0 >/proc/sys/user/max_user_namespaces && exec "$0" "$@"',
]


def test_a_host_without_namespaces_is_told_with_the_remedy():
    """Root that may become nobody else: the one such host that any root can make."""
    code, verdict = run_doctor(before=WITHOUT_NAMESPACES)

    assert (code, verdict["tier"]) == (NONE, None)
    assert "SETUID" in verdict["why"] and "--user 1000" in verdict["why"]
    rows = {row["name"]: row for row in verdict["layers"]}
    assert not rows["user namespace"]["stands"]
    assert "user.max_user_namespaces" in rows["user namespace"]["remedy"]


def test_full_is_refused_where_it_cannot_be():
    code, verdict = run_doctor("--isolation=full", before=WITHOUT_NAMESPACES)

    assert (code, verdict["tier"]) == (NONE, None)
    assert "user.max_user_namespaces" in verdict["why"]
    assert inside(verdict) == []
