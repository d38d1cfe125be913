"""Sections of the benchmarks over a stack that runs already."""

from pathlib import Path

from tests.benchmarks.harness.section import Room, Section, Shared
from tests.support.stack import Stack


class Running(Shared):
    """What sections share, over a stack that was started by somebody else."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        super().__init__(folder)
        self._running = stack

    def stack(self) -> Stack:
        """The stack."""
        return self._running


def room_of(section: Section, folder: Path, stack: Stack, *, full: bool = False) -> Room:
    """Where a section is measured, all in one folder."""
    specs = {spec.name: spec for spec in section.SPECS}
    return Room(full, folder, folder, Running(folder, stack), specs)
