"""What holds for what serves and for what runs to an end; each rule answers with what breaks it."""

from collections.abc import Iterator, Sequence
from typing import Final

from tests.deploy.chart import (
    SERVING,
    Object,
    component,
    containers,
    containers_of,
    of_kind,
    selects,
    template_of,
    title,
)

_PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")
# Without these searches work, and two of one would be two caches, or counted twice.
_ALONE: Final = {"redis", "redis-exporter", "pushgateway"}


def probes(objects: Sequence[Object]) -> Iterator[str]:
    """All three, each by its meaning: what fails for want of others restarts nothing."""
    for found in of_kind(objects, *SERVING):
        (container,) = found["spec"]["template"]["spec"]["containers"]
        for name in _PROBES:
            if name not in container:
                yield f"{title(found)}: no {name}"
        paths = {name: container.get(name, {}).get("httpGet", {}).get("path") for name in _PROBES}
        if paths["livenessProbe"] and "ready" in paths["livenessProbe"]:
            yield f"{title(found)}: is restarted when others fail"
        if component(found).startswith("gateway") and paths != {
            "startupProbe": "/healthz",
            "readinessProbe": "/readyz",
            "livenessProbe": "/healthz",
        }:
            yield f"{title(found)}: asks the wrong questions"


def pre_stop(objects: Sequence[Object]) -> Iterator[str]:
    """What has endpoints leaves them before it ends."""
    for found in of_kind(objects, *SERVING):
        (container,) = found["spec"]["template"]["spec"]["containers"]
        if component(found) not in _ALONE and "preStop" not in container.get("lifecycle", {}):
            yield f"{title(found)}: ends at once"


def disruption(objects: Sequence[Object]) -> Iterator[str]:
    """A budget for each, which lets a node be drained one pod after the other."""
    budgets = of_kind(objects, "PodDisruptionBudget")
    for found in of_kind(objects, *SERVING):
        labels = found["spec"]["template"]["metadata"]["labels"]
        mine = [one for one in budgets if selects(one["spec"].get("selector", {}), labels)]
        if component(found) not in _ALONE and len(mine) != 1:
            yield f"{title(found)}: {len(mine)} budgets"
    for budget in budgets:
        spec = budget["spec"]
        if spec.get("maxUnavailable") != 1:
            yield f"{title(budget)}: does not let one pod go"
        if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"{title(budget)}: a pod that fails blocks a drain"


def spread(objects: Sequence[Object]) -> Iterator[str]:
    """Replicas on several nodes and in several zones."""
    for found in of_kind(objects, *SERVING):
        template = found["spec"]["template"]
        if component(found) in _ALONE:
            continue
        keys = {
            one["topologyKey"]
            for one in template["spec"].get("topologySpreadConstraints", ())
            if selects(one["labelSelector"], template["metadata"]["labels"])
        }
        if keys != {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}:
            yield f"{title(found)}: is not spread"


def scaling(objects: Sequence[Object]) -> Iterator[str]:
    """Who is scaled has no fixed number of pods; gateways by processor and by requests in flight,
    Triton by its queue."""
    scaled = {one["spec"]["scaleTargetRef"]["name"]: one for one in scalers(objects)}
    for found in of_kind(objects, "Deployment"):
        if (found["metadata"]["name"] in scaled) == ("replicas" in found["spec"]):
            yield f"{title(found)}: two, or none, decide how many pods there are"
    for name, scaler in scaled.items():
        sources = {
            metric["resource"]["name"] if "resource" in metric else metric["pods"]["metric"]["name"]
            for metric in scaler["spec"].get("metrics", ())
        }
        wanted = {"triton_queue_microseconds"} if name.endswith("-triton") else {"cpu"}
        if not sources >= wanted:
            yield f"{title(scaler)}: scales by {sorted(sources)}"
        if scaler["spec"]["minReplicas"] > scaler["spec"]["maxReplicas"]:
            yield f"{title(scaler)}: the least is more than the most"


def scalers(objects: Sequence[Object]) -> list[Object]:
    return of_kind(objects, "HorizontalPodAutoscaler")


def no_gap(objects: Sequence[Object]) -> Iterator[str]:
    """An update takes no pod away before there is another, except where GPUs are scarce."""
    for found in of_kind(objects, "Deployment"):
        if component(found) in _ALONE | {"triton"}:
            continue
        if found["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable") != 0:
            yield f"{title(found)}: an update takes a pod away"


def triton(objects: Sequence[Object]) -> Iterator[str]:
    """Closed where nobody needs it open, ready by its models, with room in /dev/shm."""
    for found in of_kind(objects, "Deployment"):
        if component(found) != "triton":
            continue
        spec = found["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        for wanted in (
            "--model-control-mode=explicit",
            "--strict-readiness=true",
            "--http-restricted-api=model-repository:admin=$(TRITON_ADMIN_KEY)",
            "--grpc-restricted-protocol=model-repository:admin=$(TRITON_ADMIN_KEY)",
            "--http-restricted-api=shared-memory,trace,logging:closed=$(CLOSED_KEY)",
            "--grpc-restricted-protocol=shared-memory,trace,logging:closed=$(CLOSED_KEY)",
        ):
            if wanted not in container["args"]:
                yield f"{title(found)}: lacks {wanted}"
        memory = {one["name"] for one in spec["volumes"] if "Memory" in str(one.get("emptyDir"))}
        mounts = {one["mountPath"]: one for one in container["volumeMounts"]}
        if mounts.get("/dev/shm", {}).get("name") not in memory:
            yield f"{title(found)}: /dev/shm is no memory"
        if not mounts.get("/models", {}).get("readOnly"):
            yield f"{title(found)}: may write to the model repository"


def admin_key(objects: Sequence[Object]) -> Iterator[str]:
    """Triton's repository API opens to the publisher alone."""
    for where, container in containers(objects):
        knows = any(one["name"] == "TRITON_ADMIN_KEY" for one in container.get("env", ()))
        allowed = container["name"] == "triton" or "publisher" in container.get("command", ())
        if knows and not allowed:
            yield f"{where}: knows the key of Triton's repository API"


def jobs(objects: Sequence[Object]) -> Iterator[str]:
    """Evictions cost no try, tries are bounded, runs do not overlap."""
    for found in of_kind(objects, "CronJob"):
        if found["spec"].get("concurrencyPolicy") != "Forbid":
            yield f"{title(found)}: runs may overlap"
    for found in of_kind(objects, "Job", "CronJob"):
        spec = found["spec"]["jobTemplate"]["spec"] if found["kind"] == "CronJob" else found["spec"]
        rules = spec.get("podFailurePolicy", {}).get("rules") or ()
        ignored = [one for one in rules if one["action"] == "Ignore"]
        if not any("DisruptionTarget" in str(one) for one in ignored):
            yield f"{title(found)}: an eviction costs a try"
        if spec["template"]["spec"].get("restartPolicy") != "Never":
            yield f"{title(found)}: is restarted in place, which hides its failures"
        if "backoffLimit" not in spec:
            yield f"{title(found)}: tries are not counted"
        if "ttlSecondsAfterFinished" in spec:
            yield f"{title(found)}: vanishes, and the next upgrade runs it again"


def training(objects: Sequence[Object]) -> Iterator[str]:
    """Over all GPUs that are requested, and taken up where it was ended."""
    for found in of_kind(objects, "Job"):
        if component(found) != "training":
            continue
        template = template_of(found)
        assert template is not None
        train, export, *_ = containers_of(template["spec"])
        gpus = train["resources"]["limits"].get("nvidia.com/gpu", 0)
        if train["command"][0] != "torchrun" or f"--nproc-per-node={gpus}" not in train["command"]:
            yield f"{title(found)}: does not use the GPUs that it has"
        if "--resume" not in train["command"]:
            yield f"{title(found)}: begins anew after an eviction"
        if "sprc.export" not in export["command"]:
            yield f"{title(found)}: exports nothing"
