"""What holds between objects: names that are used exist, ports and selectors meet."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.deploy.chart import (
    SERVING,
    Object,
    component,
    containers,
    containers_of,
    of_kind,
    pods,
    selects,
    template_of,
    title,
)

_LABELS: Final = {
    "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component",
    "app.kubernetes.io/part-of", "app.kubernetes.io/version", "app.kubernetes.io/managed-by",
    "helm.sh/chart",
}  # fmt: skip
_SELECTOR: Final = {f"app.kubernetes.io/{key}" for key in ("name", "instance", "component")}
_OUTSIDE: Final = {"feed", "training", "backups"}
_ADDRESS: Final = re.compile(r"\b((?:shop-)?recompose-[a-z0-9-]+)(?:\.([a-z0-9-]+))?:(\d+)")


def labels(objects: Sequence[Object]) -> Iterator[str]:
    """All that tools look for, and a namespace, on everything."""
    for found in objects:
        if not found["metadata"].get("labels", {}).keys() >= _LABELS:
            yield f"{title(found)}: labels"
        if found["metadata"].get("namespace") != "shops":
            yield f"{title(found)}: namespace"


def selectors(objects: Sequence[Object]) -> Iterator[str]:
    """Of pods by what never changes, and of exactly one component."""
    for found in of_kind(objects, *SERVING):
        chosen = found["spec"]["selector"]["matchLabels"]
        if not chosen.keys() >= _SELECTOR or chosen.keys() - _SELECTOR - {"recompose/role"}:
            yield f"{title(found)}: selects by {sorted(chosen)}"
        if not selects({"matchLabels": chosen}, found["spec"]["template"]["metadata"]["labels"]):
            yield f"{title(found)}: does not select its own pods"
    for service in of_kind(objects, "Service"):
        chosen = _chosen(objects, service)
        if len(chosen) != 1:
            yield f"{title(service)}: selects {[title(one) for one in chosen]}"
            continue
        ports = {port["name"] for port in _main(chosen[0]).get("ports", ())}
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in ports:
                yield f"{title(service)}: port {port['name']} leads nowhere"


def addresses(objects: Sequence[Object]) -> Iterator[str]:
    """Every host and port of the release that a container is given is a Service's."""
    services = _ports(objects)
    for where, container in containers(objects):
        given = [one.get("value", "") for one in container.get("env", ())]
        given += [*container.get("args", ()), *container.get("command", ())]
        for text in given:
            for pod, service, port in _ADDRESS.findall(text):
                if int(port) not in services.get(service or pod, set()):
                    yield f"{where}: there is no {service or pod}:{port}"


def references(objects: Sequence[Object]) -> Iterator[str]:
    """Claims, ConfigMaps, accounts, scale targets and backends exist."""
    held = {
        kind: {one["metadata"]["name"] for one in of_kind(objects, kind)}
        for kind in ("PersistentVolumeClaim", "ConfigMap", "Deployment", "Service")
    }
    services = _ports(objects)
    for where, spec in pods(objects):
        for volume in spec.get("volumes", ()):
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and claim not in held["PersistentVolumeClaim"] | _OUTSIDE:
                yield f"{where}: there is no claim {claim}"
            config = volume.get("configMap", {}).get("name")
            if config and config not in held["ConfigMap"]:
                yield f"{where}: there is no ConfigMap {config}"
        volumes = {volume["name"] for volume in spec.get("volumes", ())}
        for container in containers_of(spec):
            for mount in container.get("volumeMounts", ()):
                if mount["name"] not in volumes | {"storage", "snapshots"}:
                    yield f"{where}: there is no volume {mount['name']}"
    for found in of_kind(objects, "HorizontalPodAutoscaler"):
        if found["spec"]["scaleTargetRef"]["name"] not in held["Deployment"]:
            yield f"{title(found)}: scales nothing"
    for found in of_kind(objects, "StatefulSet"):
        if found["spec"]["serviceName"] not in held["Service"]:
            yield f"{title(found)}: its service does not exist"
    for found in of_kind(objects, "HTTPRoute", "GRPCRoute"):
        for rule in found["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                if backend["port"] not in services.get(backend["name"], set()):
                    yield f"{title(found)}: leads nowhere"
    for found in of_kind(objects, "Ingress"):
        for rule in found["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                if backend["port"]["name"] not in _port_names(objects, backend["name"]):
                    yield f"{title(found)}: leads nowhere"


def headless(objects: Sequence[Object]) -> Iterator[str]:
    """Clients that balance by themselves are given every pod, not one address for all."""
    bare = {
        component(one)
        for one in of_kind(objects, "Service")
        if one["spec"].get("clusterIP") == "None"
        and not one["spec"].get("publishNotReadyAddresses")
    }
    for found in of_kind(objects, *SERVING):
        balanced = component(found).startswith("gateway") or component(found) in (
            "triton",
            "qdrant",
        )
        if balanced and component(found) not in bare:
            yield f"{title(found)}: has no headless service"


def kept_claims(objects: Sequence[Object]) -> Iterator[str]:
    """What a shop cannot make again outlives the release."""
    for found in of_kind(objects, "PersistentVolumeClaim"):
        kept = (found["metadata"].get("annotations") or {}).get("helm.sh/resource-policy") == "keep"
        if not kept and not found["metadata"]["name"].endswith("-import-state"):
            yield f"{title(found)}: is deleted with the release"
    for found in of_kind(objects, "StatefulSet"):
        policy = found["spec"].get("persistentVolumeClaimRetentionPolicy", {})
        if policy != {"whenDeleted": "Retain", "whenScaled": "Retain"}:
            yield f"{title(found)}: its claims are deleted"


def policies(objects: Sequence[Object]) -> Iterator[str]:
    """Every pod is closed by default, and has a policy that says both of its directions."""
    found_policies = of_kind(objects, "NetworkPolicy")
    for policy in found_policies:
        if sorted(policy["spec"].get("policyTypes", ())) != ["Egress", "Ingress"]:
            yield f"{title(policy)}: leaves a direction open"
        for rule in [*policy["spec"].get("ingress", ()), *policy["spec"].get("egress", ())]:
            if not rule.get("from", rule.get("to")) or not rule.get("ports"):
                yield f"{title(policy)}: a rule names no peer or no port"
    for found in objects:
        template = template_of(found)
        if template is None:
            continue
        mine = [
            policy
            for policy in found_policies
            if selects(policy["spec"]["podSelector"], template["metadata"]["labels"])
        ]
        closed = [one for one in mine if not one["spec"].keys() & {"ingress", "egress"}]
        if len(closed) != 1 or len(mine) != 2:
            yield f"{title(found)}: {len(mine)} policies, {len(closed)} of them closed"


def _chosen(objects: Sequence[Object], service: Object) -> list[Object]:
    return [
        found
        for found in of_kind(objects, *SERVING)
        if selects(
            {"matchLabels": service["spec"]["selector"]},
            found["spec"]["template"]["metadata"]["labels"],
        )
    ]


def _main(found: Object) -> Any:
    return found["spec"]["template"]["spec"]["containers"][0]


def _ports(objects: Sequence[Object]) -> dict[str, set[int]]:
    return {
        one["metadata"]["name"]: {port["port"] for port in one["spec"]["ports"]}
        for one in of_kind(objects, "Service")
    }


def _port_names(objects: Sequence[Object], service: str) -> set[str]:
    return {
        port["name"]
        for one in of_kind(objects, "Service")
        if one["metadata"]["name"] == service
        for port in one["spec"]["ports"]
    }
