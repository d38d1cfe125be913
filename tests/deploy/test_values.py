"""The schema is closed: a misspelt value, or one of the wrong kind, is refused."""

import ast
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.deploy.chart import CHART, ROOT, VALUES, refusal

SCHEMA: Final[dict[str, Any]] = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS: Final[dict[str, Any]] = yaml.safe_load((CHART / "values.yaml").read_text())
# Free by their nature: labels, annotations, parts of Kubernetes' own objects.
OPEN: Final = {
    "gateway.settings", "monitoring.labels", "objectStorage.serviceAccountAnnotations",
    "routes.annotations", "triton.nodeSelector",
}  # fmt: skip
# What the chart itself decides, and values must not.
OWN: Final = {
    "API_KEYS_FILE", "CORS_ORIGINS", "OIDC_AUDIENCE", "OIDC_ISSUER",
    "TLS_CERT_FILE", "TLS_CLIENT_CA_FILE", "TLS_KEY_FILE",
    "BUNDLE_DIR", "BUNDLES_DIR", "CACHE_KEY", "DATA_DIR", "DRAIN_BUDGET_S", "DRAIN_GRACE_S",
    "GRPC_HOST", "GRPC_PORT", "HEALTH_PORT", "HTTP_HOST", "HTTP_PORT", "IMAGE_STORE",
    "IMAGE_STORE_ENDPOINT", "IMAGE_STORE_REGION", "IMAGE_URIS", "IMAGE_URI_HOSTS",
    "QDRANT_API_KEY", "QDRANT_URL", "READY_FILE", "REDIS_URL", "SNAPSHOT_REDIS_URL",
    "STOREFRONT_DIR", "TRITON_URL",
}  # fmt: skip


def objects_of(values: dict[str, Any], path: str = "") -> Iterator[str]:
    """Paths of all objects within the values."""
    yield path
    for key, value in values.items():
        if isinstance(value, dict):
            yield from objects_of(value, f"{path}.{key}".lstrip("."))


def at(path: str) -> Any:
    found: Any = {}
    for key in reversed(path.split(".")):
        found = {key: found} if found else {key: {"misspelt": 1}}
    return found if path else {"misspelt": 1}


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("values", VALUES)
def test_the_values_for_ci_fit(values: str) -> None:
    given = yaml.safe_load((CHART / "ci" / f"{values}-values.yaml").read_text())
    assert list(Draft7Validator(SCHEMA).iter_errors(given)) == []


@pytest.mark.parametrize("path", sorted(set(objects_of(DEFAULTS)) - OPEN))
def test_a_misspelt_value_is_refused_everywhere(path: str) -> None:
    assert list(Draft7Validator(SCHEMA).iter_errors(at(path))), f"{path} is open"


def test_helm_names_the_misspelt_value() -> None:
    assert "'replica'" in refusal("gateway.replica=3")


def test_every_value_has_a_schema_and_a_default() -> None:
    def compare(schema: dict[str, Any], values: Any, path: str) -> None:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        if not isinstance(values, dict) or path in OPEN or path.endswith(("requests", "limits")):
            return
        known = schema["properties"].keys() - {"global"}
        assert values.keys() == known, path
        for key, value in values.items():
            compare(schema["properties"][key], value, f"{path}.{key}".lstrip("."))

    compare(SCHEMA, DEFAULTS, "")


@pytest.mark.parametrize(
    "given",
    [
        {"gateway": {"replicas": 0}},
        {"gateway": {"replicas": "2"}},
        {"gateway": {"settings": {"TRITON_URL": "elsewhere:1"}}},
        {"gateway": {"settings": {"SEARCH_BUDGET": 1}}},
        {"gateway": {"settings": {"IMAGE_URIS": "public"}}},
        {"gateway": {"imageUris": {"mode": "on"}}},
        {"gateway": {"imageUris": {"mode": "allowlist", "hosts": "shop.example"}}},
        *(
            {"gateway": {"imageUris": {"hosts": [host]}}}
            for host in ("*", "shop", "https://shop.example", "shop.example:80", "a.example,b")
        ),
        {"gateway": {"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}},
        {"gateway": {"tracing": {"endpoint": "collector:4317"}}},
        {"gateway": {"tracing": {"endpoint": "http://user:password@collector:4317"}}},
        {"gateway": {"tracing": {"share": 2}}},
        {"gateway": {"tls": {"secretName": "Gateway_TLS"}}},
        {"gateway": {"tls": {"clients": {"caKey": "../ca.crt"}}}},
        {"gateway": {"tls": {"clients": {"caKey": ""}}}},
        {"gateway": {"tls": {"certManager": {"issuerRef": "authority"}}}},
        {"gateway": {"tls": {"certManager": {"issuerRef": {"name": "a", "kind": ""}}}}},
        {"gateway": {"settings": {"HEALTH_PORT": 9000}}},
        {"gateway": {"settings": {"TLS_CERT_FILE": "/data/tls.crt"}}},
        {"qdrant": {"replicas": 2}},
        {"qdrant": {"external": {"url": "http://user:password@host:1"}}},
        {"redis": {"external": {"secret": "redis://host"}}},
        {"images": {"gateway": "recompose/gateway"}},
        {"images": {"gateway": "recompose/gateway:latest"}},
        {"images": {"gateway": "registry.example.com:5000/gateway"}},
        {"model": {"digest": "f479d64f6bab41"}},
        {"imports": {"feed": "../secrets"}},
        {"imports": {"feed": "/etc/passwd"}},
        {"imports": {"schedule": "hourly"}},
        {"backup": {"schedule": ""}},
        {"secret": ""},
        {"routes": {"kind": "nodePort"}},
        {"networkPolicy": {"clients": [{}]}},
        {"publish": {"margin": -1}},
    ],
    ids=json.dumps,
)
def test_a_wrong_value_is_refused(given: dict[str, Any]) -> None:
    assert list(Draft7Validator(SCHEMA).iter_errors(given))


@pytest.mark.parametrize(
    "image",
    [
        "recompose/gateway:0.1.0",
        "registry.example.com:5000/shop/gateway:0.1.0",
        "recompose/gateway@sha256:" + "0" * 64,
        "recompose/gateway:0.1.0@sha256:" + "0" * 64,
    ],
)
def test_an_image_with_a_tag_or_a_digest_is_taken(image: str) -> None:
    assert list(Draft7Validator(SCHEMA).iter_errors({"images": {"gateway": image}})) == []


def test_the_settings_are_the_gateways() -> None:
    tree = ast.parse((ROOT / "services" / "gateway" / "settings.py").read_text())
    (settings,) = (
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings"
    )
    names = {
        node.target.id.upper()
        for node in settings.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    allowed = SCHEMA["properties"]["gateway"]["properties"]["settings"]["propertyNames"]["enum"]
    assert names >= OWN
    assert set(allowed) == names - OWN
