#!/usr/bin/env python3
"""Stops a container under load: every request is answered or refused in order, and none is cut.

    DOCKER_HOST=… tests/docker/stop_under_load.py IMAGE [FLAG OF docker run ...]

Asks the container by its own address: the port that Docker publishes is taken by a proxy of
Docker's, which accepts connections for a container that does not listen any more.
"""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import processes
from service import READY_SECONDS, Client
from stopping import MIXED, SHORT, stop_under_load

DOCKERS_PATIENCE_SECONDS = 10  # Between SIGTERM and SIGKILL, unless told otherwise.
LOADS = {"short jobs": SHORT, "short and long jobs": MIXED}


def docker(*arguments):
    run = subprocess.run(["docker", *arguments], check=True, text=True, stdout=subprocess.PIPE)
    return run.stdout.strip()


def address_of(container):
    where = "{{.NetworkSettings.IPAddress}}"
    return docker("inspect", f"--format={where}", container), 8080


def run_and_stop(image, flags, jobs):
    """Loads a container, and stops it as anybody would. (Report, faults)."""
    container = docker("run", "--detach", *flags, image)
    try:
        processes.wait_until(Client(*address_of(container)).is_ready, READY_SECONDS)
        report = stop_under_load(address_of(container), lambda: docker("stop", container), jobs)
        faults = report.faults(DOCKERS_PATIENCE_SECONDS)
        code = docker("inspect", "--format={{.State.ExitCode}}", container)
        if code != "0":
            faults.append(f"it ended with {code}")
        return report, faults
    finally:
        docker("rm", "--force", container)


def main():
    image, *flags = sys.argv[1:]
    has_failed = False
    for name, jobs in LOADS.items():
        report, faults = run_and_stop(image, flags, jobs)
        print("\n".join([f"{name}: {report.line()}", *faults]), flush=True)
        has_failed = has_failed or bool(faults)
    return 1 if has_failed else 0


if __name__ == "__main__":
    sys.exit(main())
