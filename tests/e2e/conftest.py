"""One stack for all end-to-end tests: the demo catalog and the demo model, as `make up` runs."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import READY_WITHIN_S, Stack, StartingStack

_FOLDER = Path(__file__).parent
_begun = pytest.StashKey[StartingStack]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First what needs no stack, while it starts; the first that does may have to wait for it."""
    here = [place for place, item in enumerate(items) if _FOLDER in item.path.parents]
    ordered = sorted((items[place] for place in here), key=_wants_stack)
    for place, item in zip(here, ordered, strict=True):
        items[place] = item
    first = next((item for item in ordered if _wants_stack(item)), None)
    if first is not None:
        first.add_marker(pytest.mark.timeout(READY_WITHIN_S + 300))


def _wants_stack(item: pytest.Item) -> bool:
    return "stack" in getattr(item, "fixturenames", ())


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin the stack, where a test will want it: other tests run while it starts.

    It draws, embeds and imports 3,000 garments, which takes a minute of its own.
    """
    if any(map(_wants_stack, session.items)) and not session.config.option.collectonly:
        folder = Path(tempfile.mkdtemp(prefix="recompose-stack-"))
        starting = StartingStack(folder)
        session.config.stash[_begun] = starting
        session.config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        session.config.add_cleanup(starting.end)


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with request.config.stash[_begun].running() as stack:
        yield stack
