"""What a run reports: CSV files, TensorBoard's events, and curves as a picture.

The CSV files carry SPRC's names and columns. They are written anew from the run's progress, so
that after a kill they never hold a row twice.
"""

import csv
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch.utils.tensorboard.writer import SummaryWriter

from sprc.training.files import write_text
from sprc.training.state import Progress, Row

TRAINING_CSV = "train_metrics.csv"
VALIDATION_CSV = "validation_metrics.csv"
EVENTS = "tensorboard"
CURVES = "curves.png"
# A picture takes half a second, which a run of short epochs would feel after each of them.
CURVES_EVERY_S = 30.0


class Journal:
    """The reports of one run in its folder."""

    def __init__(self, folder: Path, step: int) -> None:
        """Go on with TensorBoard's events at `step`, counted over all epochs; later ones go."""
        self.folder = folder
        self.events = SummaryWriter(str(folder / EVENTS), purge_step=step)
        self._drawn_at_s = time.monotonic()

    def step(self, values: Mapping[str, float], step: int) -> None:
        """One step's losses and rates."""
        for name, value in values.items():
            self.events.add_scalar(f"training/{name}", value, step)

    def epoch(self, progress: Progress, best_figure: str, step: int, *, last: bool) -> None:
        """Everything reported so far; the curves now and then, and after the last epoch.

        Raises `TrainingError`.
        """
        for name, rows in (
            (TRAINING_CSV, progress.training),
            (VALIDATION_CSV, progress.validation),
        ):
            if rows:
                write_text(self.folder / name, _csv(rows))
        if progress.validation:
            for name, value in progress.validation[-1].items():
                if name != "epoch":
                    self.events.add_scalar(f"validation/{name}", value, step)
        self.events.flush()
        if last or time.monotonic() - self._drawn_at_s >= CURVES_EVERY_S:
            # Not imported by runs that are refused, nor by the processes that only compute.
            from sprc.training.curves import draw_curves

            draw_curves(self.folder / CURVES, progress, best_figure)
            self._drawn_at_s = time.monotonic()

    def close(self) -> None:
        """Finish TensorBoard's file."""
        self.events.close()


def _csv(rows: Sequence[Row]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
