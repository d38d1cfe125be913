"""Recall over k as a picture."""

from collections.abc import Iterable
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from sprc.evaluation.outcome import Outcome
from sprc.evaluation.scores import Source
from sprc.ranks import NOT_RANKED

_STYLES = {
    Source.COMPOSED: "-",
    Source.SERVED: ":",
    Source.IMAGE_ONLY: "--",
    Source.TEXT_ONLY: "-.",
    Source.SUM: (0, (5, 1, 1, 1, 1, 1)),
}


def draw_curves(outcomes: Iterable[Outcome]) -> bytes:
    """A PNG with one panel for each protocol, whose figures do not compare.

    A line for each set and source; a served ranking ends at its depth, and so does its line.
    """
    outcomes = list(outcomes)
    figure = Figure(figsize=(6.4 * len(outcomes), 4.8), layout="constrained")
    panels = figure.subplots(1, len(outcomes), squeeze=False)[0]
    for panel, outcome in zip(panels, outcomes, strict=True):
        _panel(panel, outcome)
    content = BytesIO()
    figure.savefig(content, format="png", dpi=120)
    return content.getvalue()


def _panel(panel: Axes, outcome: Outcome) -> None:
    for source in outcome.parts:
        evaluation = outcome.evaluation(source)
        for place, (name, ranks) in enumerate(evaluation.ranks.items()):
            gallery = len(outcome.sets[place].gallery)
            cuts, recalls = recall_line(ranks, gallery)
            panel.plot(
                cuts,
                recalls,
                linestyle=_STYLES[source],
                color=f"C{place}",
                label=f"{name}, {source.value.replace('_', ' ')}",
            )
    panel.set(
        title=outcome.protocol.value, xlabel="k", ylabel="Recall@k, %", xscale="log", ylim=(0, 101)
    )
    panel.grid(visible=True, which="both", alpha=0.3)
    panel.legend(fontsize="small")


def recall_line(ranks: Tensor, gallery: int) -> tuple[list[int], list[float]]:
    """Recall in percent at every k up to the gallery's size, or to the deepest known rank."""
    known = ranks[ranks != NOT_RANKED].numpy()
    if len(known) == len(ranks):
        deepest = gallery
    else:
        deepest = int(known.max()) + 1 if len(known) else 1
    counts = np.bincount(known, minlength=deepest)[:deepest]
    recalls = counts.cumsum() / len(ranks) * 100
    return list(range(1, deepest + 1)), recalls.tolist()
