"""Recall over k as a picture."""

from collections.abc import Iterable
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from torch import Tensor

from sprc.evaluation.outcome import Outcome
from sprc.evaluation.scores import Source
from sprc.ranks import NOT_RANKED

_COLORS = {
    Source.COMPOSED: "C0",
    Source.SERVED: "C1",
    Source.IMAGE_ONLY: "C2",
    Source.TEXT_ONLY: "C4",
    Source.SUM: "C3",
    Source.MEAN: "C5",
}


def draw_curves(outcomes: Iterable[Outcome]) -> bytes:
    """A PNG with one panel for each protocol, whose figures do not compare.

    A line for each source, the mean over the sets; of the main source a thin one for each set
    too. A served ranking ends at its depth, and so does its line.
    """
    outcomes = list(outcomes)
    width = 6.4 * len(outcomes)
    figure = Figure(figsize=(width, 4.8))
    # Given margins, in inches of a panel: measuring them takes matplotlib as long as drawing.
    figure.subplots_adjust(
        left=0.65 / width, right=1 - 0.15 / width, bottom=0.11, top=0.93, wspace=0.8 / 5.6
    )
    panels = figure.subplots(1, len(outcomes), squeeze=False)[0]
    for panel, outcome in zip(panels, outcomes, strict=True):
        _panel(panel, outcome)
    content = BytesIO()
    figure.savefig(content, format="png", dpi=120)
    return content.getvalue()


def _panel(panel: Axes, outcome: Outcome) -> None:
    galleries = [len(evaluation.gallery) for evaluation in outcome.sets]
    for source in outcome.parts:
        ranks = outcome.evaluation(source).ranks
        lines = [
            recall_line(values, size)
            for values, size in zip(ranks.values(), galleries, strict=True)
        ]
        shortest = min(map(len, lines))
        mean = np.mean([line[:shortest] for line in lines], axis=0)
        panel.plot(
            range(1, shortest + 1),
            mean,
            color=_COLORS[source],
            # Where both agree, the dashes of the later one let the earlier one be seen.
            linestyle="--" if source is Source.SERVED else "-",
            linewidth=2,
            label=source.value.replace("_", " ") + (" (mean)" if len(lines) > 1 else ""),
        )
        if source is outcome.main and len(lines) > 1:
            for style, name, line in zip(
                (":", "-.", "--") * len(lines), ranks, lines, strict=False
            ):
                panel.plot(
                    range(1, len(line) + 1),
                    line,
                    color=_COLORS[source],
                    linestyle=style,
                    linewidth=0.9,
                    label=f"{name}, {source.value.replace('_', ' ')}",
                )
    panel.set(
        title=outcome.protocol.value, xlabel="k", ylabel="Recall@k, %", xscale="log", ylim=(0, 101)
    )
    panel.xaxis.set_major_formatter(FuncFormatter(lambda k, _: f"{k:g}"))
    panel.grid(visible=True, which="both", alpha=0.3)
    panel.legend(fontsize="small", loc="lower right")


def recall_line(ranks: Tensor, gallery: int) -> list[float]:
    """Recall in percent at k = 1, 2, ... up to the gallery's size, or to the deepest known rank."""
    known = ranks[ranks != NOT_RANKED].numpy()
    complete = len(known) == len(ranks)
    deepest = gallery if complete else int(known.max(initial=0)) + 1
    counts = np.bincount(known, minlength=deepest)[:deepest]
    recalls: list[float] = (counts.cumsum() / len(ranks) * 100).tolist()
    return recalls
