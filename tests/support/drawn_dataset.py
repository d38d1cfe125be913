"""A small data set of drawn garments in the layouts of FashionIQ and CIRR."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from demo_catalog.draw import draw
from demo_catalog.garments import COLOR_NAMES, Garment, sample_garment, with_changes

SUBSET = 6
REDRAWN = 8
"""Queries whose target is drawn again and again, so that its rank is not always the first."""


def write_drawn_fashioniq(root: Path, galleries: dict[str, int], queries: int) -> None:
    """A validation split for each category: pairs that differ in colour, and the rest to search.

    Args:
        root: folder to write.
        galleries: pictures of each category.
        queries: of each category.
    """
    rng = np.random.default_rng(41)
    for category, size in galleries.items():
        records, names, targets = [], [], []
        for place in range(queries):
            reference, target, color = _pair(rng)
            targets.append(target)
            pair = [f"{category}-{place}-{end}" for end in ("reference", "target")]
            for name, garment in zip(pair, (reference, target), strict=True):
                _write_picture(root / "images" / f"{name}.png", garment, rng)
            captions = [f"is {color}.", f"the same in {color}"]
            records.append({"candidate": pair[0], "target": pair[1], "captions": captions})
            names += pair
        for place in range(size - len(names)):
            names.append(f"{category}-other-{place}")
            _write_picture(root / "images" / f"{names[-1]}.png", targets[place % REDRAWN], rng)
        _write_json(root / "captions" / f"cap.{category}.val.json", records)
        _write_json(root / "image_splits" / f"split.{category}.val.json", names)


def write_drawn_cirr(root: Path, queries: int) -> None:
    """A validation split of CIRR whose queries have six members each, one after the other."""
    rng = np.random.default_rng(42)
    records, paths = [], {}
    for place in range(queries):
        reference, target, color = _pair(rng)
        members = [f"dev-{place}-{member}-img0" for member in range(SUBSET)]
        # Half of the rest is the target drawn again, so that a subset can be ranked wrongly.
        others = [target if turn % 2 else sample_garment(rng) for turn in range(SUBSET - 2)]
        for name, garment in zip(members, (reference, target, *others), strict=True):
            paths[name] = f"./dev/{name}.png"
            _write_picture(root / paths[name], garment, rng)
        records.append(
            {
                "pairid": place,
                "reference": members[0],
                "target_hard": members[1],
                "caption": f"the same in {color}",
                "img_set": {"id": place, "members": members},
            }
        )
    _write_json(root / "cirr" / "captions" / "cap.rc2.val.json", records)
    _write_json(root / "cirr" / "image_splits" / "split.rc2.val.json", paths)


def _pair(rng: np.random.Generator) -> tuple[Garment, Garment, str]:
    """A plain garment, the same in another colour, and that colour."""
    reference = with_changes(sample_garment(rng), pattern="plain")
    color = str(rng.choice([name for name in COLOR_NAMES if name != reference.color]))
    return reference, with_changes(reference, color=color), color


def _write_picture(path: Path, garment: Garment, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(garment, rng, 160).save(path)


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
