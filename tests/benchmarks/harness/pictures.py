"""Pictures of the report, all in one look."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import matplotlib
from cycler import cycler

matplotlib.use("Agg")

from matplotlib import pyplot

INKS: Final = ("#1f5aa6", "#c2410c", "#15803d", "#7e22ce", "#b45309", "#0f766e")
_LOOK: Final[Any] = {
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "axes.prop_cycle": cycler(color=list(INKS)),
    "legend.frameon": False,
}


def drawn(
    path: Path, draw: Callable[[Any], None], *, width: float = 7.0, height: float = 3.6
) -> None:
    """Let ``draw`` fill the axes of a figure of ``width`` x ``height`` inches, and write a PNG."""
    with matplotlib.rc_context(_LOOK):
        figure, axes = pyplot.subplots(figsize=(width, height), layout="constrained")
        try:
            draw(axes)
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=120, metadata={"Software": "Recompose"})
        finally:
            pyplot.close(figure)
