"""Fetching pictures by their address: off unless chosen, and then the same everywhere."""

import json
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
import yaml

from tests.deploy.chart import ROOT, Object, component, named, of_kind, refusal, render

INSIDE = (
    *("127.0.0.1", "10.0.0.1", "172.31.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1"),
    *("168.63.129.16", "192.0.0.192", "224.0.0.1", "255.255.255.255", "::1", "fd00:ec2::254"),
    *("fe80::1", "fec0::1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001::1", "ff02::1"),
)
OUTSIDE = ("93.184.216.34", "8.8.8.8", "2606:2800:220:1::1")


def env_of(objects: list[Object], name: str) -> dict[str, Any]:
    (container,) = named(objects, "Deployment", name)["spec"]["template"]["spec"]["containers"]
    return {one["name"]: one.get("value") for one in container["env"]}


def chosen(objects: list[Object]) -> tuple[str | None, str | None, bool]:
    """The gateway's two settings, and what the page is told."""
    env = env_of(objects, "shop-recompose-gateway")
    page = named(objects, "ConfigMap", "shop-recompose-storefront")["data"]["storefront.json"]
    return env.get("IMAGE_URIS"), env.get("IMAGE_URI_HOSTS"), json.loads(page)["image_uris"]


def ways_out(objects: list[Object]) -> dict[str, list[Any]]:
    """The egress rules to addresses at ports 80 and 443, by component."""
    return {
        component(policy): rules
        for policy in of_kind(objects, "NetworkPolicy")
        if (
            rules := [
                rule
                for rule in policy["spec"].get("egress", ())
                if {one["port"] for one in rule["ports"]} == {80, 443}
            ]
        )
    }


@pytest.mark.parametrize("sets", [(), ('gateway.imageUris.mode="off"',)])
def test_it_is_off_unless_chosen(sets: tuple[str, ...]) -> None:
    objects = render(sets=list(sets))
    assert chosen(objects) == (None, None, False)
    assert ways_out(objects) == {}


def test_an_off_without_quotes_is_off(rendered: dict[str, list[Object]]) -> None:
    """YAML reads it as false."""
    assert render(sets=["gateway.imageUris.mode=false"]) == rendered["default"]


def test_gateway_and_page_agree(rendered: dict[str, list[Object]]) -> None:
    assert chosen(rendered["gpu-ha"]) == ("public", None, True)
    hosts = "img.example.com,*.cdn.example.com"
    assert chosen(rendered["external-services"]) == ("allowlist", hosts, True)
    writer = env_of(rendered["gpu-ha"], "shop-recompose-gateway-writer")
    assert writer["IMAGE_URIS"] == "public"


@pytest.mark.parametrize(
    ("values", "who"),
    [("gpu-ha", {"gateway", "gateway-writer"}), ("external-services", {"gateway"})],
)
def test_only_gateways_get_out_and_nowhere_inside(
    values: str, who: set[str], rendered: dict[str, list[Object]]
) -> None:
    found = ways_out(rendered[values])
    assert found.keys() == who
    for (rule,) in found.values():
        blocks = [peer["ipBlock"] for peer in rule["to"]]
        reached = {
            address
            for address in (*INSIDE, *OUTSIDE)
            for block in blocks
            if ip_address(address) in ip_network(block["cidr"])
            and not any(ip_address(address) in ip_network(one) for one in block["except"])
        }
        assert reached == set(OUTSIDE)
        for block in blocks:  # Kubernetes refuses an exception that lies outside
            whole = ip_network(block["cidr"])
            assert all(ip_network(one).subnet_of(whole) for one in block["except"])  # type: ignore[arg-type]


def test_settings_that_contradict_each_other_are_refused() -> None:
    assert "imageUris.hosts is needed" in refusal('gateway.imageUris.mode="allowlist"')
    told = refusal('gateway.imageUris.mode="public"', 'gateway.imageUris.hosts=["shop.example"]')
    assert "needs mode allowlist" in told


def test_compose_tells_gateway_and_page_the_same() -> None:
    document = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    gateway = document["services"]["gateway"]["environment"]
    assert gateway["IMAGE_URIS"] == "${IMAGE_URIS:-off}"
    page = json.loads(document["configs"]["shop"]["content"])
    assert page["image_uris"] == gateway["IMAGE_URIS"]
    built = json.loads(
        (ROOT / "services" / "storefront" / "public" / "storefront.json").read_text()
    )
    assert page == built | {"image_uris": page["image_uris"]}
    (mounted,) = document["services"]["storefront"]["configs"]
    assert mounted == {"source": "shop", "target": "/srv/storefront/storefront.json"}
