"""The demo's data on disk: what trains and validates, and what is held out.

DIR/training/    captions, splits, pictures and attributes.json of the category "drawn"
DIR/held-out/    questions over one gallery, as categories: one-change, two-changes,
                 three-changes; details (one change of print, pocket or hood); other-words
                 (phrased as no training sentence is); new-words (which training never had);
                 descriptions. The gallery shows garments alone, as shops do; snapshots, over one
                 of its own, asks edits about a garment worn in a scene, as shoppers do

With photos also the category "photos" in training, and held out, over a gallery of their own:
photos-edits (and the same judged by label or color alone: photos-edits-label, photos-edits-color),
photos-text (a description), photos-images (no words).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from catalog.color.measure import MEASURE_VERSION
from demo_catalog.draw import DRAWING_VERSION
from demo_catalog.folder import write_whole
from demo_data.families import Family, Picture, draw_families
from demo_data.files import make_images_folder, write_json, write_split
from demo_data.photos.data import write_photos_held_out, write_photos_training
from demo_data.photos.folder import prepare_photos
from demo_data.photos.photo import SURE
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

VERSION: Final = 4
"""Changes whenever the same plan would give other sentences."""
TRAINING: Final = "training"
HELD_OUT: Final = "held-out"
CATEGORY: Final = "drawn"
WORN: Final = "snapshots"
_SHOP: Final = ("product", "product")
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
    photo_edits: int = 5
    """Questions that change it, of each photo that trains."""
    photo_descriptions: int = 1
    """Of each photo that trains."""
    held_out_photo_edits: int = 2
    training_seed: int = 1
    held_out_seed: int = 2
    validation_seed: int = 3


def write_data(
    directory: Path,
    plan: Plan,
    *,
    photos: Path | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Write the data unless they are there already; returns `directory`, absolute.

    Args:
        directory: what is written.
        plan: how much of what.
        photos: a folder of real photos (`photos.folder.prepare_photos`); what is made of them is
            kept beside `directory`, under its name with "-photos" behind it.
        workers: processes; by default one per usable core.
        progress: show bars, and what was left out.

    Raises:
        CatalogError: `photos` holds no list of photos, or too few.
        ForeignDirectoryError: `directory`, or what is beside it, holds something else.
    """

    shelf = None
    if photos is not None:
        kept = directory.with_name(f"{directory.resolve().name}-photos")
        shelf = prepare_photos(photos, kept, workers=workers, progress=progress)

    def fill(folder: Path) -> None:
        attributes = _write_training(folder / TRAINING, plan, workers, progress)
        _write_held_out(folder / HELD_OUT, plan, workers, progress)
        if shelf is not None:
            attributes |= write_photos_training(
                folder / TRAINING, shelf, seed=plan.training_seed,
                edits=plan.photo_edits, descriptions=plan.photo_descriptions,
            )  # fmt: skip
            write_photos_held_out(
                folder / HELD_OUT, shelf, seed=plan.held_out_seed, edits=plan.held_out_photo_edits
            )
        write_json(folder / TRAINING / "attributes.json", attributes)

    receipt = {
        **asdict(plan), "version": VERSION, "drawing": DRAWING_VERSION,
        "photos": None if shelf is None else [shelf.digest, MEASURE_VERSION, SURE],
    }  # fmt: skip
    return write_whole(directory, _RECEIPT, receipt, fill, _complete)


def _complete(folder: Path) -> bool:
    """Whether every picture that a split names is there."""
    for part in (TRAINING, HELD_OUT):
        there = {path.stem for path in (folder / part / "images").glob("*.jpg")}
        for split in (folder / part / "image_splits").glob("*.json"):
            if not there.issuperset(json.loads(split.read_text(encoding="utf-8"))):
                return False
    return True


def _write_training(
    root: Path, plan: Plan, workers: int | None, progress: bool
) -> dict[str, dict[str, str]]:
    """Returns the attributes of what trains."""
    images = make_images_folder(root)
    train = draw_families(
        images, "train", seed=plan.training_seed, count=plan.families, size=3,
        workers=workers, progress=progress,
    )  # fmt: skip
    rng = np.random.default_rng(plan.training_seed)
    asked = training_questions(train, rng, edits=plan.edits, descriptions=plan.descriptions)
    write_split(root, "train", CATEGORY, family_records(train, asked), _pictures(train))
    pairs = draw_families(
        images, "val", seed=plan.validation_seed, count=plan.validation_pairs, size=2,
        kinds=_SHOP, workers=workers, progress=progress,
    )  # fmt: skip
    rng = np.random.default_rng(plan.validation_seed)
    checked = list(chain.from_iterable(edit_questions(pair, rng) for pair in pairs))
    gallery = _pictures(pairs)
    write_split(root, "val", CATEGORY, judged_records(checked, gallery), gallery)
    return {picture.name: _attributes(picture) for picture in _pictures(train)}


def _write_held_out(root: Path, plan: Plan, workers: int | None, progress: bool) -> None:
    images = make_images_folder(root)
    pairs = draw_families(
        images, "held-out", seed=plan.held_out_seed, count=plan.held_out_pairs, size=2,
        kinds=_SHOP, workers=workers, progress=progress,
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
            write_split(root, "val", category, judged_records(asked, gallery), gallery)
    worn = draw_families(
        images, "worn", seed=plan.held_out_seed + 2, count=plan.held_out_pairs, size=2,
        kinds=("snapshot", "product"), workers=workers, progress=progress,
    )  # fmt: skip
    _write_worn(root, worn, np.random.default_rng(plan.held_out_seed + 2))


def _write_worn(root: Path, pairs: Sequence[Family], rng: np.random.Generator) -> None:
    """Edits of what the first of each pair shows."""
    found = chain.from_iterable(edit_questions(pair, rng) for pair in pairs)
    asked = [question for question in found if question.reference.kind == "snapshot"]
    gallery = _pictures(pairs)
    write_split(root, "val", WORN, judged_records(asked, gallery), gallery)


def _pictures(families: Iterable[Family]) -> list[Picture]:
    return list(chain.from_iterable(families))


def _attributes(picture: Picture) -> dict[str, str]:
    return {name: str(value) for name, value in picture.garment.attributes().items()}
