#!/usr/bin/env python3
"""Runs the image in the ways that people run containers, and says what each of them gives.

    DOCKER_HOST=$(tests/docker/engine /var/tmp/docker) tests/docker/run_ways.py [--only REGEX]

Builds the image unless --image names one. For each way: the tier, the walls and the departures that
the service itself tells, what the doctor says, the counts of the contract and escape suites against
it, which run from outside, and what becomes of requests when it is stopped under load. ways.py says
what each must give, a refusal to start included. docs/docker.md has the tables at the end; --doctor
asks the doctor alone, in a minute. The way in gVisor runs the image's files by tests/gvisor,
because an engine knows runsc only if it was told at its start. Exit status 1: a way has given
something else, a suite has failed, a test was skipped for a reason that the way has not, or a
request was cut.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import ways
from stop_under_load import LOADS, run_and_stop

ROOT = Path(__file__).resolve().parent.parent.parent
READY_SECONDS = 90
STOP_SECONDS = 15
SUITES = {"contract": ["tests/contract", "-m", "not slow"], "escape": ["tests/escape"]}


def docker(*arguments, **how):
    return subprocess.run(
        ["docker", *arguments], check=True, text=True, stdout=subprocess.PIPE, **how
    ).stdout.strip()


def ask(url, path):
    # Without the proxy that the images may have to be built with.
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with directly.open(url + path, timeout=5) as answer:
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
    """(Its counts, {reason: skips})."""
    environment = {**os.environ, "SNAPJAIL_URL": url, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", *SUITES[name]]
    output = subprocess.run(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, check=False
    ).stdout
    for line in re.findall(r"^(?:FAILED|ERROR) .*|^_{3,} .* _{3,}$", output, re.M):
        print(f"   {line[:160]}", flush=True)
    return ways.read_suite(output)


def try_service(way, url, is_running, last_words):
    """What the service at `url` says and the suites against it. False where it has ended."""
    if wait_until_ready(url, is_running):
        way.health = ask(url, "/health")
    else:
        way.refusal = last_words()
    note(way, ways.judge_start(way))
    if way.refusal:
        print(f"   does not start: {ways.reason_of(way.refusal)}", flush=True)
        return False
    print(f"   tier {way.health['tier']}: {', '.join(way.health['layers'])}", flush=True)
    for suite in SUITES:
        way.counts[suite], skips = run_suite(suite, url)
        way.skips.update(skips)
        print(f"   {suite}: {way.counts[suite]}", flush=True)
    note(way, ways.judge_suites(way))
    return True


def note(way, faults):
    way.faults += faults
    for fault in faults:
        print(f"   FAULT: {fault}", flush=True)


def last_line(text):
    """Of a log, or what stands for it where there is none."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def try_way(way, image, port):
    url = f"http://127.0.0.1:{port}"
    container = docker("run", "--detach", f"--publish=127.0.0.1:{port}:8080", *way.flags, image)

    def is_running():
        return docker("inspect", "--format={{.State.Running}}", container) == "true"

    def last_words():
        # The log is on stderr.
        logs = ["docker", "logs", container]
        return last_line(subprocess.run(logs, text=True, capture_output=True, check=False).stderr)

    try:
        serves = try_service(way, url, is_running, last_words)
    finally:
        docker("rm", "--force", container)
    for name, jobs in LOADS.items() if serves else ():
        report, faults = run_and_stop(image, way.flags, jobs)
        way.stops.append(f"{name}: {report.line()}")
        print(f"   stop, {way.stops[-1]}", flush=True)
        note(way, faults)


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
                try_service(way, f"http://127.0.0.1:{port}", lambda: run.poll() is None,
                            lambda: last_line(run.stdout.read()))  # fmt: skip
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
    way.doctor = json.loads(last_line(done.stdout))
    note(way, ways.judge_doctor(way))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", help="an image that is there already")
    parser.add_argument("--only", default="", help="only the ways whose name matches")
    parser.add_argument("--port", type=int, default=18080)
    parser.add_argument("--doctor", action="store_true", help="ask the doctor, and run no suite")
    options = parser.parse_args()
    chosen = [way for way in ways.make_ways() if re.search(options.only, way.name)]
    if not chosen:
        parser.error(f"no way's name matches {options.only!r}")
    image = options.image
    if not image:
        print("== docker build", flush=True)
        # The host's network: package mirrors may be reachable from there only.
        subprocess.run(
            ["docker", "build", "--network=host", "-t", "snapjail", "."], cwd=ROOT, check=True
        )
        image = "snapjail"
    for way in chosen:
        print(f"== {way.name}", flush=True)
        ask_doctor(way, image)
        if not options.doctor:
            (try_in_gvisor if way.is_in_gvisor else try_way)(way, image, options.port)
    size = int(docker("image", "inspect", "--format={{.Size}}", image)) / 1e6
    tables = [ways.start_table(chosen), ways.suites_table(chosen)] if not options.doctor else []
    print("\n" + "\n\n".join([*tables, ways.doctors_table(chosen), f"The image: {size:.0f} MB."]))
    faults = [f"{way.name}: {fault}" for way in chosen for fault in way.faults]
    print("\n".join(["", *faults, f"{len(chosen)} ways, {len(faults)} faults"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
