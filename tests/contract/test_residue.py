"""Ten thousand jobs later the service holds what it held after a hundred."""

import os
import random
import sys
import threading

import processes
import pytest
from holdings import holdings_at_rest, leaked
from service import Service

JOBS = int(os.environ.get("SNAPJAIL_RESIDUE_JOBS", "10000"))
THREADS = 4

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
    (20, "def main():\n    open('left', 'w').write('x' * 10**6)\n    return 1", {None}),
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
        # Nobody to signal in a namespace of its own; nobody whom it may, without one: then the
        # kernel says that all went well.
        "import os, signal, time\ndef main():\n    os.kill(-1, 9)\n    return 1",
        {"exception", None},
    ),
    (2, "import time\ndef main(): time.sleep(60)", {"time_limit"}),
    (1, "def main():\n    while True: pass", {"cpu_limit", "time_limit"}),
]


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
