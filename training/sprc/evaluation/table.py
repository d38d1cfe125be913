"""Figures as plain text: one line for each metric, one column for each source."""

from collections.abc import Sequence

from sprc.evaluation.outcome import Outcome


def metrics_table(outcome: Outcome) -> str:
    """The table of one protocol, in percent, with what was searched above it."""
    sources = list(outcome.parts)
    columns = [outcome.evaluation(source).figures for source in sources]
    rows = [["", *(source.value.replace("_", " ") for source in sources)]]
    rows += [[name, *(f"{column[name]:.2f}" for column in columns)] for name in columns[0]]
    counts = ", ".join(
        f"{evaluation.name} {len(evaluation.queries)} queries over {len(evaluation.gallery)}"
        for evaluation in outcome.sets
    )
    return f"{outcome.protocol.value}: {counts}\n{aligned(rows)}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width, the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([f"{first:<{widths[0]}}", *cells]).rstrip())
    return "\n".join(lines)
