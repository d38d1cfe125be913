"""What holds where gateways speak TLS: files from Secrets, probes in plain text, callers that
check; each rule answers with what breaks it."""

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
    title,
)

_FOLDER: Final = "/tls/"
_MOUNT: Final = {"name": "tls", "mountPath": _FOLDER.rstrip("/"), "readOnly": True}
_GATEWAY: Final = ("TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CLIENT_CA_FILE")
_CALLER: Final = ("RECOMPOSE_TLS_CA", "RECOMPOSE_TLS_CERT", "RECOMPOSE_TLS_KEY")


def tls_files(objects: Sequence[Object]) -> Iterator[str]:
    """Every file of TLS that a container is told of comes out of a Secret, in a folder that is
    mounted whole and read-only: a file by itself would never be renewed."""
    for where, spec in pods(objects):
        volumes = {one["name"]: one for one in spec.get("volumes", ())}
        for container in containers_of(spec):
            told = {
                name: value
                for name, value in _env(container).items()
                if name in (*_GATEWAY, *_CALLER)
            }
            if not told:
                continue
            mounts = [one for one in container.get("volumeMounts", ()) if one["name"] == "tls"]
            if len(mounts) != 1 or mounts[0] != _MOUNT:
                yield f"{where}: mounts its certificates otherwise"
                continue
            there = dict(_files(volumes.get("tls", {})))
            for name, value in told.items():
                if value.removeprefix(_FOLDER) not in there:
                    yield f"{where}: {name} is in no Secret"


def tls_keys(objects: Sequence[Object]) -> Iterator[str]:
    """A key is its owner's: the gateways', or the callers', and not readable by all."""
    gateways = {
        secret
        for found in of_kind(objects, "Deployment")
        if component(found).startswith("gateway")
        for _, spec in pods([found])
        for volume in spec["volumes"]
        for path, (secret, _) in _files(volume)
        if path == "tls.key"
    }
    for where, spec in pods(objects):
        ours = "-gateway" in where.partition(" ")[2]
        for volume in spec.get("volumes", ()):
            for path, (secret, key) in _files(volume):
                if key == "tls.key" and (secret in gateways) != ours:
                    yield f"{where}: has the key of {secret}"
                if path == "tls.key" and volume["projected"].get("defaultMode") != 0o440:
                    yield f"{where}: everyone in the pod may read its key"


def probes_in_plain_text(objects: Sequence[Object]) -> Iterator[str]:
    """A gateway with TLS is probed at a port of its own, since a probe shows no certificate."""
    for found in of_kind(objects, *SERVING):
        if not component(found).startswith("gateway"):
            continue
        (container,) = found["spec"]["template"]["spec"]["containers"]
        env, ports = _env(container), {one["name"]: one for one in container["ports"]}
        if "TLS_CERT_FILE" not in env:
            if "HEALTH_PORT" in env or "health" in ports:
                yield f"{title(found)}: has a port that nobody needs"
            continue
        if str(ports.get("health", {}).get("containerPort")) != env.get("HEALTH_PORT"):
            yield f"{title(found)}: its health port is not the one that it listens on"
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = container[name]["httpGet"]
            if probe["port"] != "health" or probe.get("scheme", "HTTP") != "HTTP":
                yield f"{title(found)}: {name} would have to show a certificate"


def health_stays_inside(objects: Sequence[Object]) -> Iterator[str]:
    """The plain port is Prometheus' and the kubelet's: clients' rules and routes do not name it."""
    for policy in of_kind(objects, "NetworkPolicy"):
        for rule in policy["spec"].get("ingress") or ():
            ports = {port["port"] for port in rule["ports"]}
            if 8081 in ports and "monitoring" not in str(rule["from"]):
                yield f"{title(policy)}: opens the health port to others"
    for service in of_kind(objects, "Service"):
        names = {one["name"] for one in service["spec"]["ports"]}
        if "health" in names and service["spec"].get("clusterIP") != "None":
            yield f"{title(service)}: offers the health port to all"


def callers_check(objects: Sequence[Object]) -> Iterator[str]:
    """Where gateways speak TLS, each of the release's callers checks them; where they ask for a
    certificate, it shows one. Where they do not, nobody speaks of it."""
    gateways = [
        _env(one)
        for _, one in containers(objects)
        if "API_KEYS_FILE" in _env(one) and "gateway" in one["name"]
    ]
    wanted = set()
    if any("TLS_CERT_FILE" in env for env in gateways):
        wanted.add("RECOMPOSE_TLS_CA")
    if any("TLS_CLIENT_CA_FILE" in env for env in gateways):
        wanted |= {"RECOMPOSE_TLS_CERT", "RECOMPOSE_TLS_KEY"}
    for where, container in containers(objects):
        if "RECOMPOSE_API_KEY" not in (env := _env(container)):
            continue
        text = str([*container.get("command", ()), *container.get("args", ())])
        # A candidate's own gateway is in the pod, on loopback.
        needed = set() if "127.0.0.1:50051" in text else wanted
        if env.keys() & set(_CALLER) != needed:
            yield f"{where}: tells {sorted(env.keys() & set(_CALLER))} of TLS"
        mode = "mutual" if len(needed) > 1 else "on" if needed else None
        if "GATEWAY" in env and env.get("GATEWAY_TLS") != mode:
            yield f"{where}: speaks TLS {env.get('GATEWAY_TLS')}"
        if "GATEWAY" not in env and ("https://" in text) != bool(needed):
            yield f"{where}: calls otherwise than the gateways are called"


def says_what_it_speaks(objects: Sequence[Object]) -> Iterator[str]:
    """Ports of the gateways' Services tell proxies whether they speak TLS."""
    speaks = any("TLS_CERT_FILE" in _env(one) for _, one in containers(objects))
    wanted = {
        "http": "https" if speaks else "http",
        "grpc": "https" if speaks else "kubernetes.io/h2c",
        "health": "http",
    }
    for service in of_kind(objects, "Service"):
        if component(service).startswith("gateway"):
            for port in service["spec"]["ports"]:
                if port.get("appProtocol") != wanted[port["name"]]:
                    yield f"{title(service)}: {port['name']} is {port.get('appProtocol')}"


def _env(container: Object) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in container.get("env", ())}


def _files(volume: Any) -> Iterator[tuple[str, tuple[str, str]]]:
    """Path in a projected volume, and the Secret and key that it is."""
    for source in volume.get("projected", {}).get("sources", ()):
        for item in source.get("secret", {}).get("items") or ():
            yield item["path"], (source["secret"]["name"], item["key"])
