"""What the chart makes is valid on three versions of Kubernetes, and helm has nothing to say."""

import json
from typing import Any

import kubernetes_validate
import pytest

from tests.deploy.chart import (
    CHART,
    VALUES,
    Object,
    component,
    helm,
    named,
    of_kind,
    refusal,
    render,
    title,
)

# The oldest that the chart allows, one between, and the newest that has schemas.
VERSIONS = ("1.31", "1.33", "1.36")
# Custom resources, for which Kubernetes itself has no schema: see the test of the routes,
# test_monitoring and test_tls.
CUSTOM = {"gateway.networking.k8s.io/v1", "monitoring.coreos.com/v1", "cert-manager.io/v1"}


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(
    values: str, version: str, rendered: dict[str, list[Object]]
) -> None:
    for found in rendered[values]:
        if found["apiVersion"] not in CUSTOM:
            kubernetes_validate.validate(found, version, strict=True)


def test_validation_is_strict(rendered: dict[str, list[Object]]) -> None:
    found = json.loads(json.dumps(of_kind(rendered["default"], "Deployment")[0]))
    found["spec"]["template"]["spec"]["terminationGracePeriod"] = 30
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(found, VERSIONS[0], strict=True)


@pytest.mark.parametrize("values", VALUES)
def test_lint_is_clean(values: str) -> None:
    answer = helm("lint", "--strict", str(CHART), "-f", str(CHART / f"ci/{values}-values.yaml"))
    assert answer.returncode == 0, answer.stdout
    assert "[WARNING]" not in answer.stdout + answer.stderr


def test_older_versions_of_kubernetes_are_refused() -> None:
    answer = helm("template", "shop", str(CHART), "--kube-version", "1.30.0")
    assert "chart requires kubeVersion" in answer.stderr


@pytest.mark.parametrize("values", VALUES)
def test_no_name_is_used_twice(values: str, rendered: dict[str, list[Object]]) -> None:
    titles = [title(found) for found in rendered[values]]
    assert len(titles) == len(set(titles))


def test_the_defaults_are_the_default_values(rendered: dict[str, list[Object]]) -> None:
    answer = helm("template", "shop", str(CHART), "--namespace", "shops")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("\nkind: ") == len(rendered["default"])


def test_routes_send_writes_to_the_writer(rendered: dict[str, list[Object]]) -> None:
    """The fields of the Gateway API v1 that the chart uses, by its specification."""
    routes = of_kind(rendered["gpu-ha"], "HTTPRoute", "GRPCRoute")
    backends: dict[str, list[tuple[Any, str]]] = {}
    for route in routes:
        spec = route["spec"]
        assert spec.keys() == {"parentRefs", "hostnames", "rules"}
        assert spec["parentRefs"] == [{"name": "public", "namespace": "gateways"}]
        for rule in spec["rules"]:
            assert rule.keys() <= {"matches", "backendRefs"}
            (backend,) = rule["backendRefs"]
            for match in rule.get("matches", [{}]):
                backends.setdefault(spec["hostnames"][0], []).append((match, backend["name"]))
    writer = "shop-recompose-gateway-writer"
    written = {"type": "PathPrefix", "value": "/v1/products"}
    assert backends["api.example.com"] == [
        ({"path": written, "method": "PUT"}, writer),
        ({"path": written, "method": "DELETE"}, writer),
        ({"path": {"type": "PathPrefix", "value": "/v1/"}}, "shop-recompose-gateway"),
    ]
    assert {
        match["method"]["method"]: name
        for match, name in backends["grpc.example.com"]
        if "method" in match
    } == dict.fromkeys(("ImportProducts", "UpdateProduct", "DeleteProduct"), writer)
    assert backends["shop.example.com"] == [({}, "shop-recompose-storefront")]


def test_an_ingress_speaks_grpc_to_the_grpc_port(rendered: dict[str, list[Object]]) -> None:
    ingresses = {
        one["metadata"]["name"]: one for one in of_kind(rendered["external-services"], "Ingress")
    }
    assert len(ingresses) == 3
    protocols = {
        name: one["metadata"]["annotations"].get("nginx.ingress.kubernetes.io/backend-protocol")
        for name, one in ingresses.items()
    }
    assert protocols == {
        "shop-recompose-api": None,
        "shop-recompose-grpc": "GRPC",
        "shop-recompose-shop": None,
    }
    paths = {
        name: one["spec"]["rules"][0]["http"]["paths"][0]["path"] for name, one in ingresses.items()
    }
    assert paths == {
        "shop-recompose-api": "/v1",
        "shop-recompose-grpc": "/",
        "shop-recompose-shop": "/",
    }
    for one in ingresses.values():
        assert one["spec"]["tls"][0]["hosts"] == [one["spec"]["rules"][0]["host"]]


@pytest.mark.parametrize(
    ("values", "of_qdrant", "of_redis"),
    [("default", True, True), ("external-services", False, False)],
)
def test_stores_are_built_in_or_outside_and_never_both(
    values: str, of_qdrant: bool, of_redis: bool, rendered: dict[str, list[Object]]
) -> None:
    components = {component(found) for found in rendered[values]}
    assert ("qdrant" in components, "redis" in components) == (of_qdrant, of_redis)


@pytest.mark.parametrize(
    ("one", "gone", "stays"),
    [
        ('qdrant.external={"url":"http://q.example.com:6334"}', "qdrant", "redis"),
        ('redis.external={"secret":"caches"}', "redis", "qdrant"),
    ],
)
def test_one_store_outside_leaves_the_other_in(one: str, gone: str, stays: str) -> None:
    way_out = 'networkPolicy.external=[{"to":[{"ipBlock":{"cidr":"203.0.113.0/24"}}]}]'
    components = {component(found) for found in render(sets=[one, way_out])}
    assert gone not in components
    assert stays in components


def test_autoscaling_of_gateways_follows_their_own_metric(
    rendered: dict[str, list[Object]],
) -> None:
    (scaler,) = (
        one
        for one in of_kind(rendered["gpu-ha"], "HorizontalPodAutoscaler")
        if one["metadata"]["name"] == "shop-recompose-gateway"
    )
    resource, own = scaler["spec"]["metrics"]
    assert resource["resource"]["name"] == "cpu"
    assert own["pods"]["metric"]["name"] == "recompose_requests_in_flight"
    assert own["pods"]["target"] == {"type": "AverageValue", "averageValue": "48"}


@pytest.mark.parametrize(
    ("values", "sets", "sentence"),
    [
        ("default", ['model.source="bucket"'], "model.digest is needed"),
        ("default", ['model.source="claim"'], "model.digest is needed"),
        (
            "default",
            ['model={"source":"bucket","digest":"0123456789ab"}'],
            "model.bucket is needed",
        ),
        ("default", ['model.further=["0123456789ab"]'], "model.further is for"),
        ("default", ['pictures.accessMode="ReadWriteOnce"'], "pictures.accessMode ReadWriteOnce"),
        ("default", ['pictures.bucket="s3://pictures"'], "networkPolicy.external is needed"),
        ("default", ["publish.enabled=true"], "publish.enabled needs model.source claim"),
        ("gpu-ha", ['training={"claim":""}'], "training.claim"),
        ("default", ["training.enabled=true"], "training.claim is needed"),
        (
            "default",
            ["triton.replicas=5", "triton.autoscaling.enabled=true"],
            "triton.autoscaling.maxReplicas is less than triton.replicas",
        ),
        (
            "gpu-ha",
            ["gateway.writer.replicas=5"],
            "gateway.writer.autoscaling.maxReplicas is less than gateway.writer.replicas",
        ),
        ("default", ["qdrant.replicationFactor=2"], "qdrant.replicationFactor is more"),
        ("default", ["imports.enabled=true"], "imports.claim is needed"),
        ("default", ['routes.kind="ingress"'], "networkPolicy.clients is needed"),
        ("default", ["monitoring.enabled=true"], "networkPolicy.monitoring is needed"),
    ],
)
def test_what_cannot_work_together_is_refused(values: str, sets: list[str], sentence: str) -> None:
    assert sentence in refusal(*sets, values=values)


def test_numbers_are_written_in_full() -> None:
    settings = {"MAX_IN_FLIGHT": 1_000_000, "SEARCH_BUDGET_S": 1.5, "LOG_FORMAT": "text"}
    objects = render(
        sets=[f"gateway.settings={json.dumps(settings)}", "redis.cache.maxMemoryMiB=4000000"]
    )
    gateway = named(objects, "Deployment", "shop-recompose-gateway")
    env = {
        one["name"]: one.get("value")
        for one in gateway["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert {name: env[name] for name in settings} == {
        "MAX_IN_FLIGHT": "1000000",
        "SEARCH_BUDGET_S": "1.5",
        "LOG_FORMAT": "text",
    }
    redis = named(objects, "Deployment", "shop-recompose-redis-cache")
    (container,) = redis["spec"]["template"]["spec"]["containers"]
    assert "4000000mb" in container["args"]
    assert container["resources"]["limits"]["memory"] == "5000032Mi"
