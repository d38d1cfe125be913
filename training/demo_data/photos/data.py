"""The photos' part of the demo's data: dataset category "photos", and questions held out."""

from collections.abc import Iterable
from pathlib import Path
from shutil import copyfile
from typing import Final

import numpy as np

from catalog.errors import CatalogError
from demo_data.files import write_split
from demo_data.photos.blocks import blocks
from demo_data.photos.photo import Part, Photo, PhotoShelf, photos_of
from demo_data.photos.questions import (
    edit_questions,
    held_out_questions,
    photo_records,
    training_questions,
)

CATEGORY: Final = "photos"
_VALIDATION_EDITS: Final = 2


def write_photos_training(
    root: Path, shelf: PhotoShelf, *, seed: int, edits: int, descriptions: int
) -> dict[str, dict[str, str]]:
    """Add training and validation questions and their photos to a data set.

    Args:
        root: the data set, with its folder ``images``.
        shelf: all photos; those held out are left out.
        seed: decides blocks, questions and words.
        edits: of each photo at most, as a reference.
        descriptions: of each photo.

    Returns:
        The attributes of the training photos by their names.

    Raises:
        CatalogError: There are too few photos.
    """
    train = photos_of(shelf.photos, Part.TRAINING)
    rng = np.random.default_rng([seed, 1])
    asked = training_questions(blocks(train, rng), rng, edits=edits, descriptions=descriptions)
    write_split(root, "train", CATEGORY, photo_records(asked, train), train)
    gallery = judged(photos_of(shelf.photos, Part.VALIDATION))
    edits_asked = [
        question
        for photo in gallery
        for question in edit_questions(photo, gallery, rng, most=_VALIDATION_EDITS)
    ]
    if not asked or not edits_asked:
        raise CatalogError("the photos are too few to ask about them in training and validation")
    write_split(root, "val", CATEGORY, photo_records(edits_asked, gallery), gallery)
    _copy([*train, *gallery], shelf.images, root / "images")
    return {photo.name: photo.attributes() for photo in train}


def write_photos_held_out(root: Path, shelf: PhotoShelf, *, seed: int, edits: int) -> None:
    """Add the questions about held-out photos and their gallery to a data set."""
    gallery = judged(photos_of(shelf.photos, Part.HELD_OUT))
    rng = np.random.default_rng([seed, 1])
    for category, (asked, right) in held_out_questions(gallery, rng, edits=edits).items():
        if asked:
            write_split(root, "val", category, photo_records(asked, gallery, right), gallery)
    _copy(gallery, shelf.images, root / "images")


def judged(photos: Iterable[Photo]) -> list[Photo]:
    """Photos of which it is known whether they answer: those with a color."""
    return [photo for photo in photos if photo.color is not None]


def _copy(photos: Iterable[Photo], source: Path, target: Path) -> None:
    for photo in photos:
        copyfile(source / f"{photo.name}.jpg", target / f"{photo.name}.jpg")
