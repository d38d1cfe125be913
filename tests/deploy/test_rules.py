"""The rules hold for every values file, and each fails when a line that it is about is gone."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.deploy import rules_monitoring, rules_objects, rules_pods, rules_tls, rules_workloads
from tests.deploy.chart import VALUES, Object
from tests.deploy.mutants import Mutants, added, changed, no_argument, no_object, without

Rule = Callable[[Sequence[Object]], Iterator[str]]


def _served(container: Any) -> bool:
    return "lifecycle" in container


def _is(name: str) -> Callable[[Any], bool]:
    return lambda container: bool(container["name"] == name)


def _one(name: str, source: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    return [{"name": name, "value": "plain"} if source is None else {"name": name, **source}]


def _of_tls(found: Any) -> bool:
    """Whether a container, a pod or a Service has to do with certificates."""
    return any(word in str(found) for word in ("TLS_C", "tls.crt", "'https'"))


def _calls(container: Any) -> bool:
    return _of_tls(container) and "RECOMPOSE_API_KEY" in str(container)


def _is_no_gateway(spec: Any) -> bool:
    return _of_tls(spec) and spec["containers"][0]["name"] != "gateway"


def _tls_volume(mode: int, secret: str) -> list[dict[str, Any]]:
    items = [{"key": "tls.key", "path": "tls.key"}]
    sources = [{"secret": {"name": secret, "items": items}}]
    return [{"name": "tls", "projected": {"defaultMode": mode, "sources": sources}}]


_ONE_FILE = {"name": "tls", "mountPath": "/tls/tls.crt", "subPath": "tls.crt", "readOnly": True}
_PROBE = {"path": "/healthz", "port": "health", "scheme": "HTTPS"}
_WITHOUT_MODE = [
    {"name": name, "value": "x"}
    for name in ("GATEWAY", "RECOMPOSE_API_KEY", "RECOMPOSE_TLS_CA", "RECOMPOSE_TLS_CERT",
                 "RECOMPOSE_TLS_KEY")
]  # fmt: skip
_ADDRESS = [{"name": "TRITON_URL", "value": "shop-recompose-triton:8000"}]
_GONE = [{"http": {"paths": [{"backend": {"service": {"name": "a", "port": {"name": "b"}}}}]}}]
_PARTS_GATEWAYS = {"matchLabels": {"app.kubernetes.io/component": "gateway"}}


def _keeps_its_job(monitor: Any) -> bool:
    return all("relabelings" not in one for one in monitor["spec"]["endpoints"])


# Each rule, with damage of which it must notice every single case.
RULES: dict[Rule, list[Mutants]] = {
    rules_pods.restricted: [
        without("pod.securityContext"),
        without("pod.securityContext.runAsNonRoot"),
        without("pod.securityContext.seccompProfile"),
        without("container.securityContext"),
        without("container.securityContext.allowPrivilegeEscalation"),
        without("container.securityContext.capabilities"),
        changed("container.securityContext.capabilities", {"drop": ["ALL"], "add": ["NET_RAW"]}),
        added("container.securityContext.privileged", True),
        added("container.securityContext.runAsUser", 0),
        added("pod.hostNetwork", True),
        changed("pod.volumes", [{"name": "x", "hostPath": {"path": "/"}}]),
        changed("container.ports", [{"containerPort": 1, "hostPort": 1}]),
    ],
    rules_pods.numeric_user: [
        without("pod.securityContext.runAsUser"),
        without("pod.securityContext.fsGroup"),
    ],
    rules_pods.read_only_root: [
        without("container.securityContext.readOnlyRootFilesystem"),
        changed("pod.volumes", [{"name": "tmp", "emptyDir": {}}]),
    ],
    rules_pods.no_token: [
        without("pod.automountServiceAccountToken"),
        without("pod.serviceAccountName"),
        without("ServiceAccount.automountServiceAccountToken"),
        no_object("ServiceAccount"),
    ],
    rules_pods.resources: [
        without("container.resources"),
        without("container.resources.limits"),
        without("container.resources.requests.cpu"),
        without("container.resources.limits.memory"),
    ],
    rules_pods.secrets_by_reference: [
        changed("container.env", _one("QDRANT_API_KEY")),
        changed("container.env", _one("REDIS_URL")),
        changed("container.env", _one("RECOMPOSE_TLS_KEY")),
    ],
    rules_pods.images: [
        changed("container.image", "recompose/gateway"),
        changed("container.image", "recompose/gateway:latest"),
        changed("container.image", "registry.example.com:5000/gateway"),
        changed("container.image", "recompose/triton-cpu:0.1.0"),
    ],
    rules_pods.own_names: [without("pod.enableServiceLinks")],
    rules_pods.ends_in_time: [
        without("container.lifecycle.preStop"),
        changed("container.lifecycle", {"preStop": {"sleep": {"seconds": 1}}}),
        without(
            "pod.terminationGracePeriodSeconds", where=lambda spec: _served(spec["containers"][0])
        ),
        changed(
            "pod.terminationGracePeriodSeconds",
            20,
            where=lambda spec: _served(spec["containers"][0]),
        ),
    ],
    rules_workloads.probes: [
        *(
            without(f"container.{probe}", where=lambda one: "livenessProbe" in one)
            for probe in ("startupProbe", "readinessProbe", "livenessProbe")
        ),
        changed("container.livenessProbe.httpGet.path", "/readyz"),
        changed("container.readinessProbe.httpGet.path", "/healthz", within="-gateway"),
    ],
    rules_workloads.pre_stop: [without("container.lifecycle")],
    rules_workloads.disruption: [
        no_object("PodDisruptionBudget"),
        without("PodDisruptionBudget.spec.maxUnavailable"),
        without("PodDisruptionBudget.spec.unhealthyPodEvictionPolicy"),
    ],
    rules_workloads.spread: [without("pod.topologySpreadConstraints")],
    rules_workloads.scaling: [
        without("Deployment.spec.replicas"),
        no_object("HorizontalPodAutoscaler"),
        without("HorizontalPodAutoscaler.spec.metrics"),
        changed("HorizontalPodAutoscaler.spec.maxReplicas", 0),
    ],
    rules_workloads.no_gap: [
        without("Deployment.spec.strategy", within="-gateway"),
        without("Deployment.spec.strategy.rollingUpdate.maxUnavailable", within="-storefront"),
    ],
    rules_workloads.triton: [
        *(
            no_argument(text, within="-triton")
            for text in ("control-mode", "strict", "http-restricted", "grpc-restricted")
        ),
        changed("pod.volumes", [{"name": "shm", "emptyDir": {}}], within="-triton"),
        changed("container.volumeMounts", [], within="-triton", where=_is("triton")),
    ],
    rules_workloads.admin_key: [
        changed(
            "container.env",
            _one("TRITON_ADMIN_KEY", {"valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}),
            where=lambda one: "gateway" in one.get("command", ()),
        )
    ],
    rules_workloads.jobs: [
        without("CronJob.spec.concurrencyPolicy"),
        without("CronJob.spec.jobTemplate.spec.podFailurePolicy"),
        without("CronJob.spec.jobTemplate.spec.backoffLimit"),
        without("Job.spec.podFailurePolicy"),
        without("Job.spec.backoffLimit"),
        without("Job.spec.template.spec.restartPolicy"),
        added("Job.spec.ttlSecondsAfterFinished", 60),
    ],
    rules_workloads.training: [
        no_argument("--resume", within="-training", key="command"),
        no_argument("--nproc", within="-training", key="command"),
        no_argument("sprc.export", within="-training", key="command"),
        changed("container.resources.limits", {}, within="-training", where=_is("train")),
    ],
    rules_objects.labels: [
        without("Service.metadata.labels"),
        without("Deployment.metadata.namespace"),
        without("Pod.metadata.namespace"),
    ],
    rules_objects.selectors: [
        changed("Deployment.spec.selector.matchLabels", {"app.kubernetes.io/name": "recompose"}),
        changed("Service.spec.selector", {"app.kubernetes.io/name": "recompose"}),
        changed("Service.spec.ports", [{"name": "http", "port": 1, "targetPort": "gone"}]),
    ],
    rules_objects.addresses: [
        no_object("Service", within="-redis"),
        no_object("Service", within="-triton"),
        changed("container.env", _ADDRESS),
    ],
    rules_objects.references: [
        no_object("PersistentVolumeClaim"),
        *(no_object("ConfigMap", within=name) for name in ("-storefront", "-publish", "-test")),
        without("pod.volumes"),
        no_object("Service", within="-qdrant-peers"),
        changed("HorizontalPodAutoscaler.spec.scaleTargetRef", {"name": "gone"}),
        changed("HTTPRoute.spec.rules", [{"backendRefs": [{"name": "gone", "port": 8080}]}]),
        changed("GRPCRoute.spec.rules", [{"backendRefs": [{"name": "gone", "port": 8080}]}]),
        changed("Ingress.spec.rules", _GONE),
    ],
    rules_objects.headless: [
        no_object("Service", within="-headless"),
        without("Service.spec.clusterIP", within="-triton"),
        no_object("Service", within="-triton"),
    ],
    rules_objects.kept_claims: [
        without("PersistentVolumeClaim.metadata.annotations"),
        without("StatefulSet.spec.persistentVolumeClaimRetentionPolicy"),
    ],
    rules_objects.policies: [
        no_object("NetworkPolicy"),
        without("NetworkPolicy.spec.policyTypes"),
        changed("NetworkPolicy.spec.egress", [{}]),
        changed("NetworkPolicy.spec.ingress", [{"from": [], "ports": [{"port": 1}]}]),
    ],
    rules_tls.tls_files: [
        changed("container.volumeMounts", [], where=_of_tls),
        changed("container.volumeMounts", [_ONE_FILE], where=_of_tls),
        changed("pod.volumes", [], where=_of_tls),
        changed("pod.volumes", _tls_volume(0o440, "a"), where=_of_tls),
    ],
    rules_tls.tls_keys: [
        changed("pod.volumes", _tls_volume(0o440, "shop-gateway-tls"), where=_is_no_gateway),
        changed(
            "pod.volumes", _tls_volume(0o440, "shop-callers-tls"), within="-gateway", where=_of_tls
        ),
        changed("pod.volumes", _tls_volume(0o444, "shop-callers-tls"), where=_is_no_gateway),
    ],
    rules_tls.probes_in_plain_text: [
        *(
            changed(f"container.{probe}.httpGet", port, within="-gateway", where=_of_tls)
            for probe in ("startupProbe", "readinessProbe", "livenessProbe")
            for port in (_PROBE, {"path": "/healthz", "port": "http"})
        ),
        changed("container.ports", [], within="-gateway", where=_of_tls),
    ],
    rules_tls.health_stays_inside: [
        changed(
            "NetworkPolicy.spec.ingress",
            [{"from": [{"podSelector": {}}], "ports": [{"port": 8081}]}],
        ),
        without("Service.spec.clusterIP", within="-headless", where=_of_tls),
    ],
    rules_tls.callers_check: [
        changed("container.env", _one("RECOMPOSE_API_KEY"), where=_calls),
        changed("container.env", _WITHOUT_MODE, within="-storefront", where=_calls),
        no_argument("https://", within="-import", key="command"),
        no_argument("https://", within="-test"),
    ],
    rules_tls.says_what_it_speaks: [
        changed("Service.spec.ports", [{"name": "grpc", "port": 50051}], within="-gateway"),
        changed("Service.spec.ports", [{"name": "http", "port": 8080}], within="-gateway"),
    ],
    rules_monitoring.monitored: [
        no_object("ServiceMonitor"),
        changed("ServiceMonitor.spec.selector", {"matchLabels": {"release": "shop"}}),
        # Two Services of each gateway name its pods.
        changed("ServiceMonitor.spec.selector", _PARTS_GATEWAYS, within="-gateway"),
    ],
    rules_monitoring.monitors_meet: [
        without("ServiceMonitor.spec.namespaceSelector"),
        changed("ServiceMonitor.spec.namespaceSelector", {"any": True}),
        changed("ServiceMonitor.spec.namespaceSelector", {"matchNames": ["elsewhere"]}),
        changed("ServiceMonitor.spec.selector", {"matchLabels": {"release": "shop"}}),
        changed("ServiceMonitor.spec.endpoints", [{"port": "gone", "path": "/metrics"}]),
        changed("ServiceMonitor.spec.endpoints", [{"port": "http", "path": "/"}]),
        changed("ServiceMonitor.spec.endpoints", [{"targetPort": 8080, "path": "/metrics"}]),
        changed("ServiceMonitor.spec.jobLabel", "gone", where=_keeps_its_job),
        added("ServiceMonitor.spec.podMetricsEndpoints", []),
        *(changed("Service.spec.ports", [], within=name) for name in ("-exporter", "-pushg")),
    ],
    rules_monitoring.monitors_enter: [
        *(
            without("NetworkPolicy.spec.ingress", within=f"-{name}")
            for name in ("gateway-writer", "redis-exporter", "pushgateway")
        ),
    ],
}


def _name(rule: Rule) -> str:
    return rule.__name__


@pytest.mark.parametrize("rule", RULES, ids=_name)
@pytest.mark.parametrize("values", VALUES)
def test_the_rule_holds(rule: Rule, values: str, rendered: dict[str, list[Object]]) -> None:
    assert list(rule(rendered[values])) == []


@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_the_rule_notices(rule: Rule, rendered: dict[str, list[Object]]) -> None:
    for number, mutants in enumerate(RULES[rule]):
        cases = [
            (f"{values}: {what}", objects)
            for values in VALUES
            for what, objects in mutants(rendered[values])
        ]
        assert cases, f"damage {number} meets nothing"
        unnoticed = [what for what, objects in cases if not any(rule(objects))]
        assert unnoticed == []
