"""A section of the report, and the room it is measured in."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from tests.benchmarks.harness.rows import Row, Spec, measured
from tests.support.stack import Stack, StartingStack

ROOT: Final = Path(__file__).parents[3]


class Section(Protocol):
    """What a module in ``sections/`` has."""

    TITLE: str
    ABOUT: str
    """A paragraph, Markdown: what is compared with what, and how."""
    SPECS: tuple[Spec, ...]

    def measure(self, room: "Room") -> None:
        """Measure, and leave rows, tables and pictures in the room."""


@dataclass(frozen=True, slots=True)
class Table:
    """Figures beside the rows: absolute values, growth, what was tried."""

    title: str
    head: Sequence[str]
    lines: Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG in the report's folder."""

    file: str
    says: str


@dataclass
class Room:
    """Where a section is measured.

    Attributes:
        full: the long form.
        scratch: an empty folder, removed afterwards.
        output: where pictures go.
    """

    full: bool
    scratch: Path
    output: Path
    shared: "Shared"
    specs: Mapping[str, Spec]
    rows: dict[str, Row] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def row(self, name: str, value: float, note: str) -> None:
        """A figure; ``note`` holds the absolute values and the spread.

        Raises:
            KeyError: no spec of the section has this name.
            ValueError: as ``rows.measured``.
        """
        self.rows[name] = row = measured(self.specs[name], value, note)
        self.say(f"{name}: {value:.3g} {row.spec.unit}; {row.note}")

    def skip(self, name: str, why: str) -> None:
        """A row that stays without a value; ``why`` is its note. Raises KeyError as `row`."""
        self.rows[name] = Row(self.specs[name], None, why)

    def table(self, title: str, head: Sequence[str], lines: Sequence[Sequence[object]]) -> None:
        """A table below the section's rows."""
        self.tables.append(Table(title, head, lines))

    def picture(self, file: str, says: str, draw: Callable[[Any], None], **size: float) -> None:
        """Draw on the axes of a new matplotlib figure and keep it as ``output/file`` (PNG)."""
        from tests.benchmarks.harness.pictures import drawn

        drawn(self.output / file, draw, **size)
        self.pictures.append(Picture(file, says))

    def say(self, text: str) -> None:
        """Progress, on standard output."""
        print(f"{time.monotonic() - self.began:7.1f} s  {text}", flush=True)

    def stack(self) -> Stack:
        """The whole stack with the demo catalog, as `make up` starts it; one for all sections."""
        return self.shared.stack()

    def elsewhere(self, python: Path, module: str, *arguments: str, timeout_s: float) -> Any:
        """Run ``module`` with another environment's Python; what it prints last is its JSON.

        Raises:
            RuntimeError: it failed, with its last words.
        """
        paths = os.pathsep.join(str(ROOT / each) for each in ("services", "training", "."))
        ran = subprocess.run(
            [python, "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if ran.returncode != 0:
            raise RuntimeError(f"{module} failed: {(ran.stderr or ran.stdout)[-2000:]}")
        return json.loads(ran.stdout.strip().splitlines()[-1])


class Shared:
    """What several sections use, made when the first one asks for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack: Stack | None = None
        self._closing = ExitStack()

    def stack(self) -> Stack:
        """Raises RuntimeError with its last words when it does not get ready."""
        if self._stack is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            # An audit of the index would begin in the midst of it, a minute after an import.
            starting = StartingStack(self._folder, AUDIT_QUIET_S="3600")
            self._stack = self._closing.enter_context(starting.running())
        return self._stack

    def close(self) -> None:
        """End what was started."""
        self._closing.close()
        self._stack = None
