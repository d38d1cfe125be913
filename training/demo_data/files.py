"""Writing FashionIQ's format."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol


class Named(Protocol):
    """A picture that has a name."""

    @property
    def name(self) -> str:
        """Of its file, without extension."""


def make_images_folder(root: Path) -> Path:
    """A new data set's folder of pictures."""
    images = root / "images"
    images.mkdir(parents=True)
    return images


def write_split(
    root: Path,
    split: str,
    category: str,
    records: Sequence[dict[str, Any]],
    gallery: Sequence[Named],
) -> None:
    """Caption entries of one dataset category's split, and the pictures that it searches."""
    write_json(root / "captions" / f"cap.{category}.{split}.json", list(records))
    names = [picture.name for picture in gallery]
    write_json(root / "image_splits" / f"split.{category}.{split}.json", names)


def write_json(path: Path, content: Any) -> None:
    """One JSON file, its folder made."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content) + "\n", encoding="utf-8")
