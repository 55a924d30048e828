#!/usr/bin/env python3
"""Runs the image in the ways that people run containers, and says what each of them gives.

    DOCKER_HOST=$(tests/docker/engine /var/tmp/docker) tests/docker/run_ways.py [--only REGEX]

Builds the image unless --image names one. For each way: the tier and the walls that the service
itself tells, and the counts of the contract and escape suites against it, which run from outside.
The table at the end is the one of docs/docker.md. Exit status 1: a suite has failed, or a container
that should start did not.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

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
]


def docker(*arguments, **how):
    return subprocess.run(
        ["docker", *arguments], check=True, text=True, stdout=subprocess.PIPE, **how
    ).stdout.strip()


def ask(url, path):
    with urllib.request.urlopen(url + path, timeout=5) as answer:
        return json.load(answer)


def wait_until_ready(container, url):
    """True when it serves; False when it has ended."""
    for _ in range(READY_SECONDS * 5):
        try:
            ask(url, "/ready")
            return True
        except OSError:
            time.sleep(0.2)
        if docker("inspect", "--format={{.State.Running}}", container) != "true":
            return False
    raise SystemExit(f"{container} neither serves nor ends:\n{docker('logs', container)}")


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


def try_way(way, image, port):
    url = f"http://127.0.0.1:{port}"
    container = docker("run", "--detach", f"--publish=127.0.0.1:{port}:8080", *way.flags, image)
    try:
        if not wait_until_ready(container, url):
            logs = subprocess.run(
                ["docker", "logs", container], text=True, capture_output=True, check=False
            )
            way.refusal = logs.stderr.strip().splitlines()[-1]
            return
        way.health = ask(url, "/health")
        print(f"   tier {way.health['tier']}: {', '.join(way.health['layers'])}", flush=True)
        for suite in SUITES:
            way.counts[suite] = run_suite(suite, url)
            print(f"   {suite}: {way.counts[suite]}", flush=True)
        started = time.monotonic()
        docker("stop", f"--time={STOP_SECONDS}", container)
        print(f"   stopped in {time.monotonic() - started:.1f} s", flush=True)
    finally:
        docker("rm", "--force", container)


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
        try_way(way, image, options.port)
    size = int(docker("image", "inspect", "--format={{.Size}}", image)) / 1e6
    print(f"\n{table()}\n\nThe image: {size:.0f} MB.")
    has_failed = any(re.search(r"[1-9]\d* failed", c) for w in ways for c in w.counts.values())
    return 1 if has_failed or any(way.refusal for way in ways) else 0


if __name__ == "__main__":
    sys.exit(main())
