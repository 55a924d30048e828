"""What happens when a process of the service dies: it is back soon, or everything ends with it."""

import http.client
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import processes
import pytest
import stopping
from service import STOP_SECONDS, under_way

HELLO = "def main():\n    return 'hello'\n"
BACK_SECONDS = 2
pytestmark = pytest.mark.usefixtures("own")


def answers_again(service, script=HELLO, seconds=BACK_SECONDS):
    """Seconds until a script gets its value; before that, an answer or a closed door."""
    began = time.monotonic()
    last = None
    while time.monotonic() - began < seconds + 10:
        try:
            last = service.execute(script, seconds=10)
            if last.status == 200:
                return time.monotonic() - began
            assert last.status in (500, 503), last
        except (OSError, http.client.HTTPException) as error:
            last = error
        time.sleep(0.02)
    raise AssertionError(f"no answer again: {last}\n{service.log_end()}")


def outcome_or_closed(service, script):
    """An answer's status, or 'closed' where the connection ended instead."""
    try:
        return service.execute(script, seconds=20).status
    except (OSError, http.client.HTTPException):
        return "closed"


def kill(pid):
    os.kill(pid, signal.SIGKILL)


@pytest.mark.both_modes
def test_a_dead_zygote_is_replaced(start):  # D-66
    service = start()
    killed = service.zygotes()
    assert killed

    for pid in killed:
        kill(pid)

    assert answers_again(service) < BACK_SECONDS
    # A script that needs the big profile waits for its imports, and no longer.
    answers_again(service, "import pandas\ndef main(): return 1\n", 10)
    assert not set(killed) & set(service.zygotes())


def test_guests_die_with_their_zygote_and_their_clients_are_told(start):
    service = start()
    with ThreadPoolExecutor(2) as pool:
        script = under_way("orphaned", "time.sleep(5)\nreturn 'survived'")
        jobs = [pool.submit(outcome_or_closed, service, script) for _ in range(2)]
        service.wait_under_way("orphaned", 2)
        guests = [
            processes.identity(pid)
            for pid in service.descendants()
            if processes.name(pid) == "orphaned"
        ]
        for pid in service.zygotes():
            kill(pid)

        assert service.wait_gone(guests, 1) == []
        began = time.monotonic()
        assert {job.result() for job in jobs} <= {400, 500, 503, "closed"}
        assert time.monotonic() - began < 3
    assert answers_again(service) < BACK_SECONDS


@pytest.mark.both_modes
def test_a_dead_front_is_replaced(start):
    service = start()
    dead = service.front()

    kill(dead)

    assert answers_again(service) < BACK_SECONDS
    assert service.front() != dead


@pytest.mark.slow
@pytest.mark.seconds(120)
@pytest.mark.both_modes
def test_no_job_of_a_new_front_pays_for_the_last_ones_end(start):
    """The new front's slots were the old one's, and zygotes of other profiles may still clean them:
    in tier `process` that ends whatever runs there."""
    service = start()
    wrong = []

    for _ in range(20):
        kill(service.front())
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            try:
                answer = service.execute(HELLO, seconds=10)
            except (OSError, http.client.HTTPException):
                continue
            wrong += [] if answer.status in (200, 503) else [answer]

    assert not wrong
    assert answers_again(service) < BACK_SECONDS


@pytest.mark.both_modes
def test_the_next_front_waits_until_the_zygotes_have_cleaned_up(freezer, start):
    """One that is frozen cannot say that nothing of its front is left. The supervisor waits for it
    two seconds at least."""
    service = start()
    zygotes = service.zygotes()
    freezer.take(zygotes[:1])
    dead = service.front()

    with freezer.frozen():
        kill(dead)
        killed = time.monotonic()
        fronts = set()
        while time.monotonic() - killed < 0.5:
            fronts |= set(service.fronts())
            time.sleep(0.02)

    assert fronts <= {dead}
    assert answers_again(service) < BACK_SECONDS
    assert set(service.zygotes()) == set(zygotes)  # The control: it was waited for, not replaced.


def test_jobs_of_a_dead_front_end_and_leave_nothing(start):
    service = start()
    before = service.settled()
    with ThreadPoolExecutor(2) as pool:
        script = under_way("frontless", "time.sleep(5)\nreturn 'survived'")
        jobs = [pool.submit(outcome_or_closed, service, script) for _ in range(2)]
        service.wait_under_way("frontless", 2)
        kill(service.front())
        assert {job.result() for job in jobs} <= {500, 503, "closed"}

    assert answers_again(service) < BACK_SECONDS
    assert processes.wait_until(
        lambda: not [p for p in service.descendants() if processes.name(p) == "frontless"], 3
    )
    assert service.settled() <= before


def test_ten_deaths_in_a_row_leak_nothing(start):
    service = start()
    before = service.settled(), processes.descriptors(service.pid)

    for _ in range(10):
        zygotes = []
        # A guest may outlive its zygote by a job: asked once, for the answer may change.
        assert processes.wait_until(lambda: zygotes.extend(service.zygotes()) or zygotes, 5)
        kill(zygotes[0])
        answers_again(service)
    kill(service.front())
    answers_again(service)

    def settled():
        return (
            len(service.descendants()) <= before[0]
            and processes.descriptors(service.pid) <= before[1]
        )

    assert processes.wait_until(settled, 10), (before, len(service.descendants()))


@pytest.mark.slow
@pytest.mark.seconds(90)
def test_a_stopped_zygote_does_not_stop_the_service_for_good(start):  # D-66
    service = start()
    stopped = service.zygotes()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(16) as pool:
            jobs = [pool.submit(outcome_or_closed, service, HELLO) for _ in range(64)]
            assert {job.result() for job in jobs} <= {200, 500, 503}
        assert service.ask("GET", "/health").status == 200
    finally:
        for pid in stopped:
            if processes.is_alive(pid):
                os.kill(pid, signal.SIGCONT)
    answers_again(service, seconds=10)


@pytest.mark.both_modes
def test_everything_ends_with_the_supervisor(start):
    service = start()
    with ThreadPoolExecutor(3) as pool:
        daemon = "if os.fork() == 0: os.setsid()\ntime.sleep(30)"
        jobs = [
            pool.submit(outcome_or_closed, service, under_way("bereft", daemon)) for _ in range(2)
        ]
        service.wait_under_way("bereft", 4)
        identities = service.identities()
        assert len(identities) >= 6

        service.process.kill()

        assert service.wait_gone(identities, 1) == []
        assert {job.result() for job in jobs} == {"closed"}
    service.process.wait()


@pytest.mark.seconds(90)
def test_sigterm_under_load_drains_and_ends_in_time(start):  # D-75
    service = start()
    mix = [HELLO, "import time\ndef main(): time.sleep(3)", "def main():\n    while True: pass"]
    with ThreadPoolExecutor(32) as pool:
        jobs = [pool.submit(outcome_or_closed, service, mix[n % 3]) for n in range(96)]
        assert processes.wait_until(lambda: any(job.done() for job in jobs), 10)
        identities = service.identities()
        service.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        status = service.process.wait(STOP_SECONDS + 5)
        took = time.monotonic() - began
        statuses = {job.result() for job in jobs}

    assert took < STOP_SECONDS, f"{took:.1f} s\n{service.log_end()}"
    assert status == 0, service.log_end()
    assert statuses <= {200, 400, 503, "closed"}, statuses
    assert service.wait_gone(identities, 1) == []


@pytest.mark.parametrize("jobs", [stopping.SHORT, stopping.MIXED], ids=["short", "mixed"])
def test_a_stop_under_load_cuts_no_request(start, jobs):  # D-75
    service = start()

    def stop():
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(STOP_SECONDS + 5)

    report = stopping.stop_under_load((service.host, service.port), stop, jobs)

    assert report.faults(STOP_SECONDS) == [], (report.line(), service.log_end())
    assert service.process.returncode == 0


def test_a_job_that_outlasts_the_drain_is_answered_too(start):  # D-75
    """A limit of half a minute, where a platform gives ten seconds."""
    service = start({"SNAPJAIL_TIME_LIMIT": "30", "SNAPJAIL_DRAIN_TIME": "1.5"})
    assert '"event":"drain_may_end_jobs"' in service.log_text()
    long = under_way("long", "print('begun', flush=True)\ntime.sleep(20)")
    short = under_way("short", "time.sleep(1)\nreturn 'finished'")
    with ThreadPoolExecutor(4) as pool:
        longs = [pool.submit(service.execute, long) for _ in range(2)]
        shorts = [pool.submit(service.execute, short) for _ in range(2)]
        service.wait_under_way("long", 2)
        service.wait_under_way("short", 2)
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        status = service.process.wait(STOP_SECONDS)
        took = time.monotonic() - began

    assert 1.4 < took < STOP_SECONDS, f"{took:.1f} s\n{service.log_end()}"
    assert status == 0, service.log_end()
    assert [job.result().json.get("result") for job in shorts] == ["finished"] * 2
    for answer in (job.result() for job in longs):
        assert (answer.status, answer.error_type) == (500, "internal"), answer
        assert answer.json["stdout"] == "begun\n"


def test_a_second_sigterm_does_not_cut_the_drain_short_uncleanly(start):
    service = start()
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(outcome_or_closed, service, under_way("twice", "time.sleep(1)"))
        service.wait_under_way("twice")
        identities = service.identities()
        service.process.send_signal(signal.SIGTERM)
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(STOP_SECONDS)
        assert job.result() in (200, "closed")
    assert service.wait_gone(identities, 1) == []


# Tier `process`: puts guests into their places (CAP_KILL, SETGID, SETUID, SETPCAP, SYS_CHROOT).
SLOT_KEEPERS = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 18


def test_no_process_of_the_service_has_a_capability_that_it_does_not_need(start, tier):
    """The front parses what strangers send: it may do nothing. A guest neither."""
    service = start()
    service.execute(HELLO)
    service.wait_all_guests_wait()  # One that is being jailed still has what it is about to lose.
    zygotes = service.zygotes()

    for pid in service.descendants():
        if pid in zygotes and tier == "full":
            continue  # It has all, in a namespace that owns nothing.
        if "python" not in processes.command_line(pid) and pid != service.front():
            continue
        lines = dict(
            line.split(":", 1)
            for line in open(f"/proc/{pid}/status", encoding="utf-8").read().splitlines()
        )
        told = f"{pid} {processes.command_line(pid)}"
        assert lines["NoNewPrivs"].strip() == "1", told
        assert lines["Seccomp"].strip() == "2", told
        for capabilities in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            needed = SLOT_KEEPERS if pid in zygotes else 0
            assert int(lines[capabilities], 16) & ~needed == 0, f"{told}: {capabilities}"
