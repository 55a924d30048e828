#!/usr/bin/env python3
"""Writes the schemas of the kinds that the chart renders: make_schemas.py SWAGGER_JSON

SWAGGER_JSON is api/openapi-spec/swagger.json of the Go module k8s.io/kubernetes. Each kind becomes
one file that kubeconform reads without a network: the definitions it reaches, without their texts,
and strict: a field that Kubernetes does not know is a mistake.
"""
import json
import sys
from pathlib import Path

# The group that each kind is taken of, as apiVersion and as the swagger file spells it.
KINDS = {
    "ConfigMap": ("v1", "core.v1"),
    "Deployment": ("apps/v1", "apps.v1"),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "autoscaling.v2"),
    "NetworkPolicy": ("networking.k8s.io/v1", "networking.v1"),
    "PodDisruptionBudget": ("policy/v1", "policy.v1"),
    "Service": ("v1", "core.v1"),
    "ServiceAccount": ("v1", "core.v1"),
}
# What the API server writes, not a manifest: it would bring its own large definitions along.
SERVER_SIDE = {"status", "managedFields"}
PREFIX = "#/definitions/"


def strict(schema):
    """One definition without descriptions; objects with known fields take no others."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, value in schema.items():
        if key == "description" or key.startswith("x-kubernetes"):
            continue
        if key == "properties":
            kept[key] = {name: strict(of) for name, of in value.items() if name not in SERVER_SIDE}
        else:
            kept[key] = strict(value)
    if kept.get("format") == "int-or-string":
        return {"type": ["string", "integer"]}
    if "properties" in kept and "additionalProperties" not in kept:
        kept["additionalProperties"] = False
    return kept


def references(schema):
    """The names of all definitions that a schema points to."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].removeprefix(PREFIX)
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from references(item)


def closure(definitions, root):
    reached, left = {}, [root]
    while left:
        name = left.pop()
        if name in reached:
            continue
        reached[name] = strict(definitions[name])
        if name.endswith(".api.resource.Quantity"):
            reached[name] = {"type": ["string", "number"]}  # 2 as well as "2".
        left += references(reached[name])
    return reached


def main():
    definitions = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["definitions"]
    for kind, (api_version, group) in KINDS.items():
        root = f"io.k8s.api.{group}.{kind}"
        reached = closure(definitions, root)
        schema = reached.pop(root)
        schema["properties"]["apiVersion"]["enum"] = [api_version]
        schema["properties"]["kind"]["enum"] = [kind]
        schema["required"] = sorted({*schema.get("required", []), "apiVersion", "kind", "metadata"})
        schema["definitions"] = dict(sorted(reached.items()))
        name = kind.lower() + "-" + api_version.replace(".k8s.io", "").replace("/", "-") + ".json"
        text = json.dumps(schema, separators=(",", ":"), sort_keys=True) + "\n"
        (Path(__file__).parent / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
