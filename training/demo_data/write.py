"""The demo's data on disk: what trains and validates, and what is held out.

DIR/training/    captions, splits, pictures and attributes.json of the category "drawn"
DIR/held-out/    questions over one gallery, as categories: one-change, two-changes,
                 three-changes; details (one change of print, pocket or hood); other-words
                 (phrased as no training sentence is); new-words (which training never had);
                 descriptions
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np

from demo_catalog.draw import DRAWING_VERSION
from demo_catalog.folder import write_whole
from demo_data.families import Family, Picture, draw_families
from demo_data.questions import (
    Question,
    describe,
    edit_questions,
    family_records,
    in_new_words,
    in_other_words,
    is_detail,
    judged_records,
    training_questions,
)

VERSION: Final = 3
"""Changes whenever the same plan would give other sentences."""
TRAINING: Final = "training"
HELD_OUT: Final = "held-out"
CATEGORY: Final = "drawn"
_CHANGES: Final = ("one-change", "two-changes", "three-changes")
_RECEIPT: Final = "demo-data.json"


@dataclass(frozen=True)
class Plan:
    """How much is drawn, and from which seeds."""

    families: int = 7000
    """Of three garments, to train on."""
    edits: int = 4
    """Questions of each that change it."""
    descriptions: int = 2
    """Members of each that are described."""
    validation_pairs: int = 150
    held_out_pairs: int = 500
    training_seed: int = 1
    held_out_seed: int = 2
    validation_seed: int = 3


def write_data(
    directory: Path, plan: Plan, *, workers: int | None = None, progress: bool = True
) -> Path:
    """Write the data unless they are there already; returns `directory`, absolute.

    Raises:
        ForeignDirectoryError: `directory` holds something else.
    """

    def fill(folder: Path) -> None:
        _write_training(folder / TRAINING, plan, workers, progress)
        _write_held_out(folder / HELD_OUT, plan, workers, progress)

    receipt = {**asdict(plan), "version": VERSION, "drawing": DRAWING_VERSION}
    return write_whole(directory, _RECEIPT, receipt, fill, lambda folder: _complete(folder, plan))


def _complete(folder: Path, plan: Plan) -> bool:
    pictures = {
        TRAINING: 3 * plan.families + 2 * plan.validation_pairs,
        HELD_OUT: 2 * plan.held_out_pairs,
    }
    return all(
        sum(1 for _ in (folder / part / "images").glob("*.jpg")) == count
        for part, count in pictures.items()
    )


def _write_training(root: Path, plan: Plan, workers: int | None, progress: bool) -> None:
    images = _images(root)
    train = draw_families(
        images, "train", seed=plan.training_seed, count=plan.families, size=3,
        workers=workers, progress=progress,
    )  # fmt: skip
    rng = np.random.default_rng(plan.training_seed)
    asked = training_questions(train, rng, edits=plan.edits, descriptions=plan.descriptions)
    _write_split(root, "train", CATEGORY, family_records(train, asked), _pictures(train))
    pairs = draw_families(
        images, "val", seed=plan.validation_seed, count=plan.validation_pairs, size=2,
        workers=workers, progress=progress,
    )  # fmt: skip
    rng = np.random.default_rng(plan.validation_seed)
    checked = list(chain.from_iterable(edit_questions(pair, rng) for pair in pairs))
    gallery = _pictures(pairs)
    _write_split(root, "val", CATEGORY, judged_records(checked, gallery), gallery)
    attributes = {picture.name: _attributes(picture) for picture in _pictures(train)}
    _write_json(root / "attributes.json", attributes)


def _write_held_out(root: Path, plan: Plan, workers: int | None, progress: bool) -> None:
    pairs = draw_families(
        _images(root), "held-out", seed=plan.held_out_seed, count=plan.held_out_pairs, size=2,
        workers=workers, progress=progress,
    )  # fmt: skip
    rng = np.random.default_rng(plan.held_out_seed)
    other_rng = np.random.default_rng(plan.held_out_seed + 1)
    questions: dict[str, list[Question]] = {name: [] for name in _CHANGES}
    questions |= {"details": [], "other-words": [], "new-words": [], "descriptions": []}
    for pair in pairs:
        for question in edit_questions(pair, rng):
            if question.edit is not None:
                questions[_CHANGES[len(question.edit.named) - 1]].append(question)
            if is_detail(question):
                questions["details"].append(question)
            other = in_other_words(question, other_rng)
            if other is not None:
                questions["other-words"].append(other)
            new = in_new_words(question, other_rng)
            if new is not None:
                questions["new-words"].append(new)
        reference, target = (pair[place] for place in rng.permutation(2))
        questions["descriptions"].append(describe(reference, target, rng))
    gallery = _pictures(pairs)
    for category, asked in questions.items():
        if asked:  # a few pairs may bring forth no question of some kind
            _write_split(root, "val", category, judged_records(asked, gallery), gallery)


def _pictures(families: Iterable[Family]) -> list[Picture]:
    return list(chain.from_iterable(families))


def _attributes(picture: Picture) -> dict[str, str]:
    return {name: str(value) for name, value in picture.garment.attributes().items()}


def _images(root: Path) -> Path:
    images = root / "images"
    images.mkdir(parents=True)
    return images


def _write_split(
    root: Path,
    split: str,
    category: str,
    records: Sequence[dict[str, Any]],
    gallery: Sequence[Picture],
) -> None:
    _write_json(root / "captions" / f"cap.{category}.{split}.json", list(records))
    names = [picture.name for picture in gallery]
    _write_json(root / "image_splits" / f"split.{category}.{split}.json", names)


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content) + "\n", encoding="utf-8")
