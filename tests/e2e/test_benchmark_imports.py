"""The benchmarks' section about imports runs, at a size that takes seconds."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks.harness.section import Room, Shared
from tests.benchmarks.imports_parts.encoder import RawEncoder
from tests.benchmarks.imports_parts.feeds import CATALOG
from tests.benchmarks.sections import imports
from tests.support.stack import Stack


class _Running(Shared):
    """What sections share, over a stack that runs already."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        super().__init__(folder)
        self._running = stack

    def stack(self) -> Stack:
        return self._running


@pytest.fixture
def room(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    tiny = replace(imports.SHORT, products=5, rounds=2, growth=(4, 8), window_s=0.3, batches=(1, 2))
    monkeypatch.setattr(imports, "SHORT", tiny)
    specs = {spec.name: spec for spec in imports.SPECS}
    yield Room(False, tmp_path, tmp_path, _Running(tmp_path, stack), specs)
    # The benchmarks end with their stack; this one goes on to other tests.
    shown, here = {"catalog": CATALOG, "page_size": "100"}, {"catalog": CATALOG}
    for product in stack.rest.get("/v1/products", params=shown).json()["products"]:
        stack.rest.delete(f"/v1/products/{product['id']}", params=here).raise_for_status()


def test_the_section_comes_to_its_end(room: Room) -> None:
    imports.measure(room)
    assert room.rows.keys() == {spec.name for spec in imports.SPECS if spec.form == "short"}
    assert room.rows["imports/again_inferences"].value == 0
    assert room.rows["imports/end_to_end"].value > 0  # type: ignore[operator]
    assert (room.output / room.pictures[0].file).stat().st_size > 5_000


def test_a_counter_that_stands_still_is_no_measurement(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RawEncoder, "inferences", lambda _: 7)
    with pytest.raises(RuntimeError, match="0 inferences were counted for 5 new products"):
        imports.measure(room)
