"""TLS in what the chart renders: certificates, routes, names that callers use, what is refused."""

import re
import shutil
from pathlib import Path

import pytest

from tests.deploy import rules_monitoring, rules_tls
from tests.deploy.chart import (
    CHART,
    VALUES,
    Object,
    containers,
    helm,
    named,
    of_kind,
    refusal,
    render,
)
from tests.deploy.test_rules import RULES, Rule

ONE_WAY = ['gateway.tls={"secretName":"shop-gateway-tls"}']
MUTUAL = ['gateway.tls={"secretName":"a","clients":{"caSecret":"b","secretName":"c"}}']
PROXY = "nginx.ingress.kubernetes.io/"


@pytest.mark.parametrize(
    "sets", [ONE_WAY, MUTUAL, [*MUTUAL, 'gateway.tls.clients.caKey="roots.crt"']]
)
@pytest.mark.parametrize("values", ["external-services", "minimal"])
def test_the_rules_hold_without_an_issuer_of_the_clusters(values: str, sets: list[str]) -> None:
    objects = render(values, sets=sets)
    assert {one.__name__: list(one(objects)) for one in RULES} == {
        one.__name__: [] for one in RULES
    }
    assert not of_kind(objects, "Certificate")


@pytest.mark.parametrize("values", sorted({*VALUES} - {"tls"}))
def test_it_is_off_until_a_secret_is_named(values: str, rendered: dict[str, list[Object]]) -> None:
    text = str([one for one in rendered[values] if one["kind"] != "ConfigMap"])  # less our scripts
    assert not re.search(r"TLS_|HEALTH_PORT|8081|BackendTLSPolicy|proxy-ssl|HTTPS", text)


def test_a_certificate_names_all_that_gateways_are_called(
    rendered: dict[str, list[Object]],
) -> None:
    objects = rendered["tls"]
    certificate = named(objects, "Certificate", "shop-recompose-gateway")["spec"]
    called = {
        name
        for _, container in containers(objects)
        for text in (
            *container.get("command", ()),
            *container.get("args", ()),
            *(one.get("value", "") for one in container.get("env", ())),
        )
        for name in re.findall(r"(shop-recompose-gateway[a-z-]*):(?:8080|50051)", text)
    }
    assert called == {"shop-recompose-gateway", "shop-recompose-gateway-writer-headless"}
    services = {
        one["metadata"]["name"]
        for one in of_kind(objects, "Service")
        if "gateway" in one["metadata"]["name"] and "push" not in one["metadata"]["name"]
    }
    assert called <= services
    endings = ("", ".shops", ".shops.svc", ".shops.svc.cluster.local")
    assert set(certificate["dnsNames"]) == {one + end for one in services for end in endings}


def test_certificates_are_asked_for_by_their_use(rendered: dict[str, list[Object]]) -> None:
    """The fields of cert-manager.io/v1 that the chart uses, by its API reference."""
    issuer = {"name": "shop-authority", "kind": "ClusterIssuer", "group": "cert-manager.io"}
    key = {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"}
    found = {
        one["metadata"]["name"]: dict(one["spec"])
        for one in of_kind(rendered["tls"], "Certificate")
    }
    gateway, callers = (found.pop(f"shop-recompose-{name}") for name in ("gateway", "callers"))
    assert found == {}
    assert len(gateway.pop("dnsNames")) == 16
    assert gateway == {
        "secretName": "shop-gateway-tls",
        "issuerRef": issuer,
        "usages": ["digital signature", "server auth"],
        "privateKey": key,
    }
    assert callers == {
        "secretName": "shop-callers-tls",
        "issuerRef": issuer,
        "commonName": "shop-recompose-callers",
        "usages": ["digital signature", "client auth"],
        "privateKey": key,
    }


def test_a_common_name_fits_whatever_the_release_is_called() -> None:
    objects = render("tls", release="a-shop-with-a-very-long-name-that-fills-helms-limit-5")
    (callers,) = (one for one in of_kind(objects, "Certificate") if "commonName" in one["spec"])
    assert len(callers["spec"]["commonName"]) <= 64


def test_callers_of_their_own_issuer_need_none_of_the_gateways() -> None:
    objects = render("tls", sets=['gateway.tls.certManager.issuerRef.name=""'])
    assert [one["metadata"]["name"] for one in of_kind(objects, "Certificate")] == [
        "shop-recompose-callers"
    ]


@pytest.mark.parametrize(
    ("sets", "shown"), [([], "shop-callers-tls"), (ONE_WAY, "shop-gateway-tls")]
)
def test_an_ingress_checks_the_gateways(sets: list[str], shown: str) -> None:
    values = "tls" if not sets else "external-services"
    objects = render(values, sets=sets)
    found = {
        one["metadata"]["name"]: {
            key.removeprefix(PROXY): value
            for key, value in one["metadata"]["annotations"].items()
            if key.startswith(PROXY) and "size" not in key
        }
        for one in of_kind(objects, "Ingress")
    }
    checked = {
        "proxy-ssl-secret": f"shops/{shown}",
        "proxy-ssl-verify": "on",
        "proxy-ssl-name": "shop-recompose-gateway",
        "proxy-ssl-server-name": "on",
    }
    assert found == {
        "shop-recompose-api": {**checked, "backend-protocol": "HTTPS"},
        "shop-recompose-grpc": {**checked, "backend-protocol": "GRPCS"},
        # The page's own web server speaks plain text inside.
        "shop-recompose-shop": {},
    }


def test_annotations_of_ones_own_come_first() -> None:
    own = f'routes.annotations={{"{PROXY}proxy-ssl-name": "shop.internal"}}'
    api = named(render("tls", sets=[own]), "Ingress", "shop-recompose-api")
    assert api["metadata"]["annotations"][PROXY + "proxy-ssl-name"] == "shop.internal"
    assert api["metadata"]["annotations"][PROXY + "proxy-ssl-verify"] == "on"


def test_a_gateway_of_the_gateway_api_checks_the_gateways() -> None:
    """The fields of BackendTLSPolicy (gateway.networking.k8s.io/v1) that the chart uses."""
    objects = render("gpu-ha", sets=[*ONE_WAY, 'routes.gateway.caConfigMap="roots"'])
    policies = {
        one["metadata"]["name"]: one["spec"] for one in of_kind(objects, "BackendTLSPolicy")
    }
    backends = {
        backend["name"]
        for route in of_kind(objects, "HTTPRoute", "GRPCRoute")
        for rule in route["spec"]["rules"]
        for backend in rule["backendRefs"]
    }
    assert policies.keys() == backends - {"shop-recompose-storefront"}
    for name, spec in policies.items():
        assert spec == {
            "targetRefs": [{"group": "", "kind": "Service", "name": name}],
            "validation": {
                "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "roots"}],
                "hostname": name,
            },
        }


def test_only_the_live_side_of_a_publish_job_speaks_tls() -> None:
    objects = render("gpu-ha", sets=[*MUTUAL, 'routes.gateway.caConfigMap="roots"'])
    sides = {
        name: container
        for where, container in containers(objects)
        if (name := container["name"]).startswith("evaluate-")
    }
    address = {
        name: next(one for one in container["command"] if "--endpoint" in one)
        for name, container in sides.items()
    }
    assert address == {
        "evaluate-live": "--endpoint=https://shop-recompose-gateway:50051",
        "evaluate-candidate": "--endpoint=127.0.0.1:50051",
    }
    for rule in (one for one in RULES if one.__module__ == rules_tls.__name__):
        assert list(rule(objects)) == []


@pytest.mark.parametrize(
    ("values", "sets", "sentence"),
    [
        ("default", ['gateway.tls.clients.caSecret="a"'], "gateway.tls.secretName is needed"),
        (
            "default",
            ['gateway.tls.certManager.issuerRef.name="a"'],
            "gateway.tls.secretName is needed",
        ),
        (
            "default",
            [*ONE_WAY, 'gateway.tls.clients.caSecret="a"'],
            "gateway.tls.clients.secretName is needed",
        ),
        (
            "default",
            [*ONE_WAY, 'gateway.tls.clients.certManager.issuerRef.name="a"'],
            "gateway.tls.clients.secretName is needed",
        ),
        (
            "default",
            [*ONE_WAY, 'gateway.tls.clients.secretName="shop-gateway-tls"'],
            "callers need a key of their own",
        ),
        ("gpu-ha", ONE_WAY, "routes.gateway.caConfigMap is needed"),
    ],
)
def test_what_cannot_work_is_refused(values: str, sets: list[str], sentence: str) -> None:
    assert sentence in refusal(*sets, values=values)


def test_the_notes_say_how_to_call_it() -> None:
    def notes(values: str) -> str:
        answer = helm(
            *("install", "shop", str(CHART), "--dry-run=client", "--namespace", "shops"),
            *("--values", str(CHART / "ci" / f"{values}-values.yaml")),
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.partition("NOTES:")[2]

    assert "--cacert ca.crt --cert tls.crt --key tls.key" in notes("tls")
    assert "https://shop-recompose-gateway:8080/v1/products:search" in notes("tls")
    assert "--cacert" not in notes("default")


_TLS = "templates/_tls.tpl"
LINES: list[tuple[str, str, int, Rule]] = [
    (_TLS, "- name: HEALTH_PORT", 2, rules_tls.probes_in_plain_text),
    (_TLS, "mountPath: /tls", 2, rules_tls.tls_files),
    (_TLS, "defaultMode: 0440", 1, rules_tls.tls_keys),
    (_TLS, "- key: ca.crt", 2, rules_tls.tls_files),
    ("templates/gateway/_deployment.tpl", "- name: health", 2, rules_tls.probes_in_plain_text),
    ("templates/storefront/deployment.yaml", "- name: GATEWAY_TLS", 2, rules_tls.callers_check),
    ("templates/gateway/service.yaml", "- name: health", 4, rules_monitoring.monitors_meet),
]


@pytest.mark.parametrize(("file", "line", "count", "rule"), LINES)
def test_a_line_less_is_noticed(
    file: str, line: str, count: int, rule: Rule, tmp_path: Path
) -> None:
    chart = tmp_path / "recompose"
    shutil.copytree(CHART, chart)
    lines = (chart / file).read_text().splitlines()
    place = [one.strip() for one in lines].index(line)
    del lines[place : place + count]
    (chart / file).write_text("\n".join(lines) + "\n")
    assert list(rule(render("tls", chart=chart)))
