"""The verdicts on the ways to run the image: whatever a way must not give is named as a fault."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "docker"))
import ways  # noqa: E402
from ways import Expected, Way  # noqa: E402

PROCESS = Expected("process", frozenset({"tmp"}), skips_max=3)
REFUSED = Expected(refusal="bounds no processes")
WHOLE = "10 passed, 0 failed, 2 skipped"


def way(expected=PROCESS, **seen):
    seen.setdefault("health", {"tier": "process", "kernel": "linux", "layers": ["seccomp"],
                               "departures": {"tmp": "elsewhere"}})  # fmt: skip
    seen.setdefault("counts", {suite: WHOLE for suite in ways.SUITES})
    return Way("way", [], expected, **seen)


def row(name, stands=True, required=False):
    return {"name": name, "stands": stands, "required": required, "detail": "seen done"}


def doctor(tier="process", why="", lacks=("contract: /tmp",), more=()):
    promises = [row(name, name not in lacks) for name in ways.PROMISES]
    return {"tier": tier, "why": why, "layers": [row("seccomp", required=True), *promises, *more],
            "host": {"kind": "a container", "for_more": ""}}  # fmt: skip


# The start.


def test_what_a_way_must_give_is_no_fault():
    assert ways.judge_start(way()) == []


@pytest.mark.parametrize(
    ("health", "fault"),
    [
        ({"tier": "full"}, "tier is full, expected process"),
        ({"kernel": "gvisor"}, "kernel is gvisor, expected linux"),
        ({"departures": {}}, "departures is none, expected tmp"),
        ({"departures": {"tmp": "", "dev_shm": ""}}, "departures is dev_shm, tmp, expected tmp"),
    ],
)
def test_anything_else_is_one(health, fault):
    one = way()
    one.health.update(health)

    assert ways.judge_start(one) == [fault]


def test_a_refusal_that_is_expected_is_no_fault():
    assert ways.judge_start(way(REFUSED, refusal="the kernel bounds no processes of root's")) == []


def test_a_refusal_for_another_reason_is_one():
    assert ways.judge_start(way(REFUSED, refusal="no such file")) == [
        "it refuses to start: no such file"]  # fmt: skip


def test_a_refusal_that_is_not_expected_is_one():
    assert ways.judge_start(way(refusal="bounds no processes")) == [
        "it refuses to start: bounds no processes"]  # fmt: skip


def test_a_start_where_a_refusal_is_expected_is_one():
    assert ways.judge_start(way(REFUSED)) == ["it starts, with tier process"]


# The doctor.


def test_a_doctor_who_says_what_the_service_does_is_right():
    assert ways.judge_doctor(way(doctor=doctor())) == []
    assert ways.judge_doctor(way(REFUSED, doctor=doctor(None, "it bounds no processes"))) == []


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (doctor("full", "why"), "the doctor gives tier full: why"),
        (doctor(None, "why"), "the doctor gives tier none: why"),
        (doctor(lacks=()), "the doctor finds that jobs lack none, expected tmp"),
        (
            doctor(more=[row("inside: network", stands=False, required=True)]),
            "the doctor finds no wall: inside: network, seen done",
        ),
    ],
)
def test_a_doctor_who_says_something_else_is_a_fault(said, fault):
    assert ways.judge_doctor(way(doctor=said)) == [fault]


def test_a_doctor_with_another_reason_to_refuse_is_a_fault():
    assert ways.judge_doctor(way(REFUSED, doctor=doctor(None, "no seccomp"))) == [
        "the doctor's reason is another: no seccomp"]  # fmt: skip


def test_a_promise_of_which_the_doctor_is_silent_is_not_kept():
    silent = doctor()
    silent["layers"] = [one for one in silent["layers"] if one["name"] != "contract: processes"]

    assert ways.judge_doctor(way(doctor=silent)) == [
        "the doctor finds that jobs lack processes, tmp, expected tmp"]  # fmt: skip


# The suites.

OUTPUT = """\
..s..s.s                                                                 [100%]
=========================== short test summary info ============================
SKIPPED [2] tests/conftest.py:112: SNAPJAIL_URL is set: this test has to start one
SKIPPED [1] tests/conftest.py:71: tier process: a pid namespace: of its own
5 passed, 3 skipped in 1.23s
5 passed, 0 failed, 3 skipped
"""


def test_counts_and_reasons_are_read_from_the_output():
    counts, skips = ways.read_suite(OUTPUT)

    assert counts == "5 passed, 0 failed, 3 skipped"
    assert skips == {"SNAPJAIL_URL is set: this test has to start one": 2,
                     "tier process: a pid namespace: of its own": 1}  # fmt: skip


def test_an_output_of_nothing_is_told():
    assert ways.read_suite("\n") == ("no output", {})


@pytest.mark.parametrize("line", ["9 passed, 1 failed, 0 skipped", "0 passed, 0 failed, 9 skipped",
                                  "no output", "10 passed in 1 s"])  # fmt: skip
def test_a_suite_that_did_not_pass_is_a_fault(line):
    (fault,) = ways.judge_suites(way(counts={"escape": WHOLE, "contract": line}))

    assert fault.startswith("contract") and line in fault


def skipping(expected, **numbers):
    reasons = {"own": "SNAPJAIL_URL is set: x", "client": "an attack on x86_64, this is another",
               "proc": "guests have no /proc here, so x",
               "tier": "tier process: x", "host": "this host: x",
               "gvisor": "gVisor: x", "other": "no such tool"}  # fmt: skip
    return way(expected, skips={reasons[name]: number for name, number in numbers.items()})


def test_what_says_nothing_of_the_service_may_all_be_skipped():
    assert ways.judge_suites(skipping(Expected("full"), own=500, client=9)) == []


def test_what_a_way_lacks_may_be_skipped_up_to_a_bound():
    assert ways.judge_suites(skipping(PROCESS, own=9, tier=1, proc=1, host=1)) == []
    assert ways.judge_suites(skipping(PROCESS, own=9, tier=1, proc=1, host=2)) == [
        "4 tests are skipped for what this way lacks, 3 at most"]  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "reason"),
    [
        (Expected("full", skips_max=9), "tier"),
        (Expected("full", skips_max=9), "proc"),
        (Expected("full", skips_max=9), "host"),
        (Expected("process", skips_max=9), "host"),
        (Expected("process", skips_max=9), "gvisor"),
        (Expected("full", kernel="gvisor", skips_max=9), "other"),
    ],
)
def test_a_skip_for_what_a_way_has_is_a_fault(expected, reason):
    (fault,) = ways.judge_suites(skipping(expected, **{reason: 1}))

    assert fault.startswith("1 skips that this way must not have")


# All of them.


def test_each_way_has_a_name_and_flags_of_its_own():
    every = ways.make_ways()

    assert len({one.name for one in every}) == len(every)
    assert len({(*one.flags, one.is_in_gvisor) for one in every}) == len(every)
    assert all(bool(one.expected.tier) != bool(one.expected.refusal) for one in every)


def test_a_name_that_is_a_command_line_has_those_flags():
    for one in ways.make_ways():
        named = one.name.strip("`").replace(" --", "\n--").split("\n")
        if named[0].startswith("--"):
            flags = [flag.replace("=", " ", 1) for flag in one.flags]
            extra = {"--security-opt apparmor=unconfined"}  # Has no meaning without AppArmor.
            assert set(named) == set(flags) - extra, one.name


def test_the_page_has_a_row_for_each_way_and_its_tier():
    page = (Path(__file__).resolve().parents[2] / "docs/docker.md").read_text()
    table = page.partition("| `docker run` … | tier |")[2].partition("\n\n")[0]

    for one in ways.make_ways():
        tier = one.expected.tier or "refuses to start"
        assert f"\n| {one.name} | {tier} | " in table, one.name


def test_tables_have_a_row_for_each_way_that_was_tried():
    started = way(doctor=doctor())
    refused = way(REFUSED, doctor=doctor(None), counts={}, health={},
                  refusal='{"event":"cannot_start","error":"root, \\"bounds\\" none"}')  # fmt: skip

    assert ways.start_table([started, refused]).splitlines()[2:] == [
        "| way | process | seccomp | tmp |",
        '| way | does not start | root, \\"bounds\\" none | |',
    ]
    assert ways.suites_table([started, refused]).splitlines()[2:] == [
        f"| way | {WHOLE} | {WHOLE} |"]  # fmt: skip
    assert "| contract: /tmp | no | no |" in ways.doctors_table([started, refused])
    assert "| **tier** | process | none |" in ways.doctors_table([started, refused])
