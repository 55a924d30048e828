#!/usr/bin/env python3
"""Runs the image in the ways that people run containers, and says what each of them gives.

    DOCKER_HOST=$(tests/docker/engine /var/tmp/docker) tests/docker/run_ways.py [--only REGEX]

Builds the image unless --image names one. For each way: the tier and the walls that the service
itself tells, what the doctor says, the counts of the contract and escape suites against it, which
run from outside, and what becomes of requests when it is stopped under load. The tables at the end
are those of docs/docker.md; --doctor makes the second one alone, in a minute. The last way runs the
image's files in gVisor (tests/gvisor), because an engine knows runsc only if it was told at its
start. Exit status 1: a suite has failed, a request was cut, or a container that should start did
not.
"""

import argparse
import json
import os
import re
import subprocess
import signal
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stop_under_load import LOADS, run_and_stop

ROOT = Path(__file__).resolve().parent.parent.parent
READY_SECONDS = 90
STOP_SECONDS = 15
SUITES = {"contract": ["tests/contract", "-m", "not slow"], "escape": ["tests/escape"]}


@dataclass
class Way:
    """How a container is run, and what comes of it."""

    name: str
    flags: list
    health: dict = field(default_factory=dict)
    counts: dict = field(default_factory=dict)
    refusal: str = ""
    doctor: dict = field(default_factory=dict)
    stops: list = field(default_factory=list)
    faults: list = field(default_factory=list)  # Of the stops.
    is_in_gvisor: bool = False


WAYS = [
    Way("no flag", []),
    Way("`--user 1000`", ["--user=1000"]),
    Way(
        "`--user 1000 --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges`",
        [
            *("--user=1000", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL"),
            "--security-opt=no-new-privileges",
        ],
    ),
    Way(
        "`--security-opt seccomp=unconfined --security-opt systempaths=unconfined`",
        ["--security-opt=seccomp=unconfined", "--security-opt=systempaths=unconfined"],
    ),
    Way(
        "`--cap-add SYS_ADMIN` (and `apparmor=unconfined` where there is AppArmor)",
        ["--cap-add=SYS_ADMIN", "--security-opt=apparmor=unconfined"],
    ),
    Way("under `runsc`", [], is_in_gvisor=True),
]


def docker(*arguments, **how):
    return subprocess.run(
        ["docker", *arguments], check=True, text=True, stdout=subprocess.PIPE, **how
    ).stdout.strip()


def ask(url, path):
    with urllib.request.urlopen(url + path, timeout=5) as answer:
        return json.load(answer)


def wait_until_ready(url, is_running):
    """True when it serves; False when it has ended."""
    for _ in range(READY_SECONDS * 5):
        try:
            ask(url, "/ready")
            return True
        except OSError:
            time.sleep(0.2)
        if not is_running():
            return False
    raise SystemExit(f"{url} is neither ready nor gone")


def run_suite(name, url):
    """The last line of its output: counts."""
    environment = {**os.environ, "SNAPJAIL_URL": url, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", *SUITES[name]]
    output = subprocess.run(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, check=False
    ).stdout
    for line in re.findall(r"^(?:FAILED|ERROR) .*|^_{3,} .* _{3,}$", output, re.M):
        print(f"   {line[:160]}", flush=True)
    return output.strip().splitlines()[-1]


def suites(way, url, is_running):
    """Fills in what the service and the suites say. False where it has ended instead."""
    if not wait_until_ready(url, is_running):
        return False
    way.health = ask(url, "/health")
    print(f"   tier {way.health['tier']}: {', '.join(way.health['layers'])}", flush=True)
    for suite in SUITES:
        way.counts[suite] = run_suite(suite, url)
        print(f"   {suite}: {way.counts[suite]}", flush=True)
    return True


def try_way(way, image, port):
    url = f"http://127.0.0.1:{port}"
    container = docker("run", "--detach", f"--publish=127.0.0.1:{port}:8080", *way.flags, image)
    try:
        if not suites(
            way, url, lambda: docker("inspect", "--format={{.State.Running}}", container) == "true"
        ):
            logs = subprocess.run(
                ["docker", "logs", container], text=True, capture_output=True, check=False
            )
            way.refusal = logs.stderr.strip().splitlines()[-1]
            return
    finally:
        docker("rm", "--force", container)
    for name, jobs in LOADS.items():
        report, faults = run_and_stop(image, way.flags, jobs)
        way.stops.append(f"{name}: {report.line()}")
        way.faults += faults
        print("\n".join(["   stop, " + way.stops[-1], *faults]), flush=True)


@contextmanager
def files_of(image):
    """A folder with the image's files and its environment, for a while."""
    container = docker("create", image)
    try:
        with tempfile.TemporaryDirectory(prefix="snapjail-root-", dir="/var/tmp") as folder:
            with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as tar:
                subprocess.run(["tar", "-C", folder, "-x"], stdin=tar.stdout, check=True)
            variables = docker("inspect", "--format={{json .Config.Env}}", container)
            Path(folder).chmod(0o755)  # As a root is: whoever is not root goes through it.
            yield folder, json.loads(variables)
    finally:
        docker("rm", container)


def in_gvisor(image_files, more, command):
    """The command line that runs the image in gVisor."""
    folder, variables = image_files
    flags = [f"--env={text}" for text in [*variables, *more]]
    network = ["--network=host"] if command == "serve" else []
    return [sys.executable, ROOT / "tests/gvisor/run_in_gvisor.py", *network, *flags, folder,
            "--", "snapjail", command, *(["--json"] if command == "doctor" else [])]  # fmt: skip


def try_in_gvisor(way, image, port):
    with files_of(image) as image_files:
        more = [f"PORT={port}", "SNAPJAIL_HOST=127.0.0.1"]
        with subprocess.Popen(in_gvisor(image_files, more, "serve"), text=True,
                              stdout=subprocess.PIPE) as run:  # fmt: skip
            try:
                if not suites(way, f"http://127.0.0.1:{port}", lambda: run.poll() is None):
                    way.refusal = run.stdout.read().strip().splitlines()[-1]
            finally:
                run.send_signal(signal.SIGINT)
                run.wait(STOP_SECONDS)


def ask_doctor(way, image):
    if way.is_in_gvisor:
        with files_of(image) as image_files:
            command = in_gvisor(image_files, [], "doctor")
            done = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=False)
    else:
        command = ["docker", "run", "--rm", *way.flags, image, "doctor", "--json"]
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=False)
    # In gVisor the log comes on the same pipe.
    way.doctor = json.loads(done.stdout.strip().splitlines()[-1])


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


def table():
    rows = ["| `docker run` … | tier | walls | contract | escape |", "|---|---|---|---|---|"]
    for way in WAYS:
        if way.refusal:
            rows.append(f"| {way.name} | does not start | {way.refusal} | | |")
        elif way.health:
            walls = ", ".join(way.health["layers"])
            counts = " | ".join(way.counts[suite] for suite in SUITES)
            rows.append(f"| {way.name} | {way.health['tier']} | {walls} | {counts} |")
    return "\n".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", help="an image that is there already")
    parser.add_argument("--only", default="", help="only the ways whose name matches")
    parser.add_argument("--port", type=int, default=18080)
    parser.add_argument("--doctor", action="store_true", help="ask the doctor, and run no suite")
    options = parser.parse_args()
    image = options.image
    if not image:
        print("== docker build", flush=True)
        # The host's network: package mirrors may be reachable from there only.
        subprocess.run(
            ["docker", "build", "--network=host", "-t", "snapjail", "."], cwd=ROOT, check=True
        )
        image = "snapjail"
    ways = [way for way in WAYS if re.search(options.only, way.name)]
    for way in ways:
        print(f"== {way.name}", flush=True)
        ask_doctor(way, image)
        if not options.doctor:
            (try_in_gvisor if way.is_in_gvisor else try_way)(way, image, options.port)
    size = int(docker("image", "inspect", "--format={{.Size}}", image)) / 1e6
    print(f"\n{table()}\n\n{doctors_table(ways)}\n\nThe image: {size:.0f} MB.")
    has_failed = any(re.search(r"[1-9]\d* failed", c) for w in ways for c in w.counts.values())
    return 1 if has_failed or any(way.refusal or way.faults for way in ways) else 0


if __name__ == "__main__":
    sys.exit(main())
