"""The Dockerfile, as far as no engine is needed: its health check, and what it copies."""

import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager

import pytest
import yaml
from chart import CHART, REPOSITORY

# An instruction a line, as the builder reads it: comments go, continued lines are joined.
TEXT = re.sub(r"(?m)^#.*\n", "", (REPOSITORY / "Dockerfile").read_text()).replace("\\\n", "")


def instructions(name):
    return re.findall(rf"(?m)^{name} +(.*)$", TEXT)


# The health check, run as it is written.


class Probe(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(self.server.status if self.path == "/ready" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def serving(host, status=200, port=0):
    """A service that answers /ready with `status`; its port."""
    server = http.server.ThreadingHTTPServer.__new__(http.server.ThreadingHTTPServer)
    server.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server.__init__((host, port), Probe)
    server.status = status
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def is_healthy(**variables):
    (check,) = instructions("HEALTHCHECK")
    command = json.loads(check[check.index("["):])
    return subprocess.run(command, env=variables, timeout=10, capture_output=True).returncode == 0


@pytest.mark.parametrize(("listens_on", "told"), [
    ("127.0.0.1", "0.0.0.0"), ("127.0.0.1", ""), ("127.0.0.1", "127.0.0.1"),
    ("127.0.0.2", "127.0.0.2"), ("::1", "::"), ("::1", "::1"),
])
def test_the_check_asks_where_the_service_listens(listens_on, told):
    with serving(listens_on) as port:
        assert is_healthy(PORT=str(port), SNAPJAIL_HOST=told)


def test_the_check_says_no_where_it_should():
    with serving("127.0.0.1", status=503) as port:
        assert not is_healthy(PORT=str(port))
    assert not is_healthy(PORT=str(port)), "nobody listens"
    with serving("127.0.0.2") as port:
        assert not is_healthy(PORT=str(port), SNAPJAIL_HOST="127.0.0.1")


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_the_check_asks_no_proxy(name):
    with serving("127.0.0.1") as port, serving("127.0.0.1", status=502) as proxy:
        assert is_healthy(PORT=str(port), **{name: f"http://127.0.0.1:{proxy}"})


@pytest.mark.parametrize("variables", [{}, {"PORT": ""}])
def test_without_a_port_the_check_asks_8080(variables):
    try:
        with serving("127.0.0.1", port=8080):
            assert is_healthy(**variables)
    except OSError as error:
        pytest.skip(f"port 8080: {error}")


# What it is built from.


def test_the_labels_have_the_projects_version():
    (labels,) = instructions("LABEL")
    (version,) = re.findall(r'image\.version="([^"]*)"', labels)

    assert f"project(snapjail VERSION {version} " in (REPOSITORY / "CMakeLists.txt").read_text()
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == version
    assert 'image.revision="$REVISION"' in labels and 'REVISION=""' in instructions("ARG")


def copied():
    """What each COPY takes from the repository."""
    plain = [line.split() for line in instructions("COPY") if not line.startswith("--from")]
    return {source for line in plain for source in line[:-1]}


def test_pages_tests_and_benchmarks_do_not_compile_the_program_anew():
    for source in copied():
        assert source.split("/")[0] not in {".", "docs", "tests", "bench", "deploy"}, source


def test_what_is_copied_is_not_ignored():
    ignored = (REPOSITORY / ".dockerignore").read_text().split()

    assert not {source.split("/")[0] for source in copied()} & set(ignored)


@pytest.mark.seconds(300)
def test_what_is_copied_is_enough_to_build_it(tmp_path):
    """CMake configures it, and ninja finds every source."""
    for source in copied():
        target = tmp_path / source
        target.parent.mkdir(parents=True, exist_ok=True)
        taken = REPOSITORY / source
        (shutil.copytree if taken.is_dir() else shutil.copy)(taken, target)
    environment = {**os.environ, "CCACHE_DISABLE": "1"}
    for command in (["cmake", "--preset", "release"],
                    ["ninja", "-C", "build/release", "-n", "snapjail"]):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True,
                              text=True)
        assert done.returncode == 0, done.stderr + done.stdout
