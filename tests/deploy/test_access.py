"""Who may call, in what the chart renders: settings, Secrets, and the keys of its own parts."""

import pytest

from tests.deploy.chart import Object, named, refusal

PARTS = {
    ("Deployment", "storefront", "storefront"): "storefront-key",
    ("CronJob", "import", "import"): "import-key",
    ("Job", "publish", "evaluate-live"): "publish-key",
    ("Pod", "test", "search"): "test-key",
}
"""Who calls the gateway -> the key it takes out of the Secret."""


def pod_of(found: Object) -> Object:
    spec = found["spec"]
    if found["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    pod: Object = spec if found["kind"] == "Pod" else spec["template"]["spec"]
    return pod


def containers_of(objects: list[Object]) -> list[tuple[str, str, Object]]:
    """Kind and part of the object, and the container."""
    return [
        (found["kind"], found["metadata"]["name"].removeprefix("shop-recompose-"), container)
        for found in objects
        if found["kind"] in ("Deployment", "StatefulSet", "Job", "CronJob", "Pod")
        for group in ("initContainers", "containers")
        for container in pod_of(found).get(group, ())
    ]


@pytest.mark.parametrize("component", ["gateway", "gateway-writer"])
def test_gateways_read_the_keys_and_no_more_of_the_secret(
    rendered: dict[str, list[Object]], component: str
) -> None:
    found = named(rendered["gpu-ha"], "Deployment", f"shop-recompose-{component}")
    pod = pod_of(found)
    (volume,) = (one for one in pod["volumes"] if one["name"] == "access")
    assert volume["secret"] == {
        "secretName": "access",
        "items": [{"key": "api-keys.toml", "path": "api-keys.toml"}],
    }
    (container,) = pod["containers"]
    (mount,) = (one for one in container["volumeMounts"] if one["name"] == "access")
    (setting,) = (one for one in container["env"] if one["name"] == "API_KEYS_FILE")
    # No subPath: a Secret that changes reaches the file, and the gateway follows it.
    assert mount == {"name": "access", "mountPath": "/access", "readOnly": True}
    assert setting["value"] == "/access/api-keys.toml"


def test_each_part_that_calls_has_a_key_of_its_own(rendered: dict[str, list[Object]]) -> None:
    keys = {}
    for kind, name, container in containers_of(rendered["gpu-ha"]):
        for variable in container.get("env", ()):
            if variable["name"] == "RECOMPOSE_API_KEY":
                reference = variable["valueFrom"]["secretKeyRef"]
                assert reference["name"] == "access"
                part = name.rpartition("-")[0] if kind == "Job" else name
                keys[kind, part, container["name"]] = reference["key"]
    # The candidate's own gateway is open to its pod alone, and looks at no key.
    keys.pop(("Job", "publish", "evaluate-candidate"))
    assert keys == PARTS


def test_without_a_secret_nobody_has_or_needs_a_key(rendered: dict[str, list[Object]]) -> None:
    for _, _, container in containers_of(rendered["default"]):
        names = {variable["name"] for variable in container.get("env", ())}
        assert not names & {"RECOMPOSE_API_KEY", "API_KEYS_FILE", "OIDC_ISSUER", "CORS_ORIGINS"}


def test_issuer_and_origins_are_settings(rendered: dict[str, list[Object]]) -> None:
    found = named(rendered["external-services"], "Deployment", "shop-recompose-gateway")
    (container,) = pod_of(found)["containers"]
    settings = {one["name"]: one.get("value") for one in container["env"]}
    assert settings["OIDC_ISSUER"] == "https://login.example.com/shop"
    assert settings["OIDC_AUDIENCE"] == "recompose"
    assert settings["CORS_ORIGINS"] == "https://shop.example.com"


@pytest.mark.parametrize(
    ("sets", "sentence"),
    [
        (['access.oidc.issuer="https://a.test"'], "needs both issuer and audience"),
        (['access.oidc.audience="a"'], "needs both issuer and audience"),
        (
            ['access.oidc={"issuer":"https://a.test","audience":"a"}'],
            "access.secret is needed with access.oidc",
        ),
        (
            ['access={"secret":"a","oidc":{"issuer":"https://a.test","audience":"a"}}'],
            "networkPolicy.external is needed with access.oidc",
        ),
        (['access.corsOrigins=["*"]'], "corsOrigins"),
        (['access.oidc.issuer="a.test"'], "issuer"),
    ],
)
def test_what_cannot_work_is_refused(sets: list[str], sentence: str) -> None:
    assert sentence in refusal(*sets)
