"""The state that a run goes on from after it was killed: file ``state-EPOCH-STEP.pt``.

Order, texts and dropout of any step follow from the recipe's seed (`batches`), so that no state
of a random generator is part of it; what is frozen is told by its digest. A state is complete
when its sha256 lies beside it; an older one is removed only after that.
"""

import pickle
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import torch
from torch import Tensor

from sprc.training.errors import TrainingError
from sprc.training.files import checksum_path, sha256, write_text, writing

FORMAT: Final = 2
_NAME: Final = re.compile(r"state-(\d+)-(\d+)\.pt")

Row = dict[str, float]


@dataclass(frozen=True)
class Identity:
    """What must be the same for a resumed run to end with the same weights, beside the recipe."""

    encoder: str
    """Digest of the image encoder that the run began with."""
    start: str
    """Digest of all the weights that it began with."""
    data: str
    """Digest of the training pairs and what is known of their pictures."""
    features: str
    """Whether features are kept or computed: ``kept`` or ``computed``."""
    processes: str
    """How many processes share a batch."""

    def differences(self, kept: "Identity") -> list[str]:
        """What a kept run has that this one has not, in words."""
        words = {
            "encoder": "another image encoder",
            "start": "begun with other weights",
            "data": "other training pairs",
            "features": f"features that are {kept.features} (see --cache-features)",
            "processes": f"{kept.processes} as its number of processes",
        }
        return [word for name, word in words.items() if getattr(self, name) != getattr(kept, name)]


@dataclass
class Progress:
    """How far a run has come: the next step, and what was reported so far."""

    epoch: int = 0
    step: int = 0
    sums: Row = field(default_factory=dict)
    """Sum of each loss over the epoch's steps so far."""
    training: list[Row] = field(default_factory=list)
    validation: list[Row] = field(default_factory=list)
    best: float = 0.0
    best_epoch: int = -1

    @property
    def means(self) -> dict[str, float]:
        """The mean of each loss over the epoch's steps so far."""
        return {name: total / self.step for name, total in self.sums.items()}


@dataclass(frozen=True)
class State:
    """All that `Trainer` needs to go on."""

    identity: Identity
    recipe: dict[str, Any]
    progress: Progress
    trained: dict[str, Tensor]
    optimizer: dict[str, Any]
    scheduler: dict[str, Any]
    scaler: dict[str, Any]


def save_state(folder: Path, state: State) -> None:
    """Keep a state and forget the older ones. Raises `TrainingError`."""
    progress = state.progress
    path = folder / f"state-{progress.epoch:04d}-{progress.step:06d}.pt"
    content = {"format": FORMAT, **vars(state)}
    content |= {"identity": vars(state.identity), "progress": vars(progress)}
    with writing(path) as aside:
        # Through a stream of Python's, whose errors tell a full disk from other trouble.
        with aside.open("wb") as stream:
            torch.save(content, stream)
        checksum = sha256(aside)
    write_text(checksum_path(path), f"{checksum}  {path.name}\n")
    for _, older in _states(folder):
        if older != path:
            older.unlink()
            checksum_path(older).unlink(missing_ok=True)


def latest_state(folder: Path) -> State | None:
    """The newest complete state, tensors on the CPU; none where there is none.

    Raises `TrainingError` for a state that does not match its sha256 or cannot be read.
    """
    complete = [path for _, path in _states(folder) if checksum_path(path).is_file()]
    if not complete:
        return None
    path = complete[-1]
    try:
        if checksum_path(path).read_text().split()[:1] != [sha256(path)]:
            raise TrainingError(f"{path} is damaged: its sha256 differs from the one beside it")
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content.pop("format", None) != FORMAT:
            raise TrainingError(f"{path} is of another version of this program")
        identity, progress = Identity(**content["identity"]), Progress(**content["progress"])
        return State(**{**content, "identity": identity, "progress": progress})
    except (
        OSError,
        RuntimeError,
        EOFError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        pickle.UnpicklingError,
        BadZipFile,
    ) as error:
        raise TrainingError(f"{path} cannot be read as a run's state") from error


def _states(folder: Path) -> list[tuple[tuple[int, int], Path]]:
    """State files, oldest first."""
    if not folder.is_dir():
        return []
    matches = [(_NAME.fullmatch(path.name), path) for path in folder.iterdir()]
    return sorted(((int(match[1]), int(match[2])), path) for match, path in matches if match)
