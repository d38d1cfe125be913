"""The report: rows as JSON, and one Markdown text that is also the HTML page."""

import base64
import json
import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

from tests.benchmarks.harness.rows import Row
from tests.benchmarks.harness.section import Picture, Table

_STYLE: Final = """
body{font:15px/1.55 system-ui,sans-serif;max-width:1000px;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0;width:100%}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}
img{max-width:100%}code{background:#f4f4f5;padding:0 .2em}h2{margin-top:2.5rem}
"""
_VERDICTS: Final = {True: "yes", False: "**no**", None: ""}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a section came to. ``broke`` is why it ended early, if it did."""

    name: str
    title: str
    about: str
    rows: Sequence[Row]
    tables: Sequence[Table]
    pictures: Sequence[Picture]
    seconds: float
    broke: str = ""


def as_json(sections: Iterable[Measured]) -> str:
    """``{"rows": [...]}`` as issue 9 has it, and where it was measured."""
    rows = [row.as_dict() for section in sections for row in section.rows]
    return json.dumps({"measured_on": machine(), "rows": rows}, indent=1) + "\n"


def as_markdown(sections: Sequence[Measured], form: str) -> str:
    """The whole report; pictures are beside it."""
    rows = [row for section in sections for row in section.rows]
    judged = [row for row in rows if row.met is not None]
    parts = [
        "# How fast Recompose is\n",
        f"Made by `make {form}`. Ratios compare things that were measured in turn in one run; the"
        " absolute values are in the notes, as medians with quartiles in brackets.\n",
        f"Measured on {machine()}.\n",
        f"{sum(bool(row.met) for row in judged)} of {len(judged)} judged rows reach their target; "
        f"{sum(row.value is None for row in rows)} of {len(rows)} rows were not measured in this"
        " form.\n",
        "## All rows\n",
        _table(
            ("row", "what it says", "value", "target", "met"),
            [
                (f"`{r.spec.name}`", r.spec.says, _value(r), r.spec.target or "", _VERDICTS[r.met])
                for r in rows
            ],
        ),
        *(_section(section) for section in sections),
    ]
    return "\n".join(parts)


def as_html(markdown: str, folder: Path) -> str:
    """One page that needs nothing else: the pictures, read from ``folder``, are inside."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)

    def inlined(found: re.Match[str]) -> str:
        data = base64.b64encode((folder / found[1]).read_bytes()).decode()
        return f'src="data:image/png;base64,{data}"'

    body = re.sub(r'src="([\w.-]+\.png)"', inlined, body)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>How fast Recompose is</title><style>{_STYLE}</style></head><body>{body}</body>"
        "</html>\n"
    )


def machine() -> str:
    """Processors, memory and what matters of the software; nothing that names the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = ", ".join(f"{name} {version(name)}" for name in ("grpcio", "onnxruntime", "numpy"))
    return (
        f"{os.cpu_count()} processors ({_processor()}), {memory:.0f} GiB of memory, "
        f"Python {platform.python_version()}, {parts}"
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _section(section: Measured) -> str:
    parts = [f"\n## {section.title}\n", section.about.strip() + "\n"]
    if section.broke:
        parts.append(f"**It ended early:** {section.broke}\n")
    parts.append(
        _table(
            ("row", "value", "target", "met", "note"),
            [
                (f"`{r.spec.name}`", _value(r), r.spec.target or "", _VERDICTS[r.met], r.note)
                for r in section.rows
            ],
        )
    )
    for table in section.tables:
        parts += [f"### {table.title}\n", _table(table.head, table.lines)]
    parts += [f"![{each.says}]({each.file})\n\n*{each.says}*\n" for each in section.pictures]
    parts.append(f"Took {section.seconds:.0f} s.\n")
    return "\n".join(parts)


def _table(head: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    def line(cells: Iterable[object]) -> str:
        return (
            "| " + " | ".join(escape(str(c), quote=False).replace("|", "/") for c in cells) + " |"
        )

    return "\n".join([line(head), line("---" for _ in head), *map(line, lines)]) + "\n"


def _value(row: Row) -> str:
    if row.value is None:
        return "not measured"
    unit = "" if row.spec.unit == "ratio" else f" {row.spec.unit}"
    digits = f"{row.value:,.0f}" if abs(row.value) >= 1000 else f"{row.value:.4g}"
    return digits + unit
