"""Each benchmark program runs, small, and writes figures that can be true."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def bench(tmp_path):
    def run(name, *flags):
        file = tmp_path / f"{name}.json"
        command = [sys.executable, ROOT / "bench/run", name, f"--json={file}", *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(file.read_text())

    return run


def test_latency_gives_every_script_beside_its_floors(bench):
    written = bench("latency", "--rounds=1", "--slice=3", "--reference-slice=0", "--pause=1",
                    "--open-seconds=0.3", "--open-rounds=1", "--rates=50")

    assert len(written["one client"]) == 7
    for found in written["one client"].values():
        assert found["snapjail"]["n"] == found["echo"]["n"] == found["warm child"]["n"] == 3
        assert found["snapjail"]["p50_ms"] > 0 and found["echo"]["p50_ms"] > 0
    assert {row["script"] for row in written["open loop"]} == {"hello", "pandas"}
    for row in written["open loop"]:
        assert row["snapjail"]["n"] == row["echo"]["n"] > 0


def test_throughput_counts_the_time_of_guests_to_their_jobs(bench):
    written = bench("throughput", "--rounds=1", "--seconds=0.5", "--clients=4",
                    "--scripts=hello", "--reference-clients=", "--floor-count=20")

    (row,) = written["closed loop"]
    assert row["snapjail"]["n"] > 0
    assert row["snapjail"]["refused"] == 0
    # Which of them is larger is for the page to say, not for a test.
    assert row["snapjail"]["cpu_ms"] > 0 and row["echo"]["cpu_ms"] > 0
    assert written["floors"]["hello"]["fork"]["cpu_ms"] > 0


def test_memory_finds_as_many_jobs_asleep_as_there_are_slots(bench):
    (row,) = bench("memory", "--guests=12", "--sleep=1")["guests"]

    assert row["live"]["running_at_once"] == row["live"]["answered"] == 12
    assert row["idle"]["private_kib"] > 100
    assert row["idle"]["pss_kib"] > row["idle"]["private_kib"]


def test_soak_answers_all_jobs_and_finds_no_process_or_descriptor_more(bench):
    written = bench("soak", "--jobs=200", "--warm-up=50")

    assert written["answered"] == 200
    assert len(written["tenths"]) == 10
    changes = {row["resource"]: row["change"] for row in written["resources"]}
    for name in ("processes", "namespaces", "supervisor descriptors", "zygote descriptors",
                 "zygote mounts"):
        assert changes[name] == 0, name
    # Without these no figure says anything.
    conditions = written["conditions"]
    assert conditions["command"].startswith("bench/run soak --json=")
    for key in ("date", "commit", "machine", "cores", "kernel"):
        assert conditions[key], key


@pytest.mark.skipif(not os.access("/sys/fs/cgroup/cpuacct", os.W_OK), reason="no cpuacct to use")
def test_cpu_counts_time_and_faults_of_each_build_apart(bench):
    binary = os.environ.get("SNAPJAIL_BIN", ROOT / "build/release/snapjail")
    written = bench("cpu", "--rounds=2", "--burst=4", "--scripts=hello",
                    f"a={binary},--profiles=data=pandas",
                    f"b={binary},--preload=none,LANG=C.UTF-8")

    a, b = written["rows"]
    assert (a["build"], a["ratio"], b["build"]) == ("a", 1.0, "b")
    assert a["cpu/job"] > 0 and b["cpu/job"] > 0
    assert a["faults"] > b["faults"] > 10
    assert not list(Path("/sys/fs/cgroup/cpuacct").glob("snapjail-bench-*"))


def test_what_is_missing_is_named_with_its_remedy():
    environment = {**os.environ, "SNAPJAIL_BIN": "/nowhere/snapjail"}
    command = [sys.executable, ROOT / "bench/run", "soak"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "/nowhere/snapjail is missing: tools/build-preset release" in done.stderr
