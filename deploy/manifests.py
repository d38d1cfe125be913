"""``python deploy/manifests.py``: render the chart into deploy/kubernetes/base, for kubectl.

What is Helm's alone (its labels, annotations and test) is left out. The tests compare what lies
there with what this makes.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

_ROOT: Final = Path(__file__).resolve().parents[1]
BASE: Final = _ROOT / "deploy" / "kubernetes" / "base"
_NAME: Final = "recompose"
_HEAD: Final = "# Rendered from helm/recompose by `make manifests`; change the chart, not this.\n"
_COMPONENT: Final = "app.kubernetes.io/component"


def manifests() -> dict[str, str]:
    """The content of each file of the base, by its name. Raises SystemExit with helm's words."""
    files: dict[str, list[dict[str, Any]]] = {"namespace.yaml": [_namespace()]}
    for found in _rendered():
        component = found["metadata"]["labels"][_COMPONENT]
        if component == "test":
            continue
        files.setdefault(f"{component}.yaml", []).append(without_helm(found))
    listed = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(files),
    }
    return {name: _HEAD + _dump(objects) for name, objects in files.items()} | {
        "kustomization.yaml": _HEAD + _dump([listed])
    }


def _rendered() -> Iterator[dict[str, Any]]:
    helm = Path(sys.prefix) / "bin" / "helm"
    answer = subprocess.run(  # noqa: S603 - the chart of this repository
        [str(helm), "template", _NAME, str(_ROOT / "helm" / _NAME), "--namespace", _NAME],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise SystemExit(answer.stderr)
    yield from (found for found in yaml.safe_load_all(answer.stdout) if found)


def _namespace() -> dict[str, Any]:
    """Its labels have the cluster refuse any pod that is not 'restricted'."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": _NAME,
            "labels": {
                f"pod-security.kubernetes.io/{mode}": "restricted"
                for mode in ("enforce", "audit", "warn")
            },
        },
    }


def without_helm(value: Any) -> Any:
    if isinstance(value, list):
        return [without_helm(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {
        key: "kubectl" if key == "app.kubernetes.io/managed-by" else without_helm(one)
        for key, one in value.items()
        if not str(key).startswith("helm.sh/")
    }
    if kept.get("annotations") == {}:
        del kept["annotations"]
    return kept


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Lists are indented, texts of several lines stay so."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _dump(objects: list[dict[str, Any]]) -> str:
    text: str = yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, width=100)
    return text


def main() -> None:
    """Write the base anew; files that are no part of it any more go."""
    wanted = manifests()
    for path in BASE.glob("*.yaml"):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (BASE / name).write_text(content)


if __name__ == "__main__":
    main()
