"""The Helm chart, rendered and validated by Helm and kubeconform themselves."""

import functools
import subprocess
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent.parent
CHART = REPOSITORY / "deploy/kubernetes/snapjail"
SCHEMAS = Path(__file__).resolve().parent / "schemas"
KUBERNETES = "1.34.2"  # What the schemas are of.
POSTURES = ("restricted", "userns", "runtimeclass")


@functools.cache
def tools():
    """The folder with helm and kubeconform; minutes where they have to be built."""
    made = subprocess.run([REPOSITORY / "tools/chart-tools"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return Path(made.stdout.strip())


def helm(*arguments):
    return subprocess.run([tools() / "helm", *arguments], capture_output=True, text=True)


def template(posture=None, values=(), kubernetes=KUBERNETES, more=()):
    """`helm template` with a posture's values and some of the test's own, as NAME=VALUE."""
    files = [f"--values={CHART}/values-{posture}.yaml"] if posture else []
    return helm("template", "demo", CHART, f"--kube-version={kubernetes}", "--namespace=jobs",
                *files, *(f"--set={value}" for value in values), *more)


def render(posture=None, values=(), **how):
    """Every object that is rendered: {kind: object}."""
    made = template(posture, values, **how)
    assert made.returncode == 0, made.stderr
    objects = [one for one in yaml.safe_load_all(made.stdout) if one]
    kinds = {one["kind"]: one for one in objects}
    assert len(kinds) == len(objects), "two objects of one kind: the tests would see only one"
    return kinds


def refusal(*values, posture=None, **how):
    """What Helm says where it refuses these values."""
    made = template(posture, values, **how)
    assert made.returncode != 0, f"it renders with {values}:\n{made.stdout}"
    return made.stderr


def validate(text):
    """kubeconform's verdict on manifests, strictly and without a network."""
    return subprocess.run(
        [tools() / "kubeconform", "-strict", "-summary", "-verbose", "-schema-location",
         f"{SCHEMAS}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json", "-"],
        input=text, capture_output=True, text=True)


def pod(kinds):
    return kinds["Deployment"]["spec"]["template"]["spec"]


def container(kinds):
    (only,) = pod(kinds)["containers"]
    return only


def environment(kinds):
    pairs = [(one["name"], one["value"]) for one in container(kinds)["env"]]
    assert len(dict(pairs)) == len(pairs), f"a variable twice: {pairs}"
    return dict(pairs)
