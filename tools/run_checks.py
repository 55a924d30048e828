#!/usr/bin/env python3
"""Runs all checks as steps, stops at none, and sums every test in the last line.

./check calls it, with the service's PYTHON_BIN, after it has installed what the steps need. Each
step is a row in steps(). One that writes JUnit XML counts as many tests as that names, any other
counts as one.
"""
import argparse
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "check"  # Logs and JUnit files of the last run.
SECONDS_MAX = 1800  # A step that takes longer hangs: the slowest takes a third.
REASONS_SHOWN_MAX = 40


@dataclass(frozen=True)
class Step:
    name: str
    command: list
    needs: str = ""  # A step that must have passed.
    is_quick: bool = False  # Runs with --quick too.
    is_long: bool = False  # Runs with --all only: each takes minutes, and few changes concern it.
    has_junit: bool = False  # Writes `{junit}`, named in its command.
    environment: dict = field(default_factory=dict)
    obstacle: str = ""  # Why it cannot run on this machine.


def sources(*suffixes):
    folders = ("src", "bench", "tests/fuzz")
    return sorted(str(p.relative_to(ROOT)) for folder in folders for s in suffixes
                  for p in (ROOT / folder).rglob("*" + s))


def shell_scripts():
    names = ["serve", "check", ".ci/run", *(f"tools/{p.name}" for p in (ROOT / "tools").iterdir())]
    names += [str(p.relative_to(ROOT)) for p in ROOT.glob("deploy/**/*.sh")]
    files = [ROOT / name for name in names if (ROOT / name).is_file()]
    return [str(p) for p in files if p.read_bytes().startswith(b"#!/usr/bin/env bash")]


def without_address_randomization():
    """A prefix for what has sanitizers: past 28 random bits their shadow memory has no place."""
    bits = Path("/proc/sys/vm/mmap_rnd_bits")
    prefix = ["setarch", os.uname().machine, "--addr-no-randomize"]
    try:
        is_needed = int(bits.read_text()) > 28
        # A container may forbid it.
        is_allowed = is_needed and subprocess.run(prefix + ["true"], check=False).returncode == 0
    except (OSError, ValueError):
        return []
    return prefix if is_allowed else []


def clang_obstacle():
    """Why clang 14 cannot build here: Ubuntu 24.04's libstdc++ 13 has headers it does not read."""
    probe = subprocess.run(["clang++-14", "-std=c++20", "-fsyntax-only", "-x", "c++", "-"],
                           input="#include <chrono>", text=True, capture_output=True, check=False)
    return "clang 14 does not compile <chrono> of this libstdc++" if probe.returncode else ""


def build(preset, **how):
    return Step(f"build {preset}", ["tools/build-preset", preset], **how)


def unit(preset, **how):
    # tidy is a step of its own; the jail's tests fork a lot, so no more at once than processors.
    return Step(f"unit {preset}",
                ["ctest", "--test-dir", f"build/{preset}", "--output-on-failure", "-E", "^tidy$",
                 "-j", str(len(os.sched_getaffinity(0))), "--output-junit", "{junit}"],
                needs=f"build {preset}", has_junit=True, **how)


def pytest(name, folder, *flags, preset="release", settings=(), **how):
    environment = {**dict(settings), "SNAPJAIL_BIN": str(ROOT / "build" / preset / "snapjail"),
                   "SNAPJAIL_LIBRARY": str(ROOT / "build" / preset / "lib" / "snapjail"),
                   "PYTHONDONTWRITEBYTECODE": "1"}
    return Step(name,
                [".venv-check/bin/python", "-m", "pytest", folder, "-q", "--junit-xml={junit}"]
                + list(flags),
                needs=f"build {preset}", has_junit=True, environment=environment, **how)


def steps(is_quick):
    """All steps in order: what fails fastest comes first."""
    plain = without_address_randomization()
    speed = ["-m", "not slow"] if is_quick else []
    # As in a container that allows no namespaces; on this host, which may allow more.
    process = {"SNAPJAIL_ISOLATION": "process", "SNAPJAIL_ROOTS": str(ROOT / "build/roots")}
    rows = [
        Step("formatting", ["clang-format-14", "--dry-run", "-Werror", *sources(".h", ".cc")],
             is_quick=True),
        Step("tidy", ["tools/tidy.py"], is_quick=True),
        Step("shell scripts", ["shellcheck", *shell_scripts()], is_quick=True),
        build("release", is_quick=True),
        unit("release", is_quick=True),
        pytest("unit python", "tests/unit", is_quick=True),
        pytest("contract", "tests/contract", *speed, is_quick=True),
        pytest("contract cold", "tests/contract", "--mode=cold", "-m", "both_modes"),
        pytest("nsjail configurations", "tests/nsjail", *speed, is_quick=True),
        pytest("escape", "tests/escape", *speed, is_quick=True),
        pytest("set-ups that fail", "tests/faults", "-k", "guest or tracer"),
        Step("roots", ["build/release/snapjail", "make-roots", "--roots=build/roots", "--count=32"],
             needs="build release", is_quick=True),
        pytest("escape process", "tests/escape", settings=process, is_quick=True),
        pytest("set-ups that fail process", "tests/faults", "-k", "guest or tracer",
               settings=process),
        pytest("contract process", "tests/contract", "-m", "both_modes", settings=process),
        pytest("load", "tests/load"),
        pytest("deploy", "tests/deploy"),
        pytest("bench", "tests/bench"),
        pytest("all set-ups that fail", "tests/faults", "-k", "zygote or front",
               is_long=True),
        build("walls"),
        pytest("walls", "tests/walls", preset="walls"),
    ]
    rows += [build("asan"), unit("asan"),
             pytest("contract asan", "tests/contract", "-m", "not slow", preset="asan"),
             # Each process of the service has one thread: what races there could be, units show.
             build("tsan", is_long=True), unit("tsan", is_long=True)]
    obstacle = clang_obstacle()
    rows += [build("clang", obstacle=obstacle),
             # Needs only what configuring makes, so a build that fails keeps no findings back.
             Step("clang-tidy", ["tools/clang_tidy.py", "build/clang"], obstacle=obstacle),
             build("fuzz", obstacle=obstacle),
             # Fifteen seconds a target; a long run is by hand: docs/fuzzing.md.
             Step("fuzz", ["tests/fuzz/run.py", "--seconds=15", "--junit={junit}"],
                  needs="build fuzz", has_junit=True, obstacle=obstacle)]
    has_sanitizers = re.compile("[at]san|fuzz")
    return [Step(**{**vars(s), "command": plain + s.command})
            if has_sanitizers.search(s.name) else s for s in rows]


def slug(step):
    return step.name.replace(" ", "-")


def run(step):
    """Runs a step, shows and keeps what it prints; its exit status, or None if it took too long."""
    command = [part.replace("{junit}", str(OUT / f"{slug(step)}.xml")) for part in step.command]
    # The bound on skips is for the sum, at the end.
    environment = {k: v for k, v in os.environ.items() if k != "SNAPJAIL_SKIPS_ALLOWED"}
    tee = subprocess.Popen(["tee", OUT / f"{slug(step)}.log"], stdin=subprocess.PIPE)
    process = subprocess.Popen(command, cwd=ROOT, env=environment | step.environment,
                               stdin=subprocess.DEVNULL, stdout=tee.stdin, stderr=subprocess.STDOUT,
                               start_new_session=True)
    tee.stdin.close()
    try:
        return process.wait(SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return None
    finally:
        # Also what a step has left behind: it would hold `tee` open. SIGTERM first, because ninja
        # ends its compilers on that, and they are in groups of their own.
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, signal_number)
                process.wait(5)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        process.wait()
        tee.wait()


def skip_reason(case, skipped):
    """pytest says it in the element; ctest only repeats what GoogleTest printed."""
    printed = re.search(r"Skipped\n(.*)", case.findtext("system-out") or "")
    return printed[1].strip() if printed else skipped.get("message") or "no reason given"


def count_junit(path):
    """(Counter, names that failed, reasons of skips) of one JUnit file."""
    counts, failed, skips = Counter(), [], []
    for case in ElementTree.parse(path).iter("testcase"):
        # ctest writes the name into both.
        name = ".".join(dict.fromkeys(filter(None, (case.get("classname"), case.get("name")))))
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            counts["failed"] += 1
            failed.append(name)
        elif skipped is not None or case.get("status") in ("notrun", "disabled"):
            counts["skipped"] += 1
            skips.append(f"{name}: {skip_reason(case, {} if skipped is None else skipped)}")
        else:
            counts["passed"] += 1
    return counts, failed, skips


def outcome_of(step, status):
    """(Counter, failures, skips) of a step that ran and ended with `status`."""
    if status is None:
        return Counter(failed=1), [f"{step.name}: not done within {SECONDS_MAX} s"], []
    junit = OUT / f"{slug(step)}.xml"
    if not step.has_junit:
        failures = [f"{step.name}: exit status {status}"] if status else []
        return Counter(failed=1) if status else Counter(passed=1), failures, []
    try:
        counts, failed, skips = count_junit(junit)
    except (OSError, ElementTree.ParseError):
        return Counter(failed=1), [f"{step.name}: exit status {status}, no results"], []
    failures = [f"{step.name}: {name}" for name in failed]
    if (status and not failed) or not counts:
        counts["failed"] += 1
        failures.append(f"{step.name}: exit status {status} after {sum(counts.values()) - 1} tests")
    return counts, failures, [f"{step.name}: {reason}" for reason in skips]


def show(counts):
    return ", ".join(f"{counts[word]} {word}" for word in ("passed", "failed", "skipped"))


def main():
    parser = argparse.ArgumentParser(prog="./check", description="Runs all checks of the project.")
    parser.add_argument("--quick", action="store_true",
                        help="leave out sanitizers, clang, clang-tidy, cold mode and slow tests")
    parser.add_argument("--all", action="store_true",
                        help="also what takes long: every fault, tsan")
    parser.add_argument("--only", metavar="REGEX", default="", help="only steps whose name matches")
    arguments = parser.parse_args()
    skips_allowed = float(os.environ.get("SNAPJAIL_SKIPS_ALLOWED") or "inf")
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()

    # So that run() ends the step under way, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    total, failures, skips, broken, summary = Counter(), [], [], set(), []
    start = time.monotonic()
    for step in steps(arguments.quick):
        if not re.search(arguments.only, step.name):
            continue  # And what it would make is taken as it is.
        began = time.monotonic()
        reason = step.obstacle or (f"'{step.needs}' failed" if step.needs in broken else "")
        if arguments.quick and not step.is_quick:
            reason = "left out by --quick"
        elif step.is_long and not arguments.all:
            reason = "only with --all"
        if reason:
            counts, failed, skipped = Counter(skipped=1), [], [f"{step.name}: {reason}"]
        else:
            print(f"\n== {step.name}", flush=True)
            counts, failed, skipped = outcome_of(step, run(step))
        summary.append(f"{step.name:16} {time.monotonic() - began:7.1f} s  {show(counts)}")
        print(f"== {summary[-1]}", flush=True)
        if counts["failed"]:
            broken.add(step.name)
        total += counts
        failures += failed
        skips += skipped

    if total["skipped"] > skips_allowed:
        failures.append(f"{total['skipped']} skips, SNAPJAIL_SKIPS_ALLOWED={skips_allowed:g}")
        total["failed"] += 1
    print(f"\n== summary, {(time.monotonic() - start) / 60:.1f} min; logs are in build/check/")
    print("\n".join(summary))
    for title, lines in (("skipped", skips), ("failed", failures)):
        print("".join(f"{title}  {line}\n" for line in lines[:REASONS_SHOWN_MAX]), end="")
        if len(lines) > REASONS_SHOWN_MAX:
            print(f"{title}  and {len(lines) - REASONS_SHOWN_MAX} more")
    print(show(total))
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
