"""Ten thousand jobs later the service holds what it held after a hundred."""

import os
import random
import sys
import threading
import time
from dataclasses import dataclass, fields

import processes
import pytest
from service import Service

JOBS = int(os.environ.get("SNAPJAIL_RESIDUE_JOBS", "10000"))
THREADS = 4
SETTLE_SECONDS = 10  # Until the pool is full again and what the last jobs left is reaped.

# What may differ without being a leak. Guests come and go, so their number is taken when the pool
# is full; memory moves with the allocator and with what the pool's guests happen to share.
RSS_GROWTH_MAX = 0.15
RSS_SLACK_KIB = 16 * 1024

# (weight, script, outcomes that are right)
MIX = [
    (300, "def main(): return 'hello'", {None}),
    (100, "import numpy\ndef main(): return numpy.arange(9).sum().item()", {None}),
    (30, "import pandas\ndef main(): return int(pandas.Series([1, 2]).sum())", {None}),
    (40, "def main(): raise ValueError('boom')", {"exception"}),
    (40, "def main(:", {"syntax_error"}),
    (20, "x = 1", {"no_main"}),
    (20, "def main(): return {1}", {"not_json"}),
    (40, "import os\ndef main(): os._exit(3)", {"exit"}),
    (20, "import os\ndef main(): os.abort()", {"signal"}),
    (
        40,
        "import os, time\ndef main():\n    if os.fork() == 0: time.sleep(9)\n    return 1",
        {None},
    ),
    (
        20,
        "import os, time\ndef main():\n    if os.fork() == 0:\n        os.setsid()\n"
        "        os.fork()\n        time.sleep(9)\n    return 1",
        {None},
    ),
    (
        20,
        "import threading, time\ndef main():\n    threading.Thread(target=time.sleep, "
        "args=(9,)).start()\n    return 1",
        {None},
    ),
    (20, "def main():\n    open('/tmp/left', 'w').write('x' * 10**6)\n    return 1", {None}),
    (
        20,
        "import os, socket\ndef main():\n    global kept\n"
        "    kept = [socket.socketpair(), os.pipe()]\n"
        "    return 1",
        {None},
    ),
    (10, "def main():\n    print('x' * 2_000_000)\n    return 1", {None}),
    (10, "def main(): return 'x' * 11_000_000", {"result_too_large"}),
    (10, "def main(): return b' ' * 10**10", {"memory_limit"}),
    (
        10,
        "import os, signal, time\ndef main():\n    os.kill(-1, 9)\n    return 1",
        {"exception"},
    ),
    (2, "import time\ndef main(): time.sleep(60)", {"time_limit"}),
    (1, "def main():\n    while True: pass", {"cpu_limit", "time_limit"}),
]


@dataclass
class Holdings:
    """What the service and this machine hold because of it, at rest."""

    processes: int
    descriptors: int  # Of the supervisor, the front and the zygotes: guests live for one job.
    threads: int
    mount_namespaces: int
    mounts: int
    network_namespaces: int
    cgroups: int
    zombies: int
    temporary_files: int
    rss_kib: int


def holdings(service):
    pids = [service.pid, *service.descendants()]
    lasting = [service.pid, service.front(), *service.zygotes()]
    spaces = {processes.namespace(pid, "mnt"): pid for pid in pids}
    return Holdings(
        processes=len(pids),
        descriptors=sum(processes.descriptors(pid) for pid in lasting),
        threads=sum(processes.status_kib(pid, "Threads") for pid in lasting),
        mount_namespaces=len(spaces),
        mounts=sum(processes.mounts(pid) for pid in spaces.values()),
        network_namespaces=len({processes.namespace(pid, "net") for pid in pids}),
        cgroups=len(processes.cgroups(service.pid)),
        zombies=sum(not processes.is_alive(pid) for pid in pids),
        temporary_files=len(os.listdir("/tmp")) + len(os.listdir("/dev/shm")),
        rss_kib=sum(processes.status_kib(pid, "VmRSS") for pid in lasting),
    )


def leaked(before, after):
    """What grew, by name; nothing has to be equal that a smaller number would improve."""
    grown = {}
    for field in fields(Holdings):
        then, now = getattr(before, field.name), getattr(after, field.name)
        allowed = then
        if field.name == "rss_kib":
            allowed = then * (1 + RSS_GROWTH_MAX) + RSS_SLACK_KIB
        if now > allowed:
            grown[field.name] = f"{then} -> {now}"
    return grown


def holdings_at_rest(service, before=None):
    """The holdings once they no longer shrink; with `before`, as soon as nothing has leaked."""
    deadline = time.monotonic() + SETTLE_SECONDS
    least, quiet_since = holdings(service), time.monotonic()
    while time.monotonic() < deadline and time.monotonic() - quiet_since < 2:
        if before is not None and not leaked(before, least):
            return least
        time.sleep(0.1)
        now = holdings(service)
        if now.processes < least.processes or now.descriptors < least.descriptors:
            quiet_since = time.monotonic()
        least = now
    return least


def run_jobs(service, count, seed):
    """Runs `count` jobs of the mix on kept connections; what was not as it should be."""
    weights = [row[0] for row in MIX]
    order = random.Random(seed).choices(MIX, weights, k=count)
    wrong, done, lock = [], 0, threading.Lock()

    def work():
        nonlocal done
        while True:
            with lock:
                if not order or len(wrong) > 20:
                    return
                _, script, right = order.pop()
            answer = service.execute_kept_alive(script)
            kind = None if answer.status == 200 else answer.error_type
            with lock:
                done += 1
                if kind not in right:
                    wrong.append(f"{script!r}: {answer}")
                if done % 1000 == 0:
                    print(f"{done} jobs", file=sys.__stderr__, flush=True)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


@pytest.mark.slow
@pytest.mark.seconds(1200)
def test_nothing_is_left_after_ten_thousand_jobs(own, mode):
    service = Service({"SNAPJAIL_TIME_LIMIT": "2", "SNAPJAIL_CPU_LIMIT": "1"}, mode=mode).start()
    assert run_jobs(service, 100, seed=1) == []
    before = holdings_at_rest(service)

    wrong = run_jobs(service, JOBS, seed=2)

    after = holdings_at_rest(service, before)
    print(f"after 100 jobs: {before}\nafter {JOBS} more: {after}", file=sys.__stderr__)
    assert wrong == []
    assert leaked(before, after) == {}
    assert service.execute("def main(): return 'next'").seconds < 1
    service.stop()


@pytest.mark.both_modes
def test_nothing_is_left_after_the_end(own, mode):
    """Cgroups, mounts and files of the service go with it."""
    before = (processes.mounts(os.getpid()), len(os.listdir("/dev/shm")))
    service = Service(mode=mode).start()
    assert run_jobs(service, 50, seed=3) == []
    service.stop()

    after = (processes.mounts(os.getpid()), len(os.listdir("/dev/shm")))
    assert after <= before
    assert processes.cgroups(service.pid) == []
