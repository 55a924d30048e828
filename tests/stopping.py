"""Stops a service that is under load, and says what became of every request that was sent to it.

Clients of short and long jobs ask without a pause, half of them on connections that are kept alive,
half on a new one for each request. Then the service is told to stop. From a client's side a request
is answered (200, 400), refused in order (503 with Retry-After, or no connection to be had), or
cut: it was sent, and the connection ended without a whole answer.
"""

import asyncio
import http.client
import io
import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass, field

from service import SCRIPT_FAULTS, check_execute_answer

# What each client asks in turn: the script, and the answer that it must have if it has one. Short
# ones alone come and go a hundred times a second: what is on its way at the end is tested by them.
SHORT = [
    ("def main(): return 'short'", "short"),
    ("import time\ndef main():\n    time.sleep(0.2)\n    return 'slept'", "slept"),
    ("def main():\n    print('x' * 100_000)\n    return list(range(2000))", list(range(2000))),
    ("def main(): raise ValueError('wrong')", "exception"),
]
# With long ones most are in the queue at the end.
MIXED = [
    *SHORT,
    ("import time\ndef main():\n    time.sleep(3)\n    return 'long'", "long"),
    ("import time\ndef main(): time.sleep(60)", "time_limit"),
    ("def main():\n    while True: pass", "cpu_limit"),
]
ANSWER_SECONDS = 30
CONNECT_SECONDS = 2  # Past it a container is gone, address and all.
CONNECT_AGAIN_SECONDS = 0.05
# There was no connection yet: refused, or reset in the midst of the handshake, when the socket was
# closed. Of a request nothing had been sent.
NOT_CONNECTED = (ConnectionRefusedError, ConnectionResetError)
LOAD_SECONDS = 4  # Until all slots are busy with long jobs, and others wait.


@dataclass
class Report:
    """Of requests that were sent, and of connections that were not to be had."""

    answered: Counter = field(default_factory=Counter)  # Before and after the word to stop alike.
    answered_after: Counter = field(default_factory=Counter)
    refused: Counter = field(default_factory=Counter)
    cut: list = field(default_factory=list)
    wrong: list = field(default_factory=list)
    under_way: int = 0  # Sent, not answered, at the word to stop.
    stop_seconds: float = 0.0

    def line(self):
        return (
            f"stopped in {self.stop_seconds:.1f} s with {self.under_way} requests under way; since "
            f"then {counted(self.answered_after)} answered, {counted(self.refused)} refused or not "
            f"connected, {len(self.cut)} cut; {len(self.wrong)} wrong answers in all"
        )

    def faults(self, seconds_max):
        """What must not be, as text."""
        found = [f"cut: {text}" for text in self.cut] + [f"wrong: {text}" for text in self.wrong]
        if self.stop_seconds >= seconds_max:
            found.append(f"it took {self.stop_seconds:.1f} s")
        if not self.under_way or not self.answered_after:
            found.append("there was no load")
        return found


def counted(counter):
    told = ", ".join(f"{name}: {number}" for name, number in sorted(counter.items()))
    return f"{sum(counter.values())} ({told})" if counter else "0"


class Clients:
    """All clients, and what they have been told."""

    def __init__(self, address, jobs):
        self.address = address
        self.jobs = jobs
        self.report = Report()
        self.stop_at = None  # When the word to stop was given.
        self.is_over = False  # It has stopped.
        self.under_way = 0

    async def client(self, number):
        """One client: asks until nobody listens any more."""
        is_kept_alive = number % 2 == 0
        streams = None
        for turn in itertools.count(number):
            script, expected = self.jobs[turn % len(self.jobs)]
            if streams is not None and streams[0].at_eof():  # Closed while nothing was asked.
                streams = self.close(streams)
            if streams is None:
                streams = await self.connect()
            if streams is None:
                return
            may_stay = await self.ask(streams, script, expected)
            if not is_kept_alive or not may_stay:
                streams = self.close(streams)

    async def connect(self):
        """Streams, or None where the service has stopped."""
        while not self.is_over:
            try:
                connecting = asyncio.open_connection(*self.address)
                return await asyncio.wait_for(connecting, CONNECT_SECONDS)
            except (OSError, asyncio.TimeoutError) as error:
                kind = type(error).__name__
                if self.stop_at is None:
                    self.report.wrong.append(f"no connection before the stop: {error}")
                elif not isinstance(error, NOT_CONNECTED) and not self.is_over:
                    self.report.wrong.append(f"no connection, and not refused: {error}")
                self.report.refused[kind] += 1
                await asyncio.sleep(CONNECT_AGAIN_SECONDS)
        return None

    @staticmethod
    def close(streams):
        streams[1].close()

    async def ask(self, streams, script, expected):
        """Sends one script. True if the connection may be used again."""
        reader, writer = streams
        body = json.dumps({"script": script}).encode()
        began = time.monotonic()
        self.under_way += 1
        try:
            writer.write(
                b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            status, headers, value = await asyncio.wait_for(read_answer(reader), ANSWER_SECONDS)
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            since = "before" if self.stop_at is None else f"{began - self.stop_at:+.3f} s after"
            self.report.cut.append(f"{type(error).__name__}, asked {since} the stop")
            return False
        finally:
            self.under_way -= 1
        self.judge(status, value, expected)
        return headers.get("Connection", "").lower() != "close"

    def judge(self, status, value, expected):
        kind = value.get("error_type", "returned")
        if kind == "overloaded":  # Its Retry-After was checked with all else.
            self.report.refused["503"] += 1
            return
        got = value["result"] if status == 200 else kind
        # A busy machine may let a script that computes reach the clock first.
        is_right = got == expected or {got, expected} <= SCRIPT_FAULTS - {"exception"}
        if not is_right:
            self.report.wrong.append(f"{status} {str(value)[:200]}, not {str(expected)[:40]}")
        self.report.answered[str(status)] += 1
        if self.stop_at is not None:
            self.report.answered_after[str(status)] += 1


async def read_answer(reader):
    """(status, headers, body's value), checked as every answer is."""
    head = await reader.readuntil(b"\r\n\r\n")
    status_line, _, rest = head.partition(b"\r\n")
    headers = http.client.parse_headers(io.BytesIO(rest))
    raw = await reader.readexactly(int(headers["Content-Length"]))
    status = int(status_line.split()[1])
    return status, headers, check_execute_answer(status, headers, raw)


async def _stop_under_load(address, stop, jobs, clients_count):
    clients = Clients(address, jobs)
    running = [asyncio.ensure_future(clients.client(n)) for n in range(clients_count)]
    await asyncio.sleep(LOAD_SECONDS)
    clients.report.refused.clear()
    clients.report.under_way = clients.under_way
    clients.stop_at = time.monotonic()
    await asyncio.get_running_loop().run_in_executor(None, stop)
    clients.report.stop_seconds = time.monotonic() - clients.stop_at
    clients.is_over = True
    await asyncio.gather(*running)
    return clients.report


def stop_under_load(address, stop, jobs, clients_count=64):
    """`stop` tells the service to stop, and returns when it has. The Report."""
    return asyncio.run(_stop_under_load(address, stop, jobs, clients_count))
