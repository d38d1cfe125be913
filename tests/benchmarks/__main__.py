"""Measure how fast Recompose is, and write the report.

    make bench                         the short form, some ten minutes on two cores
    make bench-full                    the long form, hours
    PYTHONPATH=services:. .venv/bin/python -m tests.benchmarks --only gateway cache

Writes report.json, report.html, README.md and pictures into --output. What is measured stands in
tests/benchmarks/sections, one file each. A section that breaks is named in the report, its rows are
listed without values, and the command ends with 1. A target that is missed is no failure: it is
what the report is for.
"""

import argparse
import importlib
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

from tests.benchmarks.harness import report
from tests.benchmarks.harness.rows import Spec, complete
from tests.benchmarks.harness.section import Room, Section, Shared

SECTIONS: Final = (
    "gateway",
    "cache",
    "round_trip",
    "index",
    "preprocessing",
    "load",
    "peers",
    "imports",  # last of those that share a stack: what it imports stays there
    "training",
    "gpu",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every section came to its end, 1 otherwise."""
    chosen = _parser().parse_args(arguments)
    chosen.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="recompose-bench-") as folder:
        shared = Shared(Path(folder) / "stack")
        try:
            done = [
                _measured(name, chosen.full, chosen.output, Path(folder) / name, shared)
                for name in chosen.only
            ]
        finally:
            shared.close()
    text = report.as_markdown(done, "bench-full" if chosen.full else "bench")
    _write(chosen.output, text, report.as_json(done))
    if chosen.publish:
        _publish(chosen.publish, chosen.output, text, done)
    for section in done:
        for row in section.rows:
            if row.met is False:
                print(f"missed: {row.spec.name}: {row.value:.3g}, wanted {row.spec.target}")
    print(f"the report is {chosen.output / 'report.html'}")
    return int(any(section.broke for section in done))


def _measured(
    name: str, full: bool, output: Path, scratch: Path, shared: Shared
) -> report.Measured:
    section = cast(Section, importlib.import_module(f"tests.benchmarks.sections.{name}"))
    print(f"== {section.TITLE}", flush=True)
    scratch.mkdir()
    room = Room(full, scratch, output, shared, {spec.name: spec for spec in section.SPECS})
    broke = ""
    try:
        section.measure(room)
    except Exception as error:  # noqa: BLE001 - the others are still worth measuring
        traceback.print_exc()
        broke = f"{type(error).__name__}: {error}"
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return report.Measured(
        name=name,
        title=section.TITLE,
        about=section.ABOUT,
        rows=complete(section.SPECS, room.rows, lambda spec: _why_not(spec, full, broke)),
        tables=room.tables,
        pictures=room.pictures,
        seconds=time.monotonic() - room.began,
        broke=broke,
    )


def _why_not(spec: Spec, full: bool, broke: str) -> str:
    if spec.form == "gpu":
        return "measured where a GPU is present"
    if spec.form == "full" and not full:
        return "measured by `make bench-full` alone"
    return "its section ended before it" if broke else "it could not be measured here"


def _write(folder: Path, text: str, rows: str) -> None:
    (folder / "README.md").write_text(text)
    (folder / "report.json").write_text(rows)
    (folder / "report.html").write_text(report.as_html(text, folder))


def _publish(to: Path, output: Path, text: str, done: Sequence[report.Measured]) -> None:
    to.mkdir(parents=True, exist_ok=True)
    (to / "README.md").write_text(text)
    for section in done:
        for picture in section.pictures:
            shutil.copyfile(output / picture.file, to / picture.file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--full", action="store_true", help="the long form")
    add("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="SECTION",
        help=f"of {', '.join(SECTIONS)}; all without it")  # fmt: skip
    add("--output", type=Path, default=Path(".bench"), help="folder (default: %(default)s)")
    add("--publish", type=Path, help="also copy the text and its pictures there (docs/benchmarks)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
