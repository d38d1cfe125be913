"""checkov over everything that is rendered: what it finds is explained here, or mended."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.deploy.chart import TOOLS, Object

# Checks that all (or all serving) pods fail on purpose. One that no longer fails must leave.
EXPLAINED: Final = {
    "CKV_K8S_11": "no processor limits: they make a search wait while the node idles; requests "
    "share processors fairly, and memory is limited",
    "CKV_K8S_15": "images are pulled if not present: tags of a release do not move",
    "CKV_K8S_35": "secrets as variables: the gateway, Redis, Qdrant and Triton take them so; each "
    "is a reference to a key of a Secret",
    "CKV_K8S_43": "tags, not digests: values.yaml takes NAME@sha256:... for whoever mirrors images",
}
# Checks that one object fails on purpose.
EXPLAINED_ONCE: Final = {
    ("CKV_K8S_8", "Pod.shops.shop-recompose-test"): "helm's test runs to its end",
    ("CKV_K8S_9", "Pod.shops.shop-recompose-test"): "helm's test serves nothing",
}
# What checkov must find, so that a run that checks nothing is noticed.
PLANTED: Final[Object] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "planted", "namespace": "shops"},
    "spec": {"containers": [{"name": "x", "image": "x", "securityContext": {"privileged": True}}]},
}


@pytest.fixture(scope="module")
def found(
    rendered: dict[str, list[Object]], tmp_path_factory: pytest.TempPathFactory
) -> Sequence[dict[str, Any]]:
    """The checks that failed; one run for all values, since checkov is slow to start."""
    folder: Path = tmp_path_factory.mktemp("checkov")
    for name, objects in {**rendered, "planted": [PLANTED]}.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump_all(objects))
    answer = subprocess.run(
        [
            *(str(TOOLS / "checkov"), "--directory", str(folder), "--framework", "kubernetes"),
            *("--skip-download", "--compact", "--quiet", "--output", "json"),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "BC_SKIP_MAPPING": "TRUE"},
    )
    report = json.loads(answer.stdout)
    assert report["summary"]["parsing_errors"] == 0
    failed: list[dict[str, Any]] = report["results"]["failed_checks"]
    return failed


def test_checkov_checks(found: Sequence[dict[str, Any]]) -> None:
    planted = {one["check_id"] for one in found if "planted" in one["resource"]}
    assert planted >= {"CKV_K8S_16", "CKV_K8S_20", "CKV_K8S_22", "CKV_K8S_31", "CKV_K8S_38"}


def test_nothing_fails_without_an_explanation(found: Sequence[dict[str, Any]]) -> None:
    unexplained = {
        f"{one['check_id']} {one['check_name']}: {one['resource']}"
        for one in found
        if one["check_id"] not in EXPLAINED
        and (one["check_id"], one["resource"]) not in EXPLAINED_ONCE
        and "planted" not in one["resource"]
    }
    assert unexplained == set()


def test_every_explanation_is_needed(found: Sequence[dict[str, Any]]) -> None:
    ours = [one for one in found if "planted" not in one["resource"]]
    assert {one["check_id"] for one in ours} >= EXPLAINED.keys()
    assert {(one["check_id"], one["resource"]) for one in ours} >= EXPLAINED_ONCE.keys()
