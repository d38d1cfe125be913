"""Rendering the chart with the helm of .venv-deploy, and finding one's way in what comes out."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
CHART: Final = ROOT / "helm" / "recompose"
TOOLS: Final = Path(sys.prefix) / "bin"
VALUES: Final = tuple(
    sorted(path.name.removesuffix("-values.yaml") for path in CHART.glob("ci/*-values.yaml"))
)
SERVING: Final = ("Deployment", "StatefulSet")
WITH_PODS: Final = (*SERVING, "Job", "CronJob", "Pod")

Object = dict[str, Any]


def helm(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run helm; the caller looks at the status."""
    return subprocess.run(
        [str(TOOLS / "helm"), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def render(
    values: str = "default",
    *more: str,
    release: str = "shop",
    chart: Path = CHART,
    sets: Sequence[str] = (),
) -> list[Object]:
    """The objects that ``ci/VALUES-values.yaml`` makes of the chart, in the namespace ``shops``.

    Args:
        more: further options of ``helm template``.
        sets: NAME=VALUE, as JSON.
    """
    options = [option for one in sets for option in ("--set-json", one)]
    answer = helm(
        *("template", release, str(chart), "--namespace", "shops"),
        *("--values", str(CHART / "ci" / f"{values}-values.yaml"), *options, *more),
    )
    assert answer.returncode == 0, answer.stderr
    return parse(answer.stdout)


def refusal(*sets: str, values: str = "default") -> str:
    """What helm says to values that it must refuse."""
    options = [option for one in sets for option in ("--set-json", one)]
    answer = helm(
        *("template", "shop", str(CHART), *options),
        *("--values", str(CHART / "ci" / f"{values}-values.yaml")),
    )
    assert answer.returncode != 0, f"{sets} was not refused"
    return answer.stderr


def parse(text: str) -> list[Object]:
    """The objects of a YAML stream."""
    return [found for found in yaml.load_all(text, yaml.CSafeLoader) if found]


def of_kind(objects: Sequence[Object], *kinds: str) -> list[Object]:
    return [found for found in objects if found["kind"] in kinds]


def named(objects: Sequence[Object], kind: str, name: str) -> Object:
    """The one object of this kind and name."""
    (found,) = (one for one in of_kind(objects, kind) if one["metadata"]["name"] == name)
    return found


def title(found: Object) -> str:
    return f"{found['kind']} {found['metadata']['name']}"


def template_of(found: Object) -> Object | None:
    """Pod template (metadata and spec) of an object that makes pods."""
    if found["kind"] not in WITH_PODS:
        return None
    if found["kind"] == "Pod":
        return found
    spec: Object = found["spec"]
    if found["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    template: Object = spec["template"]
    return template


def pods(objects: Sequence[Object]) -> Iterator[tuple[str, Object]]:
    """Title and spec of every pod."""
    for found in objects:
        if (template := template_of(found)) is not None:
            yield title(found), template["spec"]


def containers_of(spec: Object) -> list[Object]:
    """Containers of a pod's spec, init containers among them."""
    return [*spec.get("initContainers", ()), *spec["containers"]]


def containers(objects: Sequence[Object]) -> Iterator[tuple[str, Object]]:
    """Title and spec of every container."""
    for where, spec in pods(objects):
        for container in containers_of(spec):
            yield f"{where}, container {container['name']}", container


def component(found: Object) -> str:
    labels: dict[str, str] = found["metadata"]["labels"]
    return labels["app.kubernetes.io/component"]


def selects(selector: Object, labels: Object) -> bool:
    """Whether a label selector matches these labels."""
    expressions = selector.get("matchExpressions", ())
    assert all(one["operator"] == "In" for one in expressions)
    return all(labels.get(k) == v for k, v in selector.get("matchLabels", {}).items()) and all(
        labels.get(one["key"]) in one["values"] for one in expressions
    )
