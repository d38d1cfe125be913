"""A picture of a run: losses, and the figure that decides the best checkpoint."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sprc.training.files import writing
from sprc.training.state import Progress


def draw_curves(path: Path, progress: Progress, best_figure: str) -> None:
    """Write the curves as PNG. Raises `TrainingError`."""
    figure = Figure(figsize=(10, 4))
    # Given margins: measuring them takes matplotlib as long as drawing.
    figure.subplots_adjust(left=0.085, right=0.985, bottom=0.13, top=0.91, wspace=0.17)
    FigureCanvasAgg(figure)
    losses, figures = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in progress.training]
    for name in (key for key in (progress.training or [{}])[0] if key.startswith("loss_")):
        losses.plot(epochs, [row[name] for row in progress.training], marker=".", label=name)
    losses.set(xlabel="epoch", ylabel="mean loss", title="Training")
    losses.legend()
    validated = [row["epoch"] for row in progress.validation]
    for name in (key for key in (progress.validation or [{}])[0] if "recall" in key):
        best = name == best_figure
        figures.plot(
            validated,
            [row[name] for row in progress.validation],
            marker=".",
            linewidth=2.5 if best else 1.0,
            label=name,
        )
    if progress.validation and "recall" not in best_figure:
        values = [row[best_figure] for row in progress.validation]
        figures.plot(validated, values, marker=".", linewidth=2.5, label=best_figure)
    figures.set(xlabel="epoch", ylabel="percent", title="Validation", ylim=(0, 100))
    for axes in (losses, figures):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if progress.validation:
        figures.legend(fontsize="x-small")
    with writing(path) as aside:
        figure.savefig(aside, format="png", dpi=110)
