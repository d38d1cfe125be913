"""When the curves of a run are drawn."""

from pathlib import Path

import pytest

from sprc.training import journal
from sprc.training.state import Progress

ROW = {"epoch": 0, "loss_itc": 1.0}
FIGURE = "average_recall"


def drawn(folder: Path, *, last: bool) -> bool:
    """Whether the report of an epoch has drawn them."""
    progress = Progress(training=[ROW], validation=[{"epoch": 0, FIGURE: 50.0}])
    kept = journal.Journal(folder, 1)
    kept.epoch(progress, FIGURE, 1, last=last)
    kept.close()
    assert (folder / journal.TRAINING_CSV).exists()
    return (folder / journal.CURVES).exists()


def test_after_the_last_epoch_they_are_drawn(tmp_path: Path) -> None:
    assert drawn(tmp_path, last=True)


def test_short_epochs_do_not_wait_for_a_picture(tmp_path: Path) -> None:
    assert not drawn(tmp_path, last=False)


def test_long_ones_have_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "CURVES_EVERY_S", 0.0)
    assert drawn(tmp_path, last=False)
