"""Start, settings, probes, stop: the service as an operator meets it."""

import json
import os
import re
import signal
import socket
import subprocess
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import processes
import pytest
from service import BINARY, CANARY, REPOSITORY, STOP_SECONDS, Service, under_way

HELLO = "def main():\n    return 'hello'\n"
REFUSAL_SECONDS = 20  # A start that fails must say so soon; importing NumPy comes first.


def assert_refuses_to_start(launch, names, environment=None, arguments=()):
    """It ends by itself with an error that names the cause."""
    running = launch(environment, arguments)
    try:
        status = running.process.wait(REFUSAL_SECONDS)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"it runs:\n{running.log_end()}") from None
    assert 0 < status < 128, running.log_end()
    for name in names:
        assert name in running.log_text(), running.log_end()


# The probes.


@pytest.mark.both_modes
@pytest.mark.parametrize("path", ["/health", "/healthz", "/ready", "/readyz"])
def test_the_probes_answer_ok_while_it_serves(service, path):
    assert service.ask("GET", path).status == 200


def test_health_answers_while_all_guests_are_busy(service):
    sleep = "import time\ndef main(): time.sleep(1.5)"
    with ThreadPoolExecutor(64) as pool:
        jobs = [pool.submit(service.execute, sleep) for _ in range(64)]
        answers = [service.ask("GET", "/health") for _ in range(20)]
        [job.result() for job in jobs]

    assert {answer.status for answer in answers} == {200}
    assert max(answer.seconds for answer in answers) < 1


def test_health_names_the_isolation(service):
    assert re.search(r"\b(full|process)\b", service.ask("GET", "/health").raw.decode())


@pytest.mark.both_modes
def test_once_ready_the_first_job_is_answered(start):
    running = start()

    assert running.execute(HELLO).result == "hello"


def test_it_is_not_ready_before_it_can_run_a_job(launch):
    """Alive comes first, or at once with ready; never a 200 from /ready and then no answer."""
    running = launch()
    seen = set()

    def probe():
        try:
            seen.add(running.request("GET", "/ready", seconds=2)[0])
        except OSError:
            seen.add("refused")
        return 200 in seen

    assert processes.wait_until(probe, 60, 0.005), running.log_end()
    assert seen <= {"refused", 503, 200}
    assert running.execute(HELLO).result == "hello"


# Where it listens.


def listening_addresses(port):
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            address, _, number = local.rpartition(":")
            if state == "0A" and int(number, 16) == port:
                found.add(address)
    return found


def test_it_listens_on_the_loopback_address_only(own, service):
    assert listening_addresses(service.port) == {"0100007F"}


def test_it_listens_elsewhere_only_where_told_so(start):
    running = start({"SNAPJAIL_HOST": "127.0.0.2"})
    running.host = "127.0.0.2"

    assert listening_addresses(running.port) == {"0200007F"}
    assert running.execute(HELLO).result == "hello"


@pytest.fixture
def start(launch):  # pylint: disable=function-redefined
    """Like conftest's, but finds the service where SNAPJAIL_HOST puts it."""

    def make(environment=None, arguments=(), **how):
        running = launch(environment, arguments, **how)
        running.host = (environment or {}).get("SNAPJAIL_HOST", "127.0.0.1")
        running.wait_ready()
        return running

    return make


# Settings that are refused.


@pytest.mark.parametrize("value", ["0", "", "no", "false", "2"])
def test_there_is_no_way_to_run_a_script_unjailed(launch, value):
    assert_refuses_to_start(launch, ["USE_NSJAIL"], {"USE_NSJAIL": value})


def test_use_nsjail_1_is_the_only_value_accepted(start):  # The positive control.
    assert start({"USE_NSJAIL": "1"}).execute(HELLO).result == "hello"


@pytest.mark.parametrize("value", ["/nonexistent/python", "/etc/passwd", "/bin/true", "/"])
def test_a_python_that_is_none_is_refused_by_name(launch, value):
    assert_refuses_to_start(launch, [value], {"PYTHON_BIN": value})


@pytest.mark.parametrize("value", ["x", "-1", "65536", "80 80"])
def test_a_port_that_is_none_is_refused(launch, value):
    assert_refuses_to_start(launch, ["PORT"], {"PORT": value})


def test_a_port_in_use_is_refused(launch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_refuses_to_start(launch, [port], {"PORT": port})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SNAPJAIL_TIME_LIMIT", "0"),
        ("SNAPJAIL_TIME_LIMIT", "-1"),
        ("SNAPJAIL_TIME_LIMIT", "nan"),
        ("SNAPJAIL_TIME_LIMIT", "inf"),
        ("SNAPJAIL_TIME_LIMIT", "1e308"),
        ("SNAPJAIL_TIME_LIMIT", "x"),
        ("SNAPJAIL_CPU_LIMIT", "0"),
        ("SNAPJAIL_CPU_LIMIT", "-1"),
        ("SNAPJAIL_CPU_LIMIT", "1.5x"),
        ("SNAPJAIL_MEMORY_LIMIT", "0"),
        ("SNAPJAIL_MEMORY_LIMIT", "-1"),
        ("SNAPJAIL_MEMORY_LIMIT", "99999999999999999999"),
        ("SNAPJAIL_SLOTS", "0"),
        ("SNAPJAIL_SLOTS", "-1"),
        ("SCRIPT_BYTES_MAX", "0"),
        ("SCRIPT_BYTES_MAX", "x"),
        ("SNAPJAIL_ISOLATION", "none"),
        ("SNAPJAIL_HOST", "not an address"),
    ],
)
def test_a_limit_that_is_none_is_refused_by_name(
    launch, name, value
):  # D-29: 0 is never unlimited.
    flag = name.removeprefix("SNAPJAIL_").lower().replace("_", "-")
    running = launch({name: value})
    try:
        status = running.process.wait(REFUSAL_SECONDS)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"it runs:\n{running.log_end()}") from None
    assert 0 < status < 128, running.log_end()
    assert name in running.log_text() or flag in running.log_text(), running.log_end()


def test_an_unknown_flag_is_refused(launch):
    assert_refuses_to_start(launch, ["--no-such-flag"], None, ["--no-such-flag"])


def test_a_configuration_that_is_not_there_is_refused_by_name(launch):
    assert_refuses_to_start(launch, ["/nonexistent.cfg"], {"NSJAIL_CONFIG": "/nonexistent.cfg"})


@pytest.mark.parametrize("text", ["time_limit: [", "no_such_field: 3", "time_limit: 'x'", "{"])
def test_a_configuration_with_a_mistake_is_refused_with_its_line(launch, tmp_path, text):
    config = tmp_path / "mistake.cfg"
    config.write_text(f'name: "x"\n{text}\n')
    running = launch({"NSJAIL_CONFIG": str(config)})

    assert running.process.wait(REFUSAL_SECONDS) > 0, running.log_end()
    assert re.search(r"\b2\b|:2", running.log_text()), running.log_end()


# Settings that are taken.


def test_help_shows_flags_and_their_environment(own):
    shown = subprocess.run([BINARY, "serve", "--help"], capture_output=True, text=True, timeout=10)

    assert shown.returncode == 0
    for word in (
        "--time-limit",
        "SNAPJAIL_TIME_LIMIT",
        "--slots",
        "SNAPJAIL_SLOTS",
        "PORT",
        "PYTHON_BIN",
        "NSJAIL_CONFIG",
        "WRAPPER_PATH",
        "SNAPJAIL_HOST",
        "--mode",
    ):
        assert word in shown.stdout, word


def test_the_script_limit_is_a_setting(start):  # D-24
    running = start({"SCRIPT_BYTES_MAX": "100"})

    assert running.execute(HELLO + "#" * (100 - len(HELLO))).result == "hello"
    assert running.execute(HELLO + "#" * (101 - len(HELLO))).outcome == (413, "script_too_large")


def test_a_flag_says_the_same_as_the_environment(start):
    running = start(None, ["--time-limit=0.5"])
    answer = running.execute("import time\ndef main(): time.sleep(60)")

    assert answer.outcome == (400, "time_limit"), answer
    assert answer.seconds < 1.5


def default_configuration():
    found = sorted((REPOSITORY / "config").glob("*.cfg"))
    if not found:
        pytest.skip("config/ holds no nsjail configuration to start from")
    return found[0].read_text()


def test_the_time_limit_comes_from_the_nsjail_configuration(start, tmp_path):
    text = re.sub(r"(?m)^\s*time_limit:.*$", "", default_configuration()) + "\ntime_limit: 1\n"
    (tmp_path / "short.cfg").write_text(text)
    running = start({"NSJAIL_CONFIG": str(tmp_path / "short.cfg")})

    assert running.execute("import time\ndef main(): time.sleep(60)").error_type == "time_limit"
    assert running.execute(HELLO).result == "hello"


# A user's own wrapper.

WRAPPER = textwrap.dedent("""
    # A wrapper as users have it: python wrapper.py script.py result.json
    import json, runpy, sys
    names = runpy.run_path(sys.argv[1], run_name="wrapped")
    with open(sys.argv[2], "w") as file:
        json.dump({"wrapped": names["main"](), "name": names["__name__"]}, file)
    """)


@pytest.mark.both_modes
def test_a_users_own_wrapper_runs_the_script(start, tmp_path):
    (tmp_path / "wrapper.py").write_text(WRAPPER)
    running = start({"WRAPPER_PATH": str(tmp_path / "wrapper.py")})

    answer = running.execute("import numpy\ndef main():\n    print('hi')\n    return 7\n")
    assert answer.json == {"result": {"wrapped": 7, "name": "wrapped"}, "stdout": "hi\n"}
    assert running.execute("def main(): return {1}").status == 400
    assert running.execute(HELLO).result["wrapped"] == "hello"


def test_a_wrapper_that_is_not_there_is_refused_by_name(launch):
    assert_refuses_to_start(launch, ["/nonexistent.py"], {"WRAPPER_PATH": "/nonexistent.py"})


# The log.


def test_the_log_is_json_lines_without_scripts_or_secrets(start):
    running = start()
    marker = "marker_in_the_script"
    running.execute(
        f"# {marker}\ndef main():\n    print('{marker}')\n    raise ValueError('{marker}')\n"
    )
    running.post(b'{"script": 3, "' + marker.encode() + b'": 1}')
    running.execute("def main(): __import__('os').abort()")
    lines = running.log_text().splitlines()

    assert lines
    for line in lines:
        assert isinstance(json.loads(line), dict), line
    assert marker not in running.log_text()
    assert CANARY not in running.log_text()


# The end.


@pytest.mark.both_modes
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_with_everything_below_it(start, number):
    running = start()
    running.execute(HELLO)
    identities = running.identities()

    running.process.send_signal(number)

    assert running.process.wait(5) == 0, running.log_end()
    assert running.wait_gone(identities, 1) == []


def test_a_signal_before_it_is_ready_ends_it_too(launch):
    running = launch()
    assert processes.wait_until(lambda: running.descendants() or running.process.poll(), 10, 0.001)
    identities = running.identities()

    running.process.send_signal(signal.SIGTERM)

    assert running.process.wait(STOP_SECONDS) is not None
    assert running.wait_gone(identities, 1) == []


def test_a_job_under_way_is_answered_before_the_end(start):  # D-75
    running = start()
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(running.execute, under_way("finishing", "time.sleep(1.5)\nreturn 'done'"))
        running.wait_under_way("finishing")
        running.process.send_signal(signal.SIGTERM)
        assert job.result().result == "done"
    assert running.process.wait(STOP_SECONDS) == 0


def test_no_new_work_is_taken_while_it_drains(start):  # D-75
    running = start()
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(running.execute, under_way("draining", "time.sleep(2)\nreturn 'done'"))
        running.wait_under_way("draining")
        running.process.send_signal(signal.SIGTERM)
        assert processes.wait_until(lambda: not running.is_ready(), 1)
        try:
            assert running.execute(HELLO).outcome == (503, "overloaded")
        except ConnectionError:
            pass  # It listens no more.
        assert job.result().result == "done"
    assert running.process.wait(STOP_SECONDS) == 0


def test_two_services_run_side_by_side(start):
    first, second = start(), start()

    assert first.execute(HELLO).result == second.execute(HELLO).result == "hello"
    assert not {pid for pid in first.descendants()} & {pid for pid in second.descendants()}


def test_it_starts_as_an_ordinary_user(own, tmp_path):
    """Root is for more layers, not a condition."""
    if os.getuid() != 0:
        pytest.skip("these tests run as an ordinary user already")
    running = Service()
    running.command = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        *running.command,
    ]
    running.launch()
    try:
        processes.wait_until(
            lambda: running.is_ready() or running.process.poll() is not None, 60, 0.1
        )
        if running.process.poll() is not None:
            assert running.process.returncode > 0, running.log_end()
            pytest.skip(f"this host does not let an ordinary user: {running.log_end()[-300:]}")
        tier = running.ask("GET", "/health").json["tier"]
        uid = running.execute("import os\ndef main(): return os.getuid()").result
        assert uid == (1000 if tier == "full" else 65534)
    finally:
        running.kill()
