"""The ways to run the image, what each must give, and the verdict on what it gave.

Nothing here runs anything: run_ways.py fills in what it has seen, tests/unit tests the verdicts.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

SUITES = ("escape", "contract")
READ_ONLY = ["--read-only", "--tmpfs=/tmp"]
UNPRIVILEGED = [*READ_ONLY, "--cap-drop=ALL", "--security-opt=no-new-privileges"]
UNCONFINED = ["--security-opt=seccomp=unconfined", "--security-opt=systempaths=unconfined"]

# The beginnings of reasons for a skip. Those that say nothing of the service: it has to be started
# by the test, or the machine that the tests run on lacks something.
NOT_OF_THE_WAY = (
    "SNAPJAIL_URL is set",
    "this host does not let the control run",
    "this control needs root",
    "this kernel runs no 32-bit",
    "an attack on",
)
# And those of something that a way lacks: tests/conftest.py writes the first of each.
TIER_PROCESS = ("tier process:", "guests have no /proc here")
DEPARTURE = ("this host: ",)
GVISOR = ("gVisor:",)
# Docker's cgroups are read-only, and gVisor has none that bound a job.
TIER_FULL = ("without cgroup limits",)


@dataclass(frozen=True)
class Expected:
    """What a way gives. Less is a fault, and so is more: then the page is out of date."""

    tier: str = ""  # Empty: the service refuses to start.
    departures: frozenset = frozenset()
    refusal: str = ""  # In its reason, where it refuses.
    skips_max: int = 0  # Of tests, for what the way lacks.
    kernel: str = "linux"

    def skips_for(self):
        """Beginnings of the reasons that a skip may have for what the way lacks."""
        reasons = TIER_PROCESS if self.tier == "process" else TIER_FULL
        reasons += DEPARTURE if self.departures else ()
        return reasons + (GVISOR if self.kernel == "gvisor" else ())


@dataclass
class Way:
    """How a container is run, what must come of it, and what has."""

    name: str
    flags: list
    expected: Expected
    is_in_gvisor: bool = False
    health: dict = field(default_factory=dict)
    refusal: str = ""  # The service's last words, where it has ended instead.
    doctor: dict = field(default_factory=dict)
    counts: dict = field(default_factory=dict)  # A suite's last line.
    skips: Counter = field(default_factory=Counter)  # Reason: how many tests.
    stops: list = field(default_factory=list)
    faults: list = field(default_factory=list)


NO_TMP = frozenset({"tmp", "dev_shm"})
# skips_max: as they were counted on 2026-11-27. Another test of what a way lacks takes one more.
PLAIN = Expected("process", skips_max=10)
REFUSED = Expected(refusal="root without the capabilities SETUID and SETGID")
FULL = Expected("full", skips_max=1)


def make_ways():
    """All of them, from the most modest on; nothing has been seen yet."""
    return [
        Way("no flag", [], PLAIN),
        Way("`--user 1000`", ["--user=1000"], PLAIN),
        Way("`--read-only --tmpfs /tmp`", READ_ONLY,
            Expected("process", NO_TMP, skips_max=26)),
        Way("`--read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges`",
            UNPRIVILEGED, REFUSED),
        Way("`--user 1000 --read-only --tmpfs /tmp --cap-drop ALL "
            "--security-opt no-new-privileges`", ["--user=1000", *UNPRIVILEGED],
            Expected("process", NO_TMP | {"processes", "modes"}, skips_max=30)),
        Way("`--cap-add SYS_ADMIN`", ["--cap-add=SYS_ADMIN", "--security-opt=apparmor=unconfined"],
            PLAIN),
        Way("in gVisor (`runsc`)", [],
            Expected("full", frozenset({"modes"}), kernel="gvisor", skips_max=5),
            is_in_gvisor=True),
        Way("`--security-opt seccomp=unconfined --security-opt systempaths=unconfined`", UNCONFINED,
            FULL),
    ]  # fmt: skip


# Verdicts. Each is a list of faults, as text.


def judge_start(way):
    """Of what /health or the last words say."""
    expected = way.expected
    if way.refusal and expected.refusal in way.refusal and not expected.tier:
        return []
    if way.refusal:
        return [f"it refuses to start: {way.refusal}"]
    if not expected.tier:
        return [f"it starts, with tier {way.health['tier']}"]
    seen = {"tier": way.health["tier"], "kernel": way.health["kernel"],
            "departures": frozenset(way.health["departures"])}  # fmt: skip
    wanted = {"tier": expected.tier, "kernel": expected.kernel, "departures": expected.departures}
    return [f"{name} is {told(seen[name])}, expected {told(wanted[name])}"
            for name in wanted if seen[name] != wanted[name]]  # fmt: skip


def told(value):
    return value if isinstance(value, str) else ", ".join(sorted(value)) or "none"


# The doctor's rows of what a job is promised, by the names that /health has for their absence.
PROMISES = {"contract: /tmp": "tmp", "contract: /dev/shm": "dev_shm",
            "contract: processes": "processes", "contract: modes": "modes",
            "contract: signals": "signals"}  # fmt: skip


def judge_doctor(way):
    """The doctor has to say what the service does, and that every wall it needs stands."""
    tier = way.doctor["tier"] or ""
    faults = []
    if tier != way.expected.tier:
        faults.append(f"the doctor gives tier {tier or 'none'}: {way.doctor['why']}")
    if not tier:
        expected = way.expected.refusal
        return faults + ([] if expected in way.doctor["why"] else
                         [f"the doctor's reason is another: {way.doctor['why']}"])  # fmt: skip
    rows = {row["name"]: row for row in way.doctor["layers"]}
    faults += [f"the doctor finds no wall: {name}, {row['detail']}"
               for name, row in rows.items() if row["required"] and not row["stands"]]  # fmt: skip
    absent = frozenset(departure for name, departure in PROMISES.items()
                       if not rows.get(name, {"stands": False})["stands"])  # fmt: skip
    if absent != way.expected.departures:
        faults.append(f"the doctor finds that jobs lack {told(absent)}, "
                      f"expected {told(way.expected.departures)}")  # fmt: skip
    return faults


def read_suite(output):
    """(The last line, {reason: skips}) of a run of pytest with -rs."""
    skips = Counter()
    for number, reason in re.findall(r"(?m)^SKIPPED \[(\d+)\] \S+: (.*)$", output):
        skips[reason] += int(number)
    lines = output.strip().splitlines()
    return (lines[-1] if lines else "no output"), skips


def judge_suites(way):
    faults = []
    for suite in SUITES:
        counts = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", way.counts[suite])
        if not counts:
            faults.append(f"{suite} came to no end: {way.counts[suite]}")
        elif int(counts[1]) == 0 or int(counts[2]) > 0:
            faults.append(f"{suite}: {way.counts[suite]}")
    skips = {reason: number for reason, number in way.skips.items()
             if not reason.startswith(NOT_OF_THE_WAY)}  # fmt: skip
    faults += [f"{number} skips that this way must not have: {reason}"
               for reason, number in skips.items()
               if not reason.startswith(way.expected.skips_for())]  # fmt: skip
    if sum(skips.values()) > way.expected.skips_max:
        faults.append(f"{sum(skips.values())} tests are skipped for what this way lacks, "
                      f"{way.expected.skips_max} at most")  # fmt: skip
    return faults


# Tables.


def start_table(ways):
    """Tier, walls and departures as the service itself says them."""
    rows = ["| `docker run` … | tier | walls | differs from the contract in |", "|---|---|---|---|"]
    for way in ways:
        if way.refusal:
            rows.append(f"| {way.name} | does not start | {reason_of(way.refusal)} | |")
        elif way.health:
            walls, lacks = ", ".join(way.health["layers"]), told(way.health["departures"])
            rows.append(f"| {way.name} | {way.health['tier']} | {walls} | {lacks} |")
    return "\n".join(rows)


def reason_of(line):
    """The sentence in a line of the log, JSON or not."""
    found = re.search(r'"error":"((?:[^"\\]|\\.)*)"', line)
    return found[1] if found else line


def suites_table(ways):
    rows = ["| `docker run` … | escape | contract, not slow |", "|---|---|---|"]
    rows += [f"| {way.name} | {' | '.join(way.counts[suite] for suite in SUITES)} |"
             for way in ways if way.counts]  # fmt: skip
    return "\n".join(rows)


WORDS = {(False, False): "–", (False, True): "no", (True, True): "yes"}


def doctors_table(ways):
    """Each layer that the doctor looks at, and what stands where."""
    numbers = " | ".join(str(n) for n, _ in enumerate(ways, 1))
    rows = [f"{n}. {way.name}" for n, way in enumerate(ways, 1)]
    rows += ["", f"| | {numbers} |", "|---|" + "---|" * len(ways)]
    found = [{row["name"]: row for row in way.doctor["layers"]} for way in ways]
    names = list(dict.fromkeys(name for one in found for name in one))
    for name in names:
        cells = [WORDS[name in one and one[name]["stands"], name in one] for one in found]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    tiers = [way.doctor["tier"] or "none" for way in ways]
    rows.append(f"| **tier** | {' | '.join(tiers)} |")
    rows.append("")
    for n, way in enumerate(ways, 1):
        host = way.doctor["host"]
        rows.append(f"{n}. {host['kind']}. For more: {host['for_more'] or 'nothing'}")
    return "\n".join(rows)
