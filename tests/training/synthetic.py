"""Small data sets in the published layouts, with pictures of several modes and formats."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

MODES = ("RGB", "L", "P", "RGBA")


def write_fashioniq(
    root: Path,
    categories: Sequence[str] = ("dress", "shirt", "toptee"),
    *,
    gallery: int = 8,
    queries: int = 4,
    captions: int = 2,
) -> None:
    """Captions, splits and pictures; train and val of each category share no picture.

    The last picture of a split belongs to no query, so that the two protocols differ.
    """
    rng = np.random.default_rng(5)
    for category in categories:
        for split in ("train", "val", "test"):
            names = [f"B{category}{split}{i}" for i in range(gallery)]
            records = []
            for i in range(queries):
                record: dict[str, object] = {
                    "candidate": names[i % (gallery - 1)],
                    "captions": [f"Is redder {i}.", f"has {i} sleeves, "][:captions],
                }
                if split != "test":
                    record["target"] = names[(i + 1) % (gallery - 1)]
                records.append(record)
            write_json(root / "captions" / f"cap.{category}.{split}.json", records)
            write_json(root / "image_splits" / f"split.{category}.{split}.json", names)
            for i, name in enumerate(names):
                suffix = ".jpg" if i % 4 == 0 else ".png"
                write_picture(root / "images" / f"{name}{suffix}", MODES[i % 4], rng)


def write_cirr(
    root: Path, *, annotations: str = "cirr", gallery: int = 9, queries: int = 5
) -> None:
    """Annotations below `annotations`, pictures in train/N/, dev/ and test1/ of the root."""
    rng = np.random.default_rng(6)
    for split, folder in (("train", "train/7"), ("val", "dev"), ("test1", "test1")):
        prefix = folder.split("/")[0]
        names = [f"{prefix}-{i}-0-img{i % 2}" for i in range(gallery)]
        paths = {name: f"./{folder}/{name}.png" for name in names}
        records = []
        for i in range(queries):
            members = [names[(i + step) % gallery] for step in range(6)]
            record: dict[str, object] = {
                "pairid": 12060 + 3 * i,
                "reference": members[2],
                "caption": f"show {i} bottles",
                "img_set": {"id": i, "members": members, "reference_rank": 2},
            }
            if split != "test1":
                record["target_hard"] = members[4]
                record["target_soft"] = {members[4]: 1.0}
            records.append(record)
        write_json(root / annotations / "captions" / f"cap.rc2.{split}.json", records)
        write_json(root / annotations / "image_splits" / f"split.rc2.{split}.json", paths)
        for i, path in enumerate(paths.values()):
            write_picture(root / path, MODES[i % 4], rng)


def write_picture(path: Path, mode: str, rng: np.random.Generator) -> None:
    """A picture of noise, of a random size, in a mode that its format can hold."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = (int(side) for side in rng.integers(20, 60, 2))
    image = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    if path.suffix == ".jpg":
        image.convert("L" if mode == "L" else "RGB").save(path, quality=90)
    else:
        image.convert(mode).save(path)


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
