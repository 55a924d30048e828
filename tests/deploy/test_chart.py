"""The Helm chart: all of it is valid, each posture is what it promises, mistakes are named."""

import ctypes
import os
import re
import sys
from pathlib import Path

import pytest
from chart import (CHART, POSTURES, REPOSITORY, container, environment, helm, pod, render,
                   template, validate)
from service import Service

pytestmark = pytest.mark.seconds(600)  # The first test may have to build Helm.
LANDLOCK_SCOPES = 6  # The ABI from which it bounds signals and abstract sockets.
EVERYTHING = ("autoscaling.enabled=true", "autoscaling.queueDepth.metric=jobs_waiting",
              "nsjailConfig=time_limit: 3")


# What is rendered.


def test_helm_has_no_complaint():
    made = helm("lint", "--strict", CHART)

    assert made.returncode == 0, made.stdout


@pytest.mark.parametrize("posture", POSTURES)
def test_every_object_is_one_that_kubernetes_knows(posture):
    verdict = validate(template(posture, EVERYTHING).stdout)

    assert verdict.returncode == 0, verdict.stdout
    assert "Valid: 7, Invalid: 0, Errors: 0, Skipped: 0" in verdict.stdout, verdict.stdout


@pytest.mark.parametrize("mistake", [("replicas: 2", "replicas: two"),
                                     ("hostUsers:", "hostUser:"),
                                     ("periodSeconds: 10", "periodSecond: 10"),
                                     ("policyTypes: [Ingress, Egress]", "policyTypes: Egress")])
def test_the_validator_sees_a_wrong_object(mistake):  # The control of the one above.
    text = template("restricted").stdout
    assert mistake[0] in text

    assert validate(text.replace(*mistake)).returncode != 0


def test_the_defaults_are_the_restricted_posture():
    assert render() == render("restricted")


@pytest.mark.parametrize("posture", POSTURES)
def test_a_script_has_nothing_of_the_cluster_to_find(posture):
    kinds = render(posture)

    assert pod(kinds)["automountServiceAccountToken"] is False
    assert kinds["ServiceAccount"]["automountServiceAccountToken"] is False
    assert pod(kinds)["serviceAccountName"] == kinds["ServiceAccount"]["metadata"]["name"]
    assert pod(kinds)["enableServiceLinks"] is False
    assert {one["name"]: sorted(one) for one in pod(kinds)["volumes"]} == {
        "tmp": ["emptyDir", "name"]}


@pytest.mark.parametrize("posture", POSTURES)
def test_no_connection_leaves_the_pods(posture):
    policy = render(posture)["NetworkPolicy"]["spec"]

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["egress"] == []
    assert policy["ingress"] == [{"ports": [{"port": "http"}]}]


def test_every_selector_meets_the_pods_labels():
    kinds = render(values=EVERYTHING)
    labels = kinds["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = [kinds["Deployment"]["spec"]["selector"]["matchLabels"],
                 kinds["Service"]["spec"]["selector"],
                 kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
                 kinds["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]]

    for selector in selectors:
        assert selector and selector.items() <= labels.items(), selector


@pytest.mark.parametrize("posture", POSTURES)
def test_probes_ask_what_they_are_for(posture):
    probes = container(render(posture))

    assert probes["startupProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    assert probes["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    assert probes["livenessProbe"]["httpGet"] == {"path": "/health", "port": "http"}


@pytest.mark.parametrize(("values", "drain"), [
    ([], "23"),  # 30 - 5 - 2
    (["terminationGracePeriodSeconds=600", "preStopSeconds=0"], "598"),
    (["settings.SNAPJAIL_DRAIN_TIME=8"], "8"),
])
def test_jobs_have_what_the_grace_leaves_them(values, drain):
    kinds = render(values=values)
    stop = container(kinds).get("lifecycle", {"preStop": {"sleep": {"seconds": 0}}})

    assert environment(kinds)["SNAPJAIL_DRAIN_TIME"] == drain
    # The service takes a second more than that, and the kubelet counts preStop too.
    assert stop["preStop"]["sleep"]["seconds"] + int(drain) + 1 < (
        pod(kinds)["terminationGracePeriodSeconds"])


def test_without_a_wait_there_is_no_pre_stop():
    assert container(render())["lifecycle"]["preStop"]["sleep"]["seconds"] == 5
    assert "lifecycle" not in container(render(values=["preStopSeconds=0"]))


def test_the_autoscaler_counts_cpu_and_if_told_the_queue():
    assert "HorizontalPodAutoscaler" not in render()
    by_cpu = render(values=["autoscaling.enabled=true"])
    by_both = render(values=EVERYTHING)["HorizontalPodAutoscaler"]["spec"]["metrics"]

    assert [m["type"] for m in by_cpu["HorizontalPodAutoscaler"]["spec"]["metrics"]] == ["Resource"]
    assert "replicas" not in by_cpu["Deployment"]["spec"], "it would undo the autoscaler's number"
    assert [m["type"] for m in by_both] == ["Resource", "Pods"]
    assert by_both[1]["pods"]["metric"]["name"] == "jobs_waiting"


def test_an_nsjail_configuration_reaches_the_service():
    kinds = render(values=EVERYTHING)

    assert kinds["ConfigMap"]["data"]["nsjail.cfg"].strip() == "time_limit: 3"
    assert environment(kinds)["NSJAIL_CONFIG"] == "/etc/snapjail/nsjail.cfg"
    mounts = {one["name"]: one["mountPath"] for one in container(kinds)["volumeMounts"]}
    assert mounts["config"] == "/etc/snapjail"


def test_a_digest_beats_the_tag():
    digest = "sha256:" + "0" * 64

    assert container(render())["image"] == "snapjail:0.1.0"
    assert container(render(values=["image.tag=x", f"image.digest={digest}"]))["image"] == (
        f"snapjail@{digest}")


# Postures.


def test_restricted_meets_the_restricted_standard():
    """Field by field what the restricted Pod Security Standard asks for."""
    kinds = render("restricted")
    context = container(kinds)["securityContext"]

    for forbidden in ("hostNetwork", "hostPID", "hostIPC", "securityContext", "initContainers"):
        assert forbidden not in pod(kinds)
    assert not any("hostPort" in port for port in container(kinds)["ports"])
    assert {kind for one in pod(kinds)["volumes"] for kind in one} - {"name"} <= {
        "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
        "projected", "secret"}
    assert context["allowPrivilegeEscalation"] is False
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] != 0
    assert context["seccompProfile"]["type"] == "RuntimeDefault"
    assert context["capabilities"]["drop"] == ["ALL"]
    assert set(context["capabilities"].get("add", [])) <= {"NET_BIND_SERVICE"}
    for forbidden in ("privileged", "procMount", "seLinuxOptions", "windowsOptions"):
        assert forbidden not in context
    assert context.get("appArmorProfile", {"type": "RuntimeDefault"})["type"] != "Unconfined"
    assert environment(kinds)["SNAPJAIL_ISOLATION"] == "process"


def test_userns_gives_what_tier_full_needs_and_no_more():
    kinds = render("userns")
    context = container(kinds)["securityContext"]

    assert pod(kinds)["hostUsers"] is False
    assert context["procMount"] == "Unmasked"
    assert context["seccompProfile"]["type"] == "Unconfined"
    assert context["capabilities"] == {"drop": ["ALL"], "add": ["SETUID", "SETGID", "SETFCAP"]}
    assert context["allowPrivilegeEscalation"] is False
    assert "privileged" not in context
    assert environment(kinds)["SNAPJAIL_ISOLATION"] == "full"


def test_runtimeclass_asks_for_a_sandbox_and_no_privilege():
    kinds = render("runtimeclass")

    assert pod(kinds)["runtimeClassName"] == "gvisor"
    assert pod(render("runtimeclass", ["pod.runtimeClassName=kata"]))["runtimeClassName"] == "kata"
    assert container(kinds)["securityContext"] == (
        container(render("restricted"))["securityContext"])
    assert environment(kinds)["SNAPJAIL_ISOLATION"] == "auto"


def landlock_abi():
    return ctypes.CDLL(None).syscall(444, None, 0, 1)  # landlock_create_ruleset, its version.


def as_in_pod(running, context, in_user_namespace):
    """The service's command, with what a securityContext gives and takes."""
    added = ",".join("+" + name.lower() for name in context["capabilities"].get("add", []))
    wrapper = [sys.executable, str(Path(__file__).parent / "in_user_namespace.py")]
    return [
        *(wrapper if in_user_namespace else []),
        "setpriv",
        f"--reuid={context['runAsUser']}", f"--regid={context['runAsGroup']}", "--clear-groups",
        f"--bounding-set=-all{',' if added else ''}{added}", "--inh-caps=-all", "--no-new-privs",
        *running.command,
    ]


def test_what_restricted_gives_is_enough_for_tier_process(own):
    """Without a privilege of any kind; and jobs lose there what docs/kubernetes.md says they do."""
    if os.getuid() != 0:
        pytest.skip("becoming somebody else without capabilities needs root")
    if landlock_abi() <= 0:
        pytest.skip("this kernel has no Landlock, without which the service refuses")
    kinds = render("restricted")
    page = (REPOSITORY / "docs/kubernetes.md").read_text()
    told = set(re.findall(r"(?m)^- `(\w+)`: ", page))
    told -= {"signals"} if landlock_abi() >= LANDLOCK_SCOPES else set()
    running = Service({"SNAPJAIL_ISOLATION": environment(kinds)["SNAPJAIL_ISOLATION"]})
    running.command = as_in_pod(running, container(kinds)["securityContext"], False)
    try:
        running.start()
        health = running.ask("GET", "/health").json
        assert health["tier"] == "process"
        assert set(health["departures"]) == told
        assert running.execute("import os\ndef main(): return os.getuid()").result == 65532
    finally:
        running.kill()


def test_what_userns_gives_is_enough_for_tier_full(own):
    """The service itself, in a user namespace, with the rendered ids and capabilities."""
    if os.getuid() != 0:
        pytest.skip("a user namespace of 65536 ids needs root")
    kinds = render("userns")
    running = Service({"SNAPJAIL_ISOLATION": "full"})
    running.command = as_in_pod(running, container(kinds)["securityContext"], True)
    try:
        running.start()
        assert b'"full"' in running.ask("GET", "/health").raw
        assert running.execute("import os\ndef main(): return os.getuid()").result == 1000
    finally:
        running.kill()
