"""Fixtures and reporting: one service for the session, others for tests that need their own."""

import os
import re
import signal

import pytest
import service as service_module
from freezer import Freezer
from service import BINARY, PYTHON, Service, client_of_url

URL = os.environ.get("SNAPJAIL_URL")
TEST_SECONDS = 60  # A test that hangs fails; only those marked `seconds` may take longer.


def pytest_addoption(parser):
    parser.addoption(
        "--mode", choices=("warm", "cold"), default="warm", help="how the service starts guests"
    )


def pytest_report_header(config):
    if URL:
        return f"service: {URL} (SNAPJAIL_URL), not ours to stop"
    return f"service: {BINARY} --mode={config.getoption('--mode')}, python: {PYTHON}"


@pytest.fixture(scope="session")
def mode(request):
    return request.config.getoption("--mode")


@pytest.fixture(scope="session")
def service(mode):
    """The shared service with the contract's defaults."""
    if URL:
        running = client_of_url(URL)
        running.refuse_unjailed()
        yield running
        return
    running = Service(mode=mode).start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def tier(service):
    """`full` or `process`, as the service itself says it."""
    return service.ask("GET", "/health").json["tier"]


@pytest.fixture(scope="session")
def kernel(service):
    """`linux` or `gvisor`, as the service itself says it."""
    return service.ask("GET", "/health").json["kernel"]


@pytest.fixture(autouse=True)
def skip_in_gvisor(request):
    """What Linux alone can give: docs/gvisor.md says what is there instead."""
    marker = request.node.get_closest_marker("linux")
    if marker and request.getfixturevalue("kernel") != "linux":
        pytest.skip(f"gVisor: {marker.args[0]}")


@pytest.fixture(autouse=True)
def skip_without_namespaces(request):
    """A few promises are namespaces' own: tier `process` does not make them, and says so."""
    marker = request.node.get_closest_marker("full_tier")
    if marker and request.getfixturevalue("tier") != "full":
        pytest.skip(f"tier process: {marker.args[0]}")


@pytest.fixture(scope="session")
def departures(service):
    """In what this host's jobs differ from the contract, as the service itself says it."""
    return service.ask("GET", "/health").json["departures"]


@pytest.fixture(autouse=True)
def skip_departures(request):
    """Few promises take more than every host gives. test_module_semantics.py holds the service to
    what it says here: each departure is looked for, and no other is there."""
    marker = request.node.get_closest_marker("promised")
    if marker and marker.args[0] in request.getfixturevalue("departures"):
        pytest.skip(f"this host: {request.getfixturevalue('departures')[marker.args[0]]}")


@pytest.fixture(scope="session")
def is_script(execute, departures):
    """Tells the file that a script stands in from all others."""
    pattern = "/tmp/script[.]py"
    if "tmp" in departures:
        folder = execute("import os\ndef main(): return os.getcwd()").result
        pattern = re.escape(os.path.dirname(folder)) + "/[0-9]+/script[.]py"
    return lambda path: re.fullmatch(pattern, path) is not None


@pytest.fixture(scope="session")
def execute(service):
    return service.execute


@pytest.fixture(scope="session")
def own():
    """For tests that look at the service's processes or settings: there must be some of ours."""
    if URL:
        pytest.skip("SNAPJAIL_URL is set: this test has to start a service of its own")


@pytest.fixture(scope="session")
def impatient(own, mode):
    """A service with a limit of one second, so that an endless script costs one second."""
    running = Service({"SNAPJAIL_TIME_LIMIT": "1", "SNAPJAIL_CPU_LIMIT": "1"}, mode=mode).start()
    yield running
    running.stop()


@pytest.fixture
def launch(own, mode):
    """Makes services for this test alone; what it leaves running is ended without a verdict."""
    started = []

    def make(environment=None, arguments=(), mode=mode):
        started.append(Service(environment, arguments, mode))
        return started[-1].launch()

    yield make
    for one in started:
        one.kill()


@pytest.fixture
def start(launch):
    """Like `launch`, and waits until the service is ready."""

    def make(environment=None, arguments=(), **how):
        running = launch(environment, arguments, **how)
        running.wait_ready()
        running.refuse_unjailed()
        return running

    return make


@pytest.fixture
def freezer():
    """Asked for before the service whose processes it takes: what is in it ends first."""
    made = Freezer()
    yield made
    made.remove()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    marker = item.get_closest_marker("seconds")
    seconds = marker.args[0] if marker else TEST_SECONDS

    def fail(_signal, _frame):
        raise AssertionError(f"the test took longer than {seconds} s")

    previous = signal.signal(signal.SIGALRM, fail)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """Skips beyond SNAPJAIL_SKIPS_ALLOWED fail the run: a capable host has none."""
    allowed = os.environ.get("SNAPJAIL_SKIPS_ALLOWED")
    if allowed is not None and counts(session.config)["skipped"] > int(allowed):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def counts(config):
    stats = config.pluginmanager.get_plugin("terminalreporter").stats
    return {
        "passed": len(stats.get("passed", [])),
        "failed": len(stats.get("failed", [])) + len(stats.get("error", [])),
        "skipped": len(stats.get("skipped", [])),
    }


def pytest_unconfigure(config):
    """The very last line, alone, for scripts that read it."""
    if config.pluginmanager.get_plugin("terminalreporter") is None or config.option.collectonly:
        return
    for one in list(service_module.Service.owned.values()):
        one.kill()
    print(", ".join(f"{number} {word}" for word, number in counts(config).items()))
