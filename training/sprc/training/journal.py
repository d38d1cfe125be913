"""What a run reports: CSV files, TensorBoard's events, and curves as a picture.

The CSV files carry SPRC's names and columns. They are written anew from the run's progress, so
that after a kill they never hold a row twice.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch.utils.tensorboard.writer import SummaryWriter

from sprc.training.curves import draw_curves
from sprc.training.files import write_text
from sprc.training.state import Progress, Row

TRAINING_CSV = "train_metrics.csv"
VALIDATION_CSV = "validation_metrics.csv"
EVENTS = "tensorboard"
CURVES = "curves.png"


class Journal:
    """The reports of one run in its folder."""

    def __init__(self, folder: Path, step: int) -> None:
        """Go on with TensorBoard's events at `step`, counted over all epochs; later ones go."""
        self.folder = folder
        self.events = SummaryWriter(str(folder / EVENTS), purge_step=step)

    def step(self, values: Mapping[str, float], step: int) -> None:
        """One step's losses and rates."""
        for name, value in values.items():
            self.events.add_scalar(f"training/{name}", value, step)

    def epoch(self, progress: Progress, best_figure: str, step: int) -> None:
        """Everything reported so far. Raises `TrainingError`."""
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
        draw_curves(self.folder / CURVES, progress, best_figure)

    def close(self) -> None:
        """Finish TensorBoard's file."""
        self.events.close()


def _csv(rows: Sequence[Row]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
