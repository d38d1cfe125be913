"""Who may call, in what the chart renders: settings, Secrets, and the keys of its own parts."""

import pytest

from tests.deploy.chart import VALUES, Object, named, refusal

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
        "secretName": "recompose",
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
                assert reference["name"] == "recompose"
                part = name.rpartition("-")[0] if kind == "Job" else name
                keys[kind, part, container["name"]] = reference["key"]
    # The candidate's own gateway is open to its pod alone, and looks at no key.
    keys.pop(("Job", "publish", "evaluate-candidate"))
    assert keys == PARTS


@pytest.mark.parametrize("values", VALUES)
def test_no_gateway_that_others_reach_is_open(
    rendered: dict[str, list[Object]], values: str
) -> None:
    found = [
        container
        for _, _, container in containers_of(rendered[values])
        if container["name"] in ("gateway", "candidate")
    ]
    assert found
    for container in found:
        settings = {one["name"]: one.get("value") for one in container["env"]}
        # The candidate of a publish Job listens on loopback, the default.
        assert ("API_KEYS_FILE" in settings) == ("HTTP_HOST" in settings)
        assert ("API_KEYS_FILE" in settings) == (container["name"] != "candidate")


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
            "networkPolicy.external is needed with access.oidc",
        ),
        (['access.corsOrigins=["*"]'], "corsOrigins"),
        (['access.oidc.issuer="a.test"'], "issuer"),
    ],
)
def test_what_cannot_work_is_refused(sets: list[str], sentence: str) -> None:
    assert sentence in refusal(*sets)
