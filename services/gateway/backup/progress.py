"""How far a backup or a restore is: a bar on a terminal, nothing in a log."""

import sys
from typing import Protocol

from tqdm import tqdm


class Progress(Protocol):
    """Told of the work as it is done."""

    def begin(self, work: str, total: int) -> None:
        """``total`` products are to come."""

    def add(self, products: int) -> None:
        """So many more are done."""

    def end(self) -> None:
        """No more will come."""


class Bar:
    """The `Progress` on stderr."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def begin(self, work: str, total: int) -> None:
        self.end()
        self._bar = tqdm(
            desc=work,
            total=total,
            unit=" products",
            file=sys.stderr,
            dynamic_ncols=True,
            disable=None,
        )

    def add(self, products: int) -> None:
        if self._bar is not None:
            self._bar.update(products)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
