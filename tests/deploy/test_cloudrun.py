"""deploy/cloudrun/service.yaml: each line is where Cloud Run reads it, and the numbers fit."""

import re

import pytest
import yaml
from chart import REPOSITORY
from serve_help import defaults, variables

# Between SIGTERM and SIGKILL there; and what the service may take after its drain.
STOP_SECONDS, AFTER_DRAIN_SECONDS = 10, 1
STARTUP_SECONDS_MAX = 240  # Of a probe there, failureThreshold x periodSeconds.
# Where the reference of Cloud Run's YAML has them. One in the other place is kept and not read.
OF_THE_SERVICE = {"run.googleapis.com/ingress", "run.googleapis.com/invoker-iam-disabled"}
OF_A_REVISION = {
    "run.googleapis.com/execution-environment",
    "run.googleapis.com/cpu-throttling",
    "run.googleapis.com/startup-cpu-boost",
    "autoscaling.knative.dev/minScale",
    "autoscaling.knative.dev/maxScale",
}


@pytest.fixture(scope="module")
def service():
    return yaml.safe_load((REPOSITORY / "deploy/cloudrun/service.yaml").read_text())


@pytest.fixture
def revision(service):
    return service["spec"]["template"]


@pytest.fixture
def container(revision):
    (only,) = revision["spec"]["containers"]
    return only


@pytest.fixture
def settings(container):
    """What the service takes there: its defaults, and what the file sets."""
    return {**defaults(), **{one["name"]: one["value"] for one in container["env"]}}


def test_every_annotation_is_where_cloud_run_reads_it(service, revision):
    assert set(service["metadata"]["annotations"]) == OF_THE_SERVICE
    assert set(revision["metadata"]["annotations"]) == OF_A_REVISION


def test_annotations_and_variables_are_strings(service, revision, container):
    """A bare `false` or `1` is refused by the API."""
    annotations = {**service["metadata"]["annotations"], **revision["metadata"]["annotations"]}
    values = [*annotations.values(), *(one["value"] for one in container["env"])]

    assert [value for value in values if not isinstance(value, str)] == []


def test_the_second_generation_is_pinned(revision):
    annotation = revision["metadata"]["annotations"]["run.googleapis.com/execution-environment"]

    assert annotation == "gen2"


def test_between_requests_there_is_cpu(revision):
    assert revision["metadata"]["annotations"]["run.googleapis.com/cpu-throttling"] == "false"


def test_who_has_no_token_may_not_call(service):
    annotations = service["metadata"]["annotations"]

    assert annotations["run.googleapis.com/invoker-iam-disabled"] == "false"


def test_probes_ask_paths_that_reach_the_container(container):
    paths = {name: probe["httpGet"]["path"] for name, probe in container.items()
             if name.endswith("Probe")}

    assert paths == {"startupProbe": "/ready", "livenessProbe": "/health"}
    assert not any(path.endswith("z") for path in paths.values()), "Google's front end has those"
    (port,) = container["ports"]
    assert {container[name]["httpGet"]["port"] for name in paths} == {port["containerPort"]}


def test_the_startup_probe_is_one_that_cloud_run_takes(container):
    probe = container["startupProbe"]

    assert probe["failureThreshold"] * probe["periodSeconds"] <= STARTUP_SECONDS_MAX
    assert probe["timeoutSeconds"] <= probe["periodSeconds"]


def test_as_many_requests_come_as_there_are_slots(revision, settings):
    assert revision["spec"]["containerConcurrency"] == int(settings["SNAPJAIL_SLOTS"])


def test_memory_holds_what_the_slots_may_take(container, settings):
    (gibibytes,) = re.fullmatch(r"(\d+)Gi", container["resources"]["limits"]["memory"]).groups()
    job = int(settings["SNAPJAIL_MEMORY_LIMIT"]) + int(settings["SNAPJAIL_TMP_LIMIT"])

    assert int(gibibytes) * 1024 >= int(settings["SNAPJAIL_SLOTS"]) * job + 1024


def test_a_request_outlives_the_queue_and_its_job(revision, settings):
    longest = float(settings["SNAPJAIL_QUEUE_TIME"]) + float(settings["SNAPJAIL_TIME_LIMIT"])

    assert revision["spec"]["timeoutSeconds"] > longest


def test_the_last_job_is_answered_before_the_instance_is_killed(settings):
    drain = float(settings["SNAPJAIL_DRAIN_TIME"])

    assert float(settings["SNAPJAIL_TIME_LIMIT"]) <= drain
    assert drain + AFTER_DRAIN_SECONDS < STOP_SECONDS


def test_it_sets_what_the_service_knows_and_listens_to_all(container, settings):
    assert {one["name"] for one in container["env"]} <= variables()
    assert settings["SNAPJAIL_HOST"] == "0.0.0.0"
