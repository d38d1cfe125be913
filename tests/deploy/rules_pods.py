"""What holds for every pod and container; each rule answers with what breaks it."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tests.deploy.chart import Object, containers, containers_of, of_kind, pods

# https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
_VOLUMES: Final = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
    "projected", "secret",
}  # fmt: skip
_SECRET_NAME: Final = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|REDIS_URL")
_IMAGE: Final = re.compile(r"[^\s:@]+(:(?!latest$)[\w][\w.-]*)?(@sha256:[0-9a-f]{64})?")


def restricted(objects: Sequence[Object]) -> Iterator[str]:
    """Pod Security 'restricted'."""
    for where, spec in pods(objects):
        security = spec.get("securityContext", {})
        for shared in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(shared):
                yield f"{where}: {shared}"
        if security.get("runAsNonRoot") is not True:
            yield f"{where}: may run as root"
        if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{where}: no seccomp profile"
        if security.get("sysctls"):
            yield f"{where}: sysctls"
        for volume in spec.get("volumes", ()):
            if not volume.keys() - {"name"} <= _VOLUMES:
                yield f"{where}: volume {volume['name']} is of a kind that is not allowed"
    for where, container in containers(objects):
        security = container.get("securityContext", {})
        if security.get("allowPrivilegeEscalation") is not False:
            yield f"{where}: may gain privileges"
        if security.get("privileged"):
            yield f"{where}: privileged"
        if security.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{where}: keeps capabilities"
        if security.keys() & {"runAsUser", "runAsNonRoot", "seccompProfile", "procMount"}:
            yield f"{where}: decides otherwise than its pod"
        if any("hostPort" in port for port in container.get("ports", ())):
            yield f"{where}: takes a port of the host"


def numeric_user(objects: Sequence[Object]) -> Iterator[str]:
    """A user by number, above those of the host's system, and files of its group."""
    for where, spec in pods(objects):
        security = spec.get("securityContext", {})
        for key in ("runAsUser", "runAsGroup", "fsGroup"):
            if not security.get(key, 0) > 10_000:
                yield f"{where}: {key}"


def read_only_root(objects: Sequence[Object]) -> Iterator[str]:
    """Nothing is written but to volumes, which are bounded."""
    for where, container in containers(objects):
        if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
            yield f"{where}: may write to its image"
    for where, spec in pods(objects):
        for volume in spec.get("volumes", ()):
            if "emptyDir" in volume and "sizeLimit" not in (volume["emptyDir"] or {}):
                yield f"{where}: volume {volume['name']} has no limit"


def no_token(objects: Sequence[Object]) -> Iterator[str]:
    """No pod holds a token of the cluster's API; each has an account of its own kind."""
    accounts = {one["metadata"]["name"]: one for one in of_kind(objects, "ServiceAccount")}
    for name, account in accounts.items():
        if account.get("automountServiceAccountToken") is not False:
            yield f"ServiceAccount {name}: hands out tokens"
    for where, spec in pods(objects):
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{where}: takes a token"
        if spec.get("serviceAccountName") not in accounts:
            yield f"{where}: has no account of the chart"


def resources(objects: Sequence[Object]) -> Iterator[str]:
    """Requests of both, and memory that is requested as it is limited."""
    for where, container in containers(objects):
        found = container.get("resources", {})
        requests, limits = found.get("requests", {}), found.get("limits", {})
        if not requests.keys() >= {"cpu", "memory"}:
            yield f"{where}: does not request processor and memory"
        if "memory" not in limits:
            yield f"{where}: has no limit of memory"
        elif limits["memory"] != requests.get("memory"):
            yield f"{where}: may take more memory than it requests"


def secrets_by_reference(objects: Sequence[Object]) -> Iterator[str]:
    """No Secret is made, and what is secret is read out of one."""
    for found in of_kind(objects, "Secret"):
        yield f"Secret {found['metadata']['name']}: is part of the chart"
    for where, container in containers(objects):
        for variable in container.get("env", ()):
            is_path = variable["name"].endswith("_FILE") or (
                variable["name"] == "RECOMPOSE_TLS_KEY" and variable.get("value", "")[:1] == "/"
            )
            if is_path or not _SECRET_NAME.search(variable["name"]):
                continue
            source = variable.get("valueFrom", {})
            # An address may hold a password that is itself read out of a Secret.
            indirect = "$(REDIS_PASSWORD)@" in variable.get("value", "")
            if not (source.keys() & {"secretKeyRef", "fieldRef"} or indirect):
                yield f"{where}: {variable['name']} is not read out of a Secret"


def images(objects: Sequence[Object]) -> Iterator[str]:
    """Every image has a tag or a digest, none is 'latest', none is the CPU's Triton."""
    for where, container in containers(objects):
        name = container.get("image", "").rpartition("/")[2]
        if not _IMAGE.fullmatch(name) or not set(":@") & set(name) or "triton-cpu" in name:
            yield f"{where}: image"


def own_names(objects: Sequence[Object]) -> Iterator[str]:
    """No variables for every service of the namespace, whose names could meet our settings."""
    for where, spec in pods(objects):
        if spec.get("enableServiceLinks") is not False:
            yield f"{where}: takes the variables of all services"


def ends_in_time(objects: Sequence[Object]) -> Iterator[str]:
    """Serving goes on while endpoints are told, and there is time to end after that."""
    for where, spec in pods(objects):
        for container in containers_of(spec):
            env = {one["name"]: one.get("value") for one in container.get("env", ())}
            if "lifecycle" not in container:
                continue
            pause = container["lifecycle"].get("preStop", {}).get("sleep", {}).get("seconds", 0)
            drain = float(env.get("DRAIN_GRACE_S", 1)) + float(env.get("DRAIN_BUDGET_S", 10))
            if pause < 5:
                yield f"{where}: leaves before endpoints are told"
            if not spec.get("terminationGracePeriodSeconds", 0) > pause + drain:
                yield f"{where}: has no time to drain"
