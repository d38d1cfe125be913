"""``python deploy/chart_readme.py``: write the table of values into the chart's README.

A value's description is the comment above it in values.yaml. The tests compare the README with
what this makes, and refuse a value without a comment.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

CHART: Final = Path(__file__).resolve().parents[1] / "helm" / "recompose"
README: Final = CHART / "README.md"
_BEGIN: Final = "<!-- values: written by `make manifests` from values.yaml -->"
_END: Final = "<!-- end of values -->"
_KEY: Final = re.compile(r"( *)([A-Za-z]+):(?: (.*))?")


@dataclass(frozen=True)
class Value:
    """A line of values.yaml that sets something, or opens a group."""

    path: str
    description: str
    default: Any


def values_of(text: str) -> Iterator[Value]:
    """The values of a values.yaml, in its order; groups without a comment are left out.

    Raises ValueError for a value without a comment.
    """
    defaults = yaml.safe_load(text)
    comment: list[str] = []
    keys: list[str] = []
    skipped = 0
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comment.append(stripped.removeprefix("#").strip())
            continue
        match = _KEY.fullmatch(line)
        depth = len(match[1]) // 2 if match else 0
        if match and not (skipped and depth >= skipped):
            keys[depth:] = [match[2]]
            path = ".".join(keys)
            default = _at(defaults, keys)
            # A list, a map of resources or labels is one value, whatever is within.
            whole = match[3] is not None or (bool(comment) and _is_whole(default))
            skipped = depth + 1 if whole else 0
            if whole and not comment:
                raise ValueError(f"{path} has no comment")
            if whole:
                yield Value(path, " ".join(comment), default)
        comment = []


def readme() -> str:
    """The README as it should be."""
    text = README.read_text()
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n\n{_table()}\n{_END}{after}"


def _table() -> str:
    lines = ["| value | what it is | default |", "|---|---|---|"]
    for value in values_of((CHART / "values.yaml").read_text()):
        default = json.dumps(value.default, ensure_ascii=False)
        lines.append(f"| `{value.path}` | {value.description} | `{default}` |")
    return "\n".join(lines).replace("\\", "\\\\") + "\n"


def _at(values: Any, keys: list[str]) -> Any:
    for key in keys:
        values = values[key]
    return values


def _is_whole(default: Any) -> bool:
    return not isinstance(default, dict) or default.keys() == {"requests", "limits"}


if __name__ == "__main__":
    README.write_text(readme())
