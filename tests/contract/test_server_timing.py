"""Server-Timing: where a job's time went, told to the client and to the log alike."""

import json
import re

import processes
import pytest

METRIC = r"(\w+);dur=(\d+\.\d{3})"
SLEEP = "import time\ndef main(): time.sleep(0.2)"


def times_of(answer):
    """{"queue": ms, "run": ms, "total": ms}, in that order and no more."""
    header = answer.headers["Server-Timing"]
    assert re.fullmatch(f"{METRIC}, {METRIC}, {METRIC}", header), header
    times = {name: float(digits) for name, digits in re.findall(METRIC, header)}
    assert list(times) == ["queue", "run", "total"]
    return times


def test_run_is_the_scripts_own_time(service):
    answer = service.execute(SLEEP)
    times = times_of(answer)

    assert times["run"] >= 200
    assert times["queue"] + times["run"] <= times["total"] <= answer.seconds * 1000


def test_queue_is_the_wait_for_a_guest(start):
    service = start({"SNAPJAIL_SLOTS": "1"})
    answers = service.execute_all([SLEEP] * 3, threads=3)

    assert max(times_of(answer)["queue"] for answer in answers) >= 200


@pytest.mark.parametrize(
    "script", ["def main(): 1 / 0", "def main(:", "import os\ndef main(): os._exit(3)", "x = 1"]
)
def test_a_script_that_fails_is_timed_too(service, script):
    answer = service.execute(script)

    assert answer.status == 400
    assert times_of(answer)["run"] > 0


def test_a_job_that_no_guest_took_has_waited_and_not_run(start):
    service = start({"SNAPJAIL_SLOTS": "1", "SNAPJAIL_QUEUE": "1"})
    answers = service.execute_all([SLEEP] * 8, threads=8)
    refused = [answer for answer in answers if answer.status == 503]

    assert refused
    assert {times_of(answer)["run"] for answer in refused} == {0}


def test_what_never_became_a_job_has_no_times(service):
    assert "Server-Timing" not in service.post(b"{}").headers
    assert "Server-Timing" not in service.ask("GET", "/health").headers


def test_the_log_has_the_same_numbers_under_the_same_id(start):
    service = start()
    answer = service.execute(SLEEP)
    line = f'"id":"{answer.headers["X-Request-Id"]}"'
    assert processes.wait_until(lambda: line in service.log_text(), 5)

    logged = [json.loads(text) for text in service.log_text().splitlines() if line in text]
    assert len(logged) == 1
    assert {name: logged[0][f"{name}_us"] for name in ("queue", "run", "total")} == {
        name: round(ms * 1000) for name, ms in times_of(answer).items()
    }
