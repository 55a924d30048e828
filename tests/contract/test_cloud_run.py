"""What Cloud Run does to a container, done here: variables, end, CPU between requests."""

import http.client
import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from service import Service, under_way

HELLO = "def main():\n    return 'hello'\n"
CLOUD_RUN = {
    "K_SERVICE": "snapjail",
    "K_REVISION": "snapjail-00001-abc",
    "K_CONFIGURATION": "snapjail",
}
CLOUD_RUN_STOP_SECONDS = 10  # Between SIGTERM and SIGKILL.
pytestmark = pytest.mark.usefixtures("own")


def test_it_listens_on_port_and_says_that_it_is_alive_and_ready(start):
    running = start(CLOUD_RUN)

    for path in ("/health", "/ready", "/healthz", "/readyz"):
        assert running.ask("GET", path).status == 200, path
    assert running.execute(HELLO).result == "hello"


def test_no_variable_of_the_platform_is_in_a_jail(start):
    running = start(CLOUD_RUN)
    environment = running.execute("import os\ndef main(): return dict(os.environ)").result

    assert not set(CLOUD_RUN) & set(environment), environment


# The end.


class Waiting:
    """A request on a connection that the service has accepted already, and its answer."""

    def __init__(self, running):
        self.connection = http.client.HTTPConnection(running.host, running.port, timeout=30)
        self.connection.request("GET", "/health")
        response = self.connection.getresponse()
        assert response.status == 200
        response.read()

    def send(self, script):
        body = json.dumps({"script": script}).encode()
        self.connection.request("POST", "/execute", body, {"Content-Type": "application/json"})

    def status(self):
        response = self.connection.getresponse()
        value = json.loads(response.read())
        self.connection.close()
        assert response.status == 200 or value["error_type"] == "overloaded", value
        return response.status


def test_sigterm_under_load_leaves_no_accepted_request_without_its_answer(start):
    """No connection is just closed: an answer, or a refusal that says when to come again."""
    running = start({**CLOUD_RUN, "SNAPJAIL_SLOTS": "4"})
    clients = [Waiting(running) for _ in range(24)]
    for client in clients:
        client.send("import time\ndef main(): time.sleep(0.5)")
    first = clients[0].status()  # By now all the others have arrived.
    identities = running.identities()

    running.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    with ThreadPoolExecutor(len(clients)) as pool:
        statuses = [first, *pool.map(Waiting.status, clients[1:])]
    status = running.process.wait(CLOUD_RUN_STOP_SECONDS)

    assert time.monotonic() - began < CLOUD_RUN_STOP_SECONDS - 2, running.log_end()
    assert status == 0, running.log_end()
    assert statuses.count(200) >= 4, statuses  # What ran was finished.
    assert set(statuses) <= {200, 503}, statuses
    assert running.wait_gone(identities, 1) == []


def test_the_longest_job_still_fits_between_sigterm_and_sigkill(start):
    running = start(CLOUD_RUN)
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(running.execute, under_way("longest", "time.sleep(60)"))
        running.wait_under_way("longest")
        running.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert job.result().error_type == "time_limit"
    running.process.wait(CLOUD_RUN_STOP_SECONDS)

    assert time.monotonic() - began < CLOUD_RUN_STOP_SECONDS - 2


# What the container may not write.

READ_ONLY_CGROUPS = """
mount --make-rprivate /
for mounted in $(findmnt -rn -t cgroup,cgroup2 -o TARGET); do
    mount -o remount,bind,ro "$mounted"
    if mkdir "$mounted/snapjail-test" 2>/dev/null; then exit 70; fi
done
exec "$@"
"""


def test_a_read_only_cgroup_tree_is_no_obstacle():
    if os.getuid() != 0:
        pytest.skip("a mount namespace with other mounts needs root")
    running = Service(CLOUD_RUN)
    running.command = ["unshare", "--mount", "sh", "-ec", READ_ONLY_CGROUPS, "sh", *running.command]
    try:
        running.start()
        assert running.execute(HELLO).result == "hello"
    finally:
        running.kill()


# CPU between requests: with request-based billing there is next to none.


@pytest.fixture
def throttled(freezer):
    """A service that can be frozen, all its processes from the first one on."""
    running = Service(CLOUD_RUN)
    running.command = [
        "sh", "-ec", f'echo $$ > {freezer.folder}/cgroup.procs; exec "$@"', "sh", *running.command,
    ]
    running.start()
    yield running
    running.kill()


def pass_time(seconds):
    """Nobody runs meanwhile: it is the length itself that is tested."""
    threading.Event().wait(seconds)


@pytest.mark.seconds(120)
def test_frozen_between_requests_it_answers_at_once_and_right(throttled, freezer):
    """Right after an answer: in the midst of guests that end, and others that are made."""
    script = "import os\ndef main(): return [sum(range(1000)), os.listdir()]"
    expected = [499500, ["script.py"]]
    for seconds in (0.05, 0.3, 1, 3, 0.05, 0.3):
        assert {a.status for a in throttled.execute_all([HELLO] * 6)} == {200}
        with freezer.frozen():
            pass_time(seconds)
        answers = throttled.execute_all([script] * 12)
        assert [answer.json.get("result") for answer in answers] == [expected] * 12, answers


@pytest.mark.seconds(120)
def test_no_job_is_charged_for_the_time_before_it(throttled, freezer):
    """A pause that is longer than every limit of a job and of the queue, then one of each kind."""
    throttled.execute(HELLO)
    with freezer.frozen():
        pass_time(12)
    slow = "import time\ndef main():\n    time.sleep(4)\n    return 'waited'"
    busy = "import time\ndef main():\n    while time.process_time() < 0.1: pass\n    return 'busy'"

    answers = throttled.execute_all([slow, busy, HELLO, "def main(): time.sleep(60)"], 4)

    assert [a.json.get("result") for a in answers] == ["waited", "busy", "hello", None], answers
    assert answers[3].error_type == "exception"  # It forgot the import, and is told so.


def test_a_request_that_came_while_frozen_is_answered_after(throttled, freezer):
    waiting = Waiting(throttled)
    with ThreadPoolExecutor(1) as pool:
        with freezer.frozen():
            waiting.send(HELLO)
            new = pool.submit(throttled.execute, HELLO)
            pass_time(1)
            assert not new.done()
        assert new.result().result == "hello"
    assert waiting.status() == 200


@pytest.mark.seconds(120)
def test_a_job_that_is_frozen_is_charged_for_it_by_the_clock(throttled, freezer):
    """Wall time is wall time: what a client waits for stays bounded, and no other job is hit."""
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(throttled.execute, under_way("frozen", "time.sleep(60)"))
        throttled.wait_under_way("frozen")
        with freezer.frozen():
            pass_time(7)
        thawed = time.monotonic()
        assert job.result().error_type == "time_limit"
        assert time.monotonic() - thawed < 1
    assert throttled.execute(HELLO).result == "hello"


def test_the_freezer_really_stops_the_service(throttled, freezer):  # The control.
    with freezer.frozen():
        with pytest.raises(TimeoutError):
            throttled.request("GET", "/health", seconds=1)
    assert throttled.ask("GET", "/health").status == 200
