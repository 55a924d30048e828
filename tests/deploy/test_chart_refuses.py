"""The Helm chart refuses what the service or Kubernetes would, by name and at the bound."""

import pytest
import yaml
from chart import CHART, environment, refusal, render
from serve_help import defaults, variables

pytestmark = pytest.mark.seconds(600)  # The first test may have to build Helm.

# What the chart sets itself: by values of its own, or because it belongs together.
SET_BY_THE_CHART = {"PORT", "SNAPJAIL_HOST", "SNAPJAIL_ISOLATION", "SNAPJAIL_SLOTS",
                    "NSJAIL_CONFIG"}
OF_NO_USE = {"USE_NSJAIL"}  # Takes its default and nothing else.


@pytest.mark.parametrize(("value", "told"), [
    ("slot=3", "slot"),
    ("pod.hostuser=false", "hostuser"),
    ("containerSecurityContext.privileged=true", "privileged"),
    ("isolation=none", "isolation"),
    ("slots=0", "slots"),
    ("slots=many", "slots"),
    ("resources.limits.memory=much", "memory"),
    ("image.digest=latest", "digest"),
    ("service.port=65536", "port"),
    ("settings.TIME_LIMIT=6", "TIME_LIMIT"),
    ("settings.SNAPJAIL_TIMELIMIT=6", "SNAPJAIL_TIMELIMIT"),
    ("settings.SNAPJAIL_ISOLATION=auto", "settings"),
    ("settings.SNAPJAIL_DRAIN_TIME=soon", "SNAPJAIL_DRAIN_TIME"),
    ("settings.SNAPJAIL_MEMORY_LIMIT=1Gi", "SNAPJAIL_MEMORY_LIMIT"),
    ("autoscaling.cpuPercent=0", "cpuPercent"),
    ("containerSecurityContext.procMount=Unmasked", "hostUsers"),
    ("containerSecurityContext.seccompProfile.type=Localhost", "localhostProfile"),
    ("containerSecurityContext.seccompProfile.localhostProfile=a.json", "seccompProfile"),
    ("containerSecurityContext.appArmorProfile.type=Localhost", "localhostProfile"),
    ("disruptionBudget.maxUnavailable=0", "maxUnavailable"),
    ("disruptionBudget.maxUnavailable=0%", "maxUnavailable"),
])
def test_a_wrong_value_is_refused_by_name(value, told):
    assert told in refusal(value)


def test_an_autoscaler_upside_down_is_refused():
    assert "autoscaling.minReplicas" in refusal(
        "autoscaling.enabled=true", "autoscaling.minReplicas=5", "autoscaling.maxReplicas=4")


def test_the_same_values_put_right_are_taken():  # The control.
    kinds = render(values=[
        "slots=3", "isolation=auto", "resources.limits.memory=5Gi", "service.port=8080",
        "settings.SNAPJAIL_TIME_LIMIT=6", "disruptionBudget.maxUnavailable=20%",
        "containerSecurityContext.seccompProfile.type=Localhost",
        "containerSecurityContext.seccompProfile.localhostProfile=a.json"])

    assert environment(kinds)["SNAPJAIL_TIME_LIMIT"] == "6"
    assert environment(kinds)["SNAPJAIL_SLOTS"] == "3"
    assert kinds["PodDisruptionBudget"]["spec"]["maxUnavailable"] == "20%"
    assert yaml.safe_load((CHART / "values.yaml").read_text())["slots"] == 4


# Settings.


def test_the_settings_are_those_of_the_service():
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    known = set(schema["properties"]["settings"]["properties"])

    assert known == variables() - SET_BY_THE_CHART - OF_NO_USE


def test_a_large_number_of_a_values_file_stays_one(tmp_path):
    """Helm reads it as 1.048576e+06."""
    file = tmp_path / "values.yaml"
    file.write_text("settings: {SCRIPT_BYTES_MAX: 1048576, SNAPJAIL_TIME_LIMIT: 2.5}\n")
    rendered = environment(render(more=[f"--values={file}"]))

    assert rendered["SCRIPT_BYTES_MAX"] == "1048576"
    assert rendered["SNAPJAIL_TIME_LIMIT"] == "2.5"


# The end of a pod.


def test_a_drain_longer_than_the_grace_is_refused():
    grace = ["terminationGracePeriodSeconds=60", "preStopSeconds=10"]

    render(values=[*grace, "settings.SNAPJAIL_DRAIN_TIME=48"])
    assert "settings.SNAPJAIL_DRAIN_TIME is 48.5" in refusal(
        *grace, "settings.SNAPJAIL_DRAIN_TIME=48.5")


@pytest.mark.parametrize(("limit", "grace"), [
    ([], 5 + int(defaults()["SNAPJAIL_TIME_LIMIT"]) + 2),
    (["settings.SNAPJAIL_TIME_LIMIT=30"], 37),
])
def test_a_grace_that_a_job_may_outlast_is_refused(limit, grace):
    render(values=[*limit, f"terminationGracePeriodSeconds={grace}"])
    told = refusal(*limit, f"terminationGracePeriodSeconds={grace - 1}")

    assert f"terminationGracePeriodSeconds is {grace - 1}" in told


def test_whoever_sets_the_drain_may_have_jobs_ended():
    values = ["terminationGracePeriodSeconds=9", "settings.SNAPJAIL_DRAIN_TIME=2"]

    assert environment(render(values=values))["SNAPJAIL_DRAIN_TIME"] == "2"


# Memory.

MEMORY, TMP = (int(defaults()[name]) for name in ("SNAPJAIL_MEMORY_LIMIT", "SNAPJAIL_TMP_LIMIT"))
# A bound in MiB: the settings that it is of, four slots, and 1 GiB for the service.
MEMORY_BOUNDS = [
    ([], 4 * (MEMORY + TMP) + 1024),
    (["settings.SNAPJAIL_MEMORY_LIMIT=512"], 4 * (512 + TMP) + 1024),
    (["settings.SNAPJAIL_TMP_LIMIT=10", "slots=7"], 7 * (MEMORY + 10) + 1024),
]


@pytest.mark.parametrize(("settings", "bound"), MEMORY_BOUNDS)
def test_memory_that_the_slots_may_outgrow_is_refused(settings, bound):
    room = ["tmpSize=1Ti"]

    render(values=[*settings, *room, f"resources.limits.memory={bound}Mi"])
    told = refusal(*settings, *room, f"resources.limits.memory={bound - 1}Mi")

    assert "resources.limits.memory" in told and f"need {bound}Mi" in told


@pytest.mark.parametrize(("enough", "too_little"), [
    ("6Gi", "5Gi"), ("5.5Gi", "5.3Gi"), ("6G", "5G"), ("5800M", "5700M"), ("6000Mi", "5000Mi"),
    ("5788139520", "5788139519"), ("1T", "1"),
])
def test_each_unit_of_memory_is_understood(enough, too_little):
    assert 4 * (MEMORY + TMP) + 1024 == 5520  # What the cases are on both sides of: 5788 M.

    render(values=[f"resources.limits.memory={enough}"])
    assert "resources.limits.memory" in refusal(f"resources.limits.memory={too_little}")


@pytest.mark.parametrize("isolation", ["process", "auto"])
def test_a_tmp_that_the_jobs_may_fill_is_refused(isolation):
    values = [f"isolation={isolation}", "settings.SNAPJAIL_TMP_LIMIT=50"]

    render(values=[*values, "tmpSize=200Mi"])
    assert "tmpSize" in refusal(*values, "tmpSize=199Mi")


def test_in_tier_full_the_pods_tmp_is_not_the_jobs():
    render(values=["isolation=full", "tmpSize=1Mi"])


# Kubernetes itself.


@pytest.mark.parametrize("version", ["1.33.0", "1.33.1-gke.100"])
def test_a_user_namespace_from_1_33_on_is_taken(version):
    render("userns", kubernetes=version)


def test_a_user_namespace_before_1_33_is_refused():
    assert "pod.hostUsers" in refusal(posture="userns", kubernetes="1.32.9")
    render("restricted", kubernetes="1.32.9")  # The control.
