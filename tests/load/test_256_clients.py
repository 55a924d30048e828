"""256 clients at once, some of them hostile: the others get what they asked for, or a Retry-After.

    SNAPJAIL_LOAD_SECONDS=180 python -m pytest tests/load -s

Half a minute by default. Each client asks again as soon as it is answered. One job in twenty never
ends by itself, one in twenty takes memory until there is none, one in fifty forks without end. What
the service holds is looked at before and after. docs/load.md has the figures of a long run.
"""

import asyncio
import http.client
import io
import json
import os
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import processes
import pytest
from holdings import holdings_at_rest, leaked
from service import SCRIPT_FAULTS, Service, check_execute_answer

SECONDS = int(os.environ.get("SNAPJAIL_LOAD_SECONDS", "30"))
CLIENTS = 256
WARM_UP_SECONDS = 5  # Buffers of so many connections are made once; the service keeps them.
PROGRESS_SECONDS = 5
ANSWER_SECONDS = 60  # The queue's patience and the time limit, on a machine that is more than full.
SEED = 20  # The order of jobs is the same in each run.

LOOP = "def main():\n    while True: pass\n"
MEMORY_BOMB = "def main():\n    kept = []\n    while True: kept.append(bytearray(10_000_000))\n"
FORK_BOMB = (
    "import os\ndef main():\n    while True:\n        try: os.fork()\n"
    "        except OSError: pass\n"
)
# (per cent, script, outcomes that are right). The rest are good ones.
BAD = [
    (5, LOOP, {"cpu_limit", "time_limit"}),
    (5, MEMORY_BOMB, {"memory_limit", "cpu_limit", "time_limit"}),
    (2, FORK_BOMB, {"cpu_limit", "time_limit"}),
]


def good_job(number):
    """(script, result, stdout): no two alike, so that no answer passes for another's."""
    kinds = [
        (f"def main(): return {number} * 3", number * 3, ""),
        (
            f"def main():\n    print('number', {number})\n    return {{'n': [{number}]}}",
            {"n": [number]},
            f"number {number}\n",
        ),
        (
            f"import numpy\ndef main(): return int(numpy.arange({number % 1000}).sum()) + {number}",
            sum(range(number % 1000)) + number,
            "",
        ),
        (
            "import pandas\ndef main():\n"
            f"    frame = pandas.DataFrame({{'k': list('aba'), 'v': [{number}, 2, 3]}})\n"
            "    return frame.groupby('k')['v'].sum().to_dict()",
            {"a": number + 3, "b": 2},
            "",
        ),
        (
            f"def main():\n    with open('own', 'x') as f: f.write('{number}')\n"
            "    return open('own').read()",
            str(number),
            "",
        ),
    ]
    return kinds[number % len(kinds)]


@dataclass
class Tally:
    """What became of all jobs so far."""

    good_seconds: list = field(default_factory=list)  # Of those that were answered with 200.
    refused: Counter = field(default_factory=Counter)  # By status and kind.
    bad: Counter = field(default_factory=Counter)  # Outcomes of the hostile ones.
    wrong: list = field(default_factory=list)

    def line(self):
        return (
            f"{len(self.good_seconds)} good answered, {sum(self.bad.values())} bad ended, "
            f"{sum(self.refused.values())} refused, {len(self.wrong)} wrong; "
            f"p50 {self.percentile(0.5):.3f} s, p99 {self.percentile(0.99):.3f} s"
        )

    def percentile(self, share):
        times = sorted(self.good_seconds)
        return times[min(len(times) - 1, int(len(times) * share))] if times else 0.0


class Connection:
    """One kept-alive connection that asks POST /execute; as little work as can be."""

    def __init__(self, service):
        self.service = service
        self.streams = None

    async def execute(self, script):
        """(status, headers, body's value)."""
        if self.streams is None:
            self.streams = await asyncio.open_connection(self.service.host, self.service.port)
        reader, writer = self.streams
        body = json.dumps({"script": script}).encode()
        writer.write(
            b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        status_line, _, rest = head.partition(b"\r\n")
        headers = http.client.parse_headers(io.BytesIO(rest))
        raw = await reader.readexactly(int(headers["Content-Length"]))
        status = int(status_line.split()[1])
        if headers.get("Connection", "").lower() == "close":
            self.close()
        return status, headers, check_execute_answer(status, headers, raw)

    def close(self):
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None


async def ask(connection, tally, numbers, percent, hostile):
    """One job, good or bad by its place among a hundred, and what is to be said of its answer."""
    for share, script, right in hostile:
        if percent < share:
            status, _, value = await connection.execute(script)
            kind = value.get("error_type", "returned")
            if kind == "overloaded":
                tally.refused["bad"] += 1
            else:
                tally.bad[kind] += 1
                if status != 400 or kind not in right or kind not in SCRIPT_FAULTS:
                    tally.wrong.append((script, status, value))
            return
        percent -= share
    script, result, stdout = good_job(next(numbers))
    began = time.monotonic()
    status, _, value = await connection.execute(script)
    if status == 200 and value == {"result": result, "stdout": stdout}:
        tally.good_seconds.append(time.monotonic() - began)
    elif value.get("error_type") == "overloaded":  # Its Retry-After was checked with all else.
        tally.refused["good"] += 1
    else:
        tally.wrong.append((script, status, value))


async def load(service, seconds, tally, hostile=BAD):
    """Until the time is over and every client has had its last answer."""
    numbers = iter(range(10**9))
    deadline = time.monotonic() + seconds

    async def client(seed):
        connection, chance = Connection(service), random.Random(seed)
        while time.monotonic() < deadline and len(tally.wrong) < 20:
            try:
                asking = ask(connection, tally, numbers, chance.random() * 100, hostile)
                await asyncio.wait_for(asking, ANSWER_SECONDS)
            except (OSError, EOFError, asyncio.TimeoutError) as error:
                tally.wrong.append(("no answer", repr(error)))
                connection.close()
        connection.close()

    async def progress():
        began = time.monotonic()
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            say(f"{time.monotonic() - began:4.0f} s: {tally.line()}")

    telling = asyncio.ensure_future(progress())
    await asyncio.gather(*(client(SEED * CLIENTS + n) for n in range(CLIENTS)))
    telling.cancel()


def say(text):
    print(text, file=sys.__stderr__, flush=True)


@pytest.mark.slow
@pytest.mark.seconds(SECONDS + 240)
def test_256_clients_some_hostile_are_answered_rightly_or_refused(own, mode):
    service = Service(mode=mode).start()
    # Good ones only: what a fork bomb has left takes a busy machine a while to bury.
    asyncio.run(load(service, WARM_UP_SECONDS, Tally(), hostile=[]))
    before = holdings_at_rest(service)
    tally = Tally()

    asyncio.run(load(service, SECONDS, tally))

    after = holdings_at_rest(service, before)
    say(f"{SECONDS} s with {CLIENTS} clients: {tally.line()}")
    say(f"refused {dict(tally.refused)}, bad ended {dict(tally.bad)}")
    say(f"before: {before}\nafter:  {after}")
    assert not tally.wrong, tally.wrong[:5]
    assert tally.good_seconds and tally.bad
    assert leaked(before, after) == {}
    assert processes.wait_until(
        lambda: service.execute("def main(): return 'next'").seconds < 0.5, 10
    )
    service.stop()
