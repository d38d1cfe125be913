"""One stack for all end-to-end tests: the demo catalog and the demo model, as `make up` runs."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import Stack, StartingStack

_begun = pytest.StashKey[StartingStack]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin the stack, where a test will want it: other tests run while it starts.

    It draws, embeds and imports 3,000 garments, which takes a minute of its own.
    """
    wanted = any("stack" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and not session.config.option.collectonly:
        folder = Path(tempfile.mkdtemp(prefix="recompose-stack-"))
        starting = StartingStack(folder)
        session.config.stash[_begun] = starting
        session.config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        session.config.add_cleanup(starting.end)


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with request.config.stash[_begun].running() as stack:
        yield stack
