"""What a build that was ended early need not do again."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from catalog.products import write_text

_FILE: Final = "build.json"


class Unfinished:
    """Remembers in the build's folder that a shop was crawled, until the build ends.

    A crawl asks a shop about every page, also the second time: not for a build that ended early
    afterwards, but for one that begins anew.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE

    def crawled(self, arguments: Sequence[str]) -> bool:
        """Whether the same crawl is done already."""
        try:
            done = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return bool(done == {"crawled": list(arguments)})

    def keep(self, arguments: Sequence[str]) -> None:
        """The crawl is done."""
        write_text(self._path, json.dumps({"crawled": list(arguments)}) + "\n")

    def end(self) -> None:
        """The whole build is done."""
        self._path.unlink(missing_ok=True)
