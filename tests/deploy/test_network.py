"""Who may talk to whom: the arrows of the design, all of them and no others."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.deploy.chart import (
    VALUES,
    WITH_PODS,
    Object,
    component,
    containers_of,
    of_kind,
    refusal,
    render,
    selects,
    template_of,
)

Arrows = set[tuple[str, str, int]]
MONITORED = ["monitoring.enabled=true", 'networkPolicy.monitoring=[{"podSelector":{}}]']

_GATEWAY = {("gateway", "triton", 8001), ("gateway", "qdrant", 6334), ("gateway", "redis", 6379)}
_WRITER = {("gateway-writer", to, port) for _, to, port in _GATEWAY}
PORTS = (6333, 6334, 6335, 6379, 8000, 8001, 8002, 8080, 9091, 9121, 50051)
DEFAULT: Arrows = {
    *_GATEWAY,
    ("qdrant", "qdrant", 6335),
    ("storefront", "gateway", 8080),
    ("test", "gateway", 8080),
}
ARROWS: dict[str, Arrows] = {
    "default": DEFAULT,
    "minimal": DEFAULT,
    "gpu-ha": {
        *DEFAULT,
        *_WRITER,
        ("import", "gateway-writer", 50051),
        ("import", "pushgateway", 9091),
        ("redis-exporter", "redis", 6379),
        ("publish", "gateway", 50051),
        ("publish", "triton", 8001),
        # A backup may compute vectors anew; a collection of pictures reads the index.
        ("upkeep", "triton", 8001),
        ("upkeep", "qdrant", 6334),
    },
    "external-services": {
        ("gateway", "triton", 8001),
        ("storefront", "gateway", 8080),
        ("test", "gateway", 8080),
        ("import", "gateway", 50051),
        ("upkeep", "triton", 8001),
    },
    # TLS changes what is said, not to whom.
    "tls": {
        *DEFAULT,
        *_WRITER,
        ("import", "gateway-writer", 50051),
        ("import", "pushgateway", 9091),
        ("redis-exporter", "redis", 6379),
    },
}


def labels_of(objects: Sequence[Object]) -> dict[str, dict[str, str]]:
    """Pod labels by component."""
    return {
        component(found): template["metadata"]["labels"]
        for found in objects
        if (template := template_of(found)) is not None
    }


def allowed(
    policies: Sequence[Object], side: str, peer: str, mine: Any, other: Any, port: int
) -> bool:
    """Whether one side's policies let it talk to ``other``, a pod of the release."""
    for policy in policies:
        if not selects(policy["spec"]["podSelector"], mine):
            continue
        for rule in policy["spec"].get(side, ()):
            ports = {one["port"] for one in rule["ports"]}
            pods = (one["podSelector"] for one in rule[peer] if one.keys() == {"podSelector"})
            if port in ports and any(selects(one, other) for one in pods):
                return True
    return False


def arrows(objects: Sequence[Object]) -> Arrows:
    """Who reaches whom at which port: what both of them allow."""
    policies, labels = of_kind(objects, "NetworkPolicy"), labels_of(objects)
    ports = range(6300, 6400), range(8000, 8100), range(9090, 9130), range(50050, 50060)
    return {
        (start, end, port)
        for start, mine in labels.items()
        for end, other in labels.items()
        for numbers in ports
        for port in numbers
        if allowed(policies, "egress", "to", mine, other, port)
        and allowed(policies, "ingress", "from", other, mine, port)
    }


@pytest.mark.parametrize("values", VALUES)
def test_pods_talk_along_the_arrows_of_the_design(
    values: str, rendered: dict[str, list[Object]]
) -> None:
    assert arrows(rendered[values]) == ARROWS[values]


@pytest.mark.parametrize("values", VALUES)
def test_neither_side_allows_more_than_both(values: str, rendered: dict[str, list[Object]]) -> None:
    """An end of an arrow without the other is a leftover, which a later change may complete."""
    objects = rendered[values]
    policies, labels = of_kind(objects, "NetworkPolicy"), labels_of(objects)
    for start, mine in labels.items():
        for end, other in labels.items():
            for port in PORTS:
                leaves = allowed(policies, "egress", "to", mine, other, port)
                enters = allowed(policies, "ingress", "from", other, mine, port)
                assert leaves == enters, (start, end, port)


def test_the_way_out_is_for_those_who_need_it(rendered: dict[str, list[Object]]) -> None:
    outside = {
        component(policy)
        for policy in of_kind(rendered["external-services"], "NetworkPolicy")
        if "203.0.113.0/24" in str(policy["spec"].get("egress"))
    }
    assert outside == {"gateway", "triton", "upkeep"}


@pytest.mark.parametrize("values", VALUES)
def test_clients_reach_shop_and_apis_only(values: str, rendered: dict[str, list[Object]]) -> None:
    found = {
        component(policy): {one["port"] for one in rule["ports"]}
        for policy in of_kind(rendered[values], "NetworkPolicy")
        for rule in policy["spec"].get("ingress", ())
        if any(
            "gateways" in str(peer) or "ingress-nginx" in str(peer)
            for peer in rule["from"]
            if "namespaceSelector" in peer
        )
    }
    wanted = {"gateway": {8080, 50051}, "storefront": {8080}}
    if values in ("gpu-ha", "tls"):
        wanted["gateway-writer"] = {8080, 50051}
    assert found == (wanted if values in ("gpu-ha", "external-services", "tls") else {})


def test_monitoring_reads_metrics_and_no_more(rendered: dict[str, list[Object]]) -> None:
    found = {
        values: {
            component(policy): {one["port"] for one in rule["ports"]}
            for policy in of_kind(rendered[values], "NetworkPolicy")
            for rule in policy["spec"].get("ingress", ())
            if "monitoring" in str(rule["from"])
        }
        for values in ("gpu-ha", "tls")
    }
    assert found["gpu-ha"] == {
        "gateway": {8080},
        "gateway-writer": {8080},
        "triton": {8002},
        "qdrant": {6333},
        "redis-exporter": {9121},
        "pushgateway": {9091},
    }
    # With TLS the health port, which has the metrics in plain text and nothing else.
    gateways = {"gateway": {8081}, "gateway-writer": {8081}}
    assert found["tls"] == found["gpu-ha"] | gateways


def test_an_exporter_reaches_a_redis_outside() -> None:
    objects = render("external-services", sets=MONITORED)
    (policy,) = (
        one for one in of_kind(objects, "NetworkPolicy") if component(one) == "redis-exporter"
    )
    assert "203.0.113.0/24" in str(policy["spec"]["egress"])


def test_without_monitoring_nothing_stands_open_for_it(rendered: dict[str, list[Object]]) -> None:
    """The peers of what is not there are left out, too."""
    for name in ("default", "minimal"):
        text = str(of_kind(rendered[name], "NetworkPolicy"))
        assert "redis-exporter" not in text
        assert "pushgateway" not in text


def test_traces_go_from_gateways_that_serve_to_their_collector(
    rendered: dict[str, list[Object]],
) -> None:
    found = {
        component(policy): {one["port"] for one in rule["ports"]}
        for policy in of_kind(rendered["gpu-ha"], "NetworkPolicy")
        for rule in policy["spec"].get("egress", ())
        if "telemetry" in str(rule["to"])
    }
    assert found == {"gateway": {4317}, "gateway-writer": {4317}}
    told = {
        component(one): {variable["name"]: variable.get("value") for variable in container["env"]}
        for one in of_kind(rendered["gpu-ha"], *WITH_PODS)
        if (template := template_of(one)) is not None
        for container in containers_of(template["spec"])
        if any(variable["name"].startswith("OTEL_") for variable in container.get("env", ()))
    }
    assert told.keys() == found.keys()
    for name, variables in told.items():
        assert variables["OTEL_SERVICE_NAME"] == f"recompose-{name}"
        assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector.telemetry:4317"
        assert variables["OTEL_TRACES_SAMPLER_ARG"] == "0.1"


def test_without_a_collector_nothing_is_said_of_traces(rendered: dict[str, list[Object]]) -> None:
    assert "OTEL_" not in str(rendered["default"])


def test_a_collector_that_no_policy_leads_to_is_refused() -> None:
    endpoint = 'gateway.tracing.endpoint="http://collector:4317"'
    assert "gateway.tracing.collector is needed" in refusal(endpoint)
    assert of_kind(render(sets=[endpoint, "networkPolicy.enabled=false"]), "Deployment")


def test_policies_can_be_left_to_others() -> None:
    assert not of_kind(render(sets=["networkPolicy.enabled=false"]), "NetworkPolicy")
