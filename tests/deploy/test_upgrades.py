"""An upgrade changes no field that Kubernetes refuses to change, and runs no finished Job again."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.chart import (
    CHART,
    SERVING,
    VALUES,
    Object,
    containers_of,
    of_kind,
    pods,
    render,
    template_of,
    title,
)

# What the shop's operator may change from one day to the next.
CHANGES = [
    'images.gateway="recompose/gateway:0.2.0"',
    'images.qdrant="qdrant/qdrant:v1.17.0-unprivileged"',
    "gateway.replicas=5",
    "gateway.autoscaling.enabled=true",
    "triton.replicas=3",
    "qdrant.replicas=5",
    "qdrant.replicationFactor=3",
    'gateway.settings={"MAX_IN_FLIGHT":64}',
    'storefront.name="Another"',
    'networkPolicy.monitoring=[{"podSelector":{}}]',
    "monitoring.enabled=true",
]


@pytest.fixture(scope="module")
def next_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart's next version, with the same templates."""
    chart = tmp_path_factory.mktemp("next") / "recompose"
    shutil.copytree(CHART, chart)
    text = (chart / "Chart.yaml").read_text()
    (chart / "Chart.yaml").write_text(re.sub(r"(?m)^(version|appVersion): .*", r"\1: 9.9.9", text))
    return chart


def immutable(objects: Sequence[Object]) -> dict[str, Any]:
    """What must not change, by object."""
    found = {}
    for one in objects:
        spec = one.get("spec", {})
        if one["kind"] == "Deployment":
            found[title(one)] = spec["selector"]
        elif one["kind"] == "StatefulSet":
            # All but these (and minReadySeconds) is immutable.
            mutable = {
                "replicas", "template", "updateStrategy", "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds", "ordinals", "revisionHistoryLimit",
            }  # fmt: skip
            found[title(one)] = {key: value for key, value in spec.items() if key not in mutable}
        elif one["kind"] == "Service":
            found[title(one)] = (spec.get("clusterIP"), spec.get("type"))
        elif one["kind"] == "PersistentVolumeClaim":
            found[title(one)] = (spec["accessModes"], spec.get("storageClassName"))
        elif one["kind"] == "Job":
            found[title(one)] = spec
    return found


@pytest.mark.parametrize("values", VALUES)
def test_immutable_fields_stay(
    values: str, next_chart: Path, rendered: dict[str, list[Object]]
) -> None:
    # Pictures on a claim for one pod leave gateways as they are.
    fixed = {"external-services": "qdrant.", "minimal": "gateway."}.get(values, "-")
    changes = [one for one in CHANGES if not one.startswith(fixed)]
    before = immutable(rendered[values])
    after = immutable(render(values, chart=next_chart, sets=changes))
    assert {name for name in before if "StatefulSet" in name} <= after.keys()
    differ = {name for name in before.keys() & after.keys() if before[name] != after[name]}
    assert differ == set()


def test_a_changed_claim_template_would_be_noticed(rendered: dict[str, list[Object]]) -> None:
    before = immutable(rendered["default"])
    after = immutable(render(sets=['qdrant.storage="30Gi"']))
    assert before["StatefulSet shop-recompose-qdrant"] != after["StatefulSet shop-recompose-qdrant"]


@pytest.mark.parametrize("values", ["gpu-ha", "external-services"])
def test_a_new_chart_alone_runs_no_job_again(
    values: str, next_chart: Path, rendered: dict[str, list[Object]]
) -> None:
    before = {title(one): one["spec"] for one in of_kind(rendered[values], "Job")}
    after = {title(one): one["spec"] for one in of_kind(render(values, chart=next_chart), "Job")}
    assert before
    assert before == after


def test_changed_arguments_make_another_job(rendered: dict[str, list[Object]]) -> None:
    before = {title(one) for one in of_kind(rendered["gpu-ha"], "Job")}
    changed = render("gpu-ha", sets=['training.arguments=["--epochs=3"]'])
    after = {title(one) for one in of_kind(changed, "Job")}
    # Publishing waits for the other training, and is another Job with it.
    assert {one.rpartition("-")[0] for one in before ^ after} == {
        "Job shop-recompose-training",
        "Job shop-recompose-publish",
    }


@pytest.mark.parametrize("values", VALUES)
def test_pods_of_a_new_chart_are_selected_by_the_old_selectors(
    values: str, next_chart: Path, rendered: dict[str, list[Object]]
) -> None:
    after = {title(one): one for one in render(values, chart=next_chart)}
    for one in of_kind(rendered[values], *SERVING):
        labels = after[title(one)]["spec"]["template"]["metadata"]["labels"]
        assert one["spec"]["selector"]["matchLabels"].items() <= labels.items()


LONG = "a-shop-with-a-very-long-name-that-fills-helms-limit-53"[:53]


@pytest.mark.parametrize("values", VALUES)
def test_names_stay_under_63_characters(values: str) -> None:
    for found in render(values, release=LONG):
        name = found["metadata"]["name"]
        # What a controller appends: -<hash>-<suffix>, -<ordinal> and a revision, -<time>-<suffix>.
        room = {"CronJob": 52, "StatefulSet": 52, "Deployment": 46, "Job": 57}
        assert len(name) <= room.get(found["kind"], 63), title(found)
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
        template = template_of(found)
        metadata = [found["metadata"], *([template["metadata"]] if template else [])]
        labels = [value for one in metadata for value in one.get("labels", {}).values()]
        assert max(map(len, labels)) <= 63
    for where, spec in pods(render(values, release=LONG)):
        names = [one["name"] for one in [*containers_of(spec), *spec.get("volumes", ())]]
        assert max(map(len, names)) <= 63, where


def test_long_releases_do_not_meet() -> None:
    one = {title(found) for found in render(release=LONG[:50] + "-a")}
    other = {title(found) for found in render(release=LONG[:50] + "-b")}
    assert not one & other


@pytest.mark.parametrize("release", ["shop.eu", "2nd-shop"])
def test_names_are_those_of_services(release: str) -> None:
    for found in of_kind(render(release=release), "Service"):
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", found["metadata"]["name"])


def test_a_release_named_after_the_chart_is_not_named_twice() -> None:
    assert "Service recompose-gateway" in {title(found) for found in render(release="recompose")}
