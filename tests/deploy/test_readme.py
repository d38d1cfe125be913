"""The chart's README lists every value, with what the comment in values.yaml says."""

import re
from pathlib import Path

import pytest
import yaml

from deploy.chart_readme import CHART, README, readme, values_of
from tests.deploy.chart import VALUES, helm

TEXT = (CHART / "values.yaml").read_text()


def test_the_readme_is_what_the_values_say() -> None:
    assert README.read_text() == readme(), "run `make manifests`"


def test_every_value_is_listed_with_its_default() -> None:
    listed = {value.path: value.default for value in values_of(TEXT)}
    assert len(listed) > 90

    def check(values: object, path: str) -> None:
        if path in listed:
            assert listed[path] == values
        elif isinstance(values, dict):
            for key, value in values.items():
                check(value, f"{path}.{key}".lstrip("."))
        else:
            raise AssertionError(f"{path} is not listed")

    check(yaml.safe_load(TEXT), "")


def test_a_value_without_a_comment_is_refused() -> None:
    text = TEXT.replace("  # Regions of the buckets.\n", "")
    broken = re.sub(r"\n  # Pods that search;[^\n]*", "", text)
    assert broken != text
    with pytest.raises(ValueError, match=r"gateway\.replicas has no comment"):
        list(values_of(broken))


@pytest.mark.parametrize("values", VALUES)
def test_every_file_for_ci_is_named(values: str) -> None:
    assert f"ci/{values}-values.yaml" in README.read_text()


@pytest.mark.parametrize("values", VALUES)
def test_the_notes_say_how_to_begin(values: str, tmp_path: Path) -> None:
    answer = helm(
        *("install", "shop", str(CHART), "--dry-run=client", "--namespace", "shops"),
        *("--values", str(CHART / "ci" / f"{values}-values.yaml")),
    )
    assert answer.returncode == 0, answer.stderr
    notes = answer.stdout.partition("NOTES:")[2]
    assert "helm test shop --namespace shops" in notes
    assert "service/shop-recompose-gateway 8080" in notes
    assert "/v1/products:search" in notes
    assert "deploy/secrets.sh .secrets" in notes
    assert "kubectl create secret generic recompose --namespace shops" in notes
    assert "Authorization: Bearer $KEY" in notes
    assert ("publish.compare=false" in notes) == (values == "gpu-ha")
