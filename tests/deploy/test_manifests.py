"""The plain manifests are what the chart makes, and their overlays hold to the same rules."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest

from deploy.manifests import BASE, manifests, without_helm
from tests.deploy.chart import TOOLS, Object, named, of_kind, parse, render, title
from tests.deploy.rules_objects import kept_claims, labels
from tests.deploy.test_rendering import VERSIONS
from tests.deploy.test_rules import RULES, Rule

OVERLAYS: Final = sorted(path.name for path in (BASE.parent / "overlays").iterdir())
# Labels of Helm, and claims that it is told to keep: kubectl deletes what it is told to.
HELMS: Final = (labels, kept_claims)
BUILDS: Final = ("base", *(f"overlays/{name}" for name in OVERLAYS))


@pytest.fixture(scope="module")
def built() -> dict[str, list[Object]]:
    """What ``kubectl kustomize`` makes of each folder."""
    return {name: parse(kustomize(BASE.parent / name)) for name in BUILDS}


def kustomize(folder: Path) -> str:
    answer = subprocess.run(
        [str(TOOLS / "kubectl"), "kustomize", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_the_base_is_what_the_chart_renders() -> None:
    there = {path.name: path.read_text() for path in BASE.glob("*.yaml")}
    assert there == manifests(), "run `make manifests`"


def test_the_base_is_the_chart_less_what_is_helms(built: dict[str, list[Object]]) -> None:
    chart = {
        title(found)
        for found in render(release="recompose")
        if found["metadata"]["labels"]["app.kubernetes.io/component"] != "test"
    }
    base = {title(found) for found in built["base"]}
    assert base == chart | {"Namespace recompose"}
    assert "helm" not in kustomize(BASE).lower()


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(name: str, version: str, built: dict[str, list[Object]]) -> None:
    for found in built[name]:
        kubernetes_validate.validate(found, version, strict=True)


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize(
    "rule", [one for one in RULES if one not in HELMS], ids=lambda rule: rule.__name__
)
def test_the_rules_of_the_chart_hold(name: str, rule: Rule, built: dict[str, list[Object]]) -> None:
    assert list(rule(built[name])) == []


@pytest.mark.parametrize("name", BUILDS)
def test_everything_is_in_one_namespace_that_is_restricted(
    name: str, built: dict[str, list[Object]]
) -> None:
    (namespace,) = of_kind(built[name], "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    others = [found for found in built[name] if found["kind"] != "Namespace"]
    assert {found["metadata"]["namespace"] for found in others} == {"recompose"}


def test_one_node_is_what_the_chart_makes_of_minimal_values(
    built: dict[str, list[Object]],
) -> None:
    chart = render("minimal", release="recompose")
    for name in ("recompose-gateway", "recompose-triton"):
        ours, charts = (
            named(one, "Deployment", name) for one in (built["overlays/one-node"], chart)
        )
        assert sizes([ours]) == sizes([charts])
        assert ours["spec"]["replicas"] == charts["spec"]["replicas"] == 1
        assert ours["spec"]["template"]["spec"].get("tolerations") is None
    assert budgets(built["overlays/one-node"]) == budgets(chart) != {}


def test_tls_is_what_the_chart_makes_of_it(built: dict[str, list[Object]]) -> None:
    """All objects, in all fields; lists of names and mounts may be in another order."""
    clients = '"clients":{"caSecret":"gateway-tls","secretName":"callers-tls"}'
    sets = [f'gateway.tls={{"secretName":"gateway-tls",{clients}}}']
    chart = {
        title(one): ordered(without_helm(one))
        for one in render("default", "--namespace=recompose", release="recompose", sets=sets)
        if one["metadata"]["labels"]["app.kubernetes.io/component"] != "test"
    }
    ours = {title(one): ordered(one) for one in built["overlays/tls"] if one["kind"] != "Namespace"}
    assert ours == chart


def ordered(found: Any) -> Any:
    """With lists of named things by their names."""
    if isinstance(found, list):
        whole = [ordered(one) for one in found]
        return (
            sorted(whole, key=_in_order) if all(isinstance(one, dict) for one in whole) else whole
        )
    if isinstance(found, dict):
        return {key: ordered(one) for key, one in found.items()}
    return found


def _in_order(found: Any) -> str:
    return json.dumps(found, sort_keys=True)


def sizes(objects: Sequence[Object]) -> list[Object]:
    return [one["spec"]["template"]["spec"]["containers"][0]["resources"] for one in objects]


def budgets(objects: Sequence[Object]) -> dict[str, str]:
    gateway = named(objects, "Deployment", "recompose-gateway")
    (container,) = gateway["spec"]["template"]["spec"]["containers"]
    return {
        one["name"]: one["value"] for one in container["env"] if one["name"].endswith("_BUDGET_S")
    }
