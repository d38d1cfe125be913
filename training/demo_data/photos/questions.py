"""Questions about photos: another color, another label, both, or a description."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np

from demo_data.photos.photo import Photo
from demo_data.words.noise import with_noise
from demo_data.words.photos import photo_description, photo_edit

_KINDS: Final = {"color": 0.45, "label": 0.3, "both": 0.25}
"""What edits ask for, and how often where the photos at hand allow each."""
IMAGE_TEXT: Final = "more like this"
"""Beside a picture that is asked about alone; the format wants words."""


@dataclass(frozen=True)
class PhotoQuestion:
    """Words about a pair of photos; what is right has the target's category and color."""

    reference: Photo
    target: Photo
    text: str


LEAST_RIGHT: Final = 5
"""Photos that must answer a held-out question: the share of the first ten that are right says
little where one or two could be."""

Right = Callable[[Photo, Photo], bool]
"""Whether a photo (the second) answers as rightly as a target (the first)."""


def right(target: Photo, photo: Photo) -> bool:
    """Category and color as asked; any color where the target has none."""
    return right_label(target, photo) and target.color in (None, photo.color)


def right_label(target: Photo, photo: Photo) -> bool:
    """The category alone."""
    return photo.category == target.category


def right_color(target: Photo, photo: Photo) -> bool:
    """The color alone."""
    return photo.color == target.color


def training_questions(
    blocks: Iterable[Sequence[Photo]],
    rng: np.random.Generator,
    *,
    edits: int,
    descriptions: int,
) -> list[PhotoQuestion]:
    """Up to so many edits of each photo to others of its block, and descriptions of it.

    A description is asked about its own target, and has now and then a slip of the pen, as edits.
    """
    asked: list[PhotoQuestion] = []
    for block in blocks:
        for photo in block:
            asked += edit_questions(photo, block, rng, most=edits)
            asked += (_describe(photo, photo, rng) for _ in range(descriptions))
    return [PhotoQuestion(q.reference, q.target, with_noise(q.text, rng)) for q in asked]


def edit_questions(
    reference: Photo, photos: Sequence[Photo], rng: np.random.Generator, *, most: int
) -> list[PhotoQuestion]:
    """Edits that lead from a photo to different others, of a kind drawn by `_KINDS` each."""
    left: dict[str, list[Photo]] = {}
    for place in rng.permutation(len(photos)):
        kind = _kind(reference, photos[place])
        if kind is not None:
            left.setdefault(kind, []).append(photos[place])
    questions: list[PhotoQuestion] = []
    while left and len(questions) < most:
        kinds = sorted(left)
        weights = np.array([_KINDS[kind] for kind in kinds])
        kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
        target = left[kind].pop()
        if not left[kind]:
            del left[kind]
        questions.append(PhotoQuestion(reference, target, _edit_text(kind, reference, target, rng)))
    return questions


def _kind(reference: Photo, target: Photo) -> str | None:
    """What words must say to get from one to the other; None where they cannot.

    From a photo without a color another color can be asked for, but not the same one.
    """
    if reference is target or target.color is None:
        return None
    same_color = reference.color == target.color
    if reference.category == target.category:
        return None if same_color else "color"
    return "label" if same_color else "both"


def _edit_text(kind: str, reference: Photo, target: Photo, rng: np.random.Generator) -> str:
    return photo_edit(
        rng,
        label=None if kind == "color" else target.category,
        color=None if kind == "label" else target.color,
        same=reference.category,
    )


def _describe(reference: Photo, target: Photo, rng: np.random.Generator) -> PhotoQuestion:
    return PhotoQuestion(reference, target, photo_description(rng, target.category, target.color))


def text_questions(
    targets: Sequence[Photo], gallery: Sequence[Photo], rng: np.random.Generator
) -> list[PhotoQuestion]:
    """A description of each target, beside a reference that it says nothing about."""
    asked = []
    for target in targets:
        others = [photo for photo in gallery if not right(target, photo)]
        if others:
            asked.append(_describe(others[int(rng.integers(len(others)))], target, rng))
    return asked


def image_questions(gallery: Sequence[Photo], rng: np.random.Generator) -> list[PhotoQuestion]:
    """Each photo as a question without words, for others of its category."""
    asked = []
    for reference in gallery:
        others = [p for p in gallery if right_label(reference, p) and p is not reference]
        if others:
            target = others[int(rng.integers(len(others)))]
            asked.append(PhotoQuestion(reference, target, IMAGE_TEXT))
    return asked


def held_out_questions(
    gallery: Sequence[Photo], rng: np.random.Generator, *, edits: int
) -> dict[str, tuple[list[PhotoQuestion], Right]]:
    """Dataset category -> its questions and what answers them.

    Edits and descriptions ask for what `LEAST_RIGHT` photos of the gallery or more show. The edits
    come three times: judged by label and color, and by each of them alone.
    """
    counts = Counter((photo.category, photo.color) for photo in gallery)
    targets = [p for p in gallery if counts[p.category, p.color] >= LEAST_RIGHT]
    asked = list(
        chain.from_iterable(edit_questions(photo, targets, rng, most=edits) for photo in gallery)
    )
    return {
        "photos-edits": (asked, right),
        "photos-edits-label": (asked, right_label),
        "photos-edits-color": (asked, right_color),
        "photos-text": (text_questions(targets, gallery, rng), right),
        "photos-images": (image_questions(gallery, rng), right_label),
    }


def photo_records(
    questions: Iterable[PhotoQuestion], gallery: Iterable[Photo], is_right: Right = right
) -> list[dict[str, Any]]:
    """Caption entries of FashionIQ's format, with every other photo of the gallery that answers."""
    gallery = list(gallery)
    answers: dict[tuple[str, str | None], list[str]] = {}
    records = []
    for question in questions:
        reference, target = question.reference, question.target
        key = (target.category, target.color)
        if key not in answers:
            answers[key] = [photo.name for photo in gallery if is_right(target, photo)]
        own = (reference.name, target.name)
        records.append({
            "target": target.name,
            "candidate": reference.name,
            "captions": [question.text],
            "alternatives": [name for name in answers[key] if name not in own],
        })  # fmt: skip
    return records
