"""A progress bar on a terminal, and nothing in a log: there the summary at the end says it all."""

import sys
from typing import Any

from tqdm import tqdm


def progress(total: int | None, doing: str, unit: str = "pictures") -> Any:
    """A `tqdm` bar on standard error that counts to `total`, or without end where it is None."""
    return tqdm(
        total=total,
        desc=doing,
        unit=f" {unit}",
        dynamic_ncols=True,
        mininterval=0.2,
        disable=not sys.stderr.isatty(),
        file=sys.stderr,
    )
