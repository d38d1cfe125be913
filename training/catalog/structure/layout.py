"""Where things lie in a data set of FashionIQ's layout, and in ours the files beside it.

    captions/cap.CATEGORY.SPLIT.json           [{target, candidate, captions}]; test has no target
    image_splits/split.CATEGORY.SPLIT.json     [picture name]
    images/NAME.jpg (.png)
    attributes.json          {name: {attribute: value}}
    test-targets.json        {category: [{target, candidate, captions}]}, what test leaves out
    catalog-splits.json      the split of every product, kept for good
    set-aside.jsonl          what was left out, and why
    DATACARD.md

Source: Wu et al., "Fashion IQ: A New Dataset Towards Retrieving Images by Natural Language
Feedback", CVPR 2021, and its published annotation files.
"""

import re
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Final

from catalog.structure.splits import Split

IMAGES: Final = "images"
ATTRIBUTES: Final = "attributes.json"
TEST_TARGETS: Final = "test-targets.json"
SET_ASIDE: Final = "set-aside.jsonl"
CARD: Final = "DATACARD.md"
OTHER: Final = "other"
"""The category of what has none, or has too few questions for one of its own."""
CAPTION_FILE: Final = re.compile(r"cap\.(.+)\.(train|val|test)\.json")
SPLIT_FILE: Final = re.compile(r"split\.(.+)\.(train|val|test)\.json")
OWN_PICTURE: Final = re.compile(r"[0-9a-f]{20}\.(?:jpg|png)")
_LONGEST: Final = 60


def captions_file(root: Path, category: str, split: Split) -> Path:
    """The captions of a category's split."""
    return root / "captions" / f"cap.{category}.{split}.json"


def split_file(root: Path, category: str, split: Split) -> Path:
    """The pictures of a category's split."""
    return root / "image_splits" / f"split.{category}.{split}.json"


def picture_name(path: str) -> str:
    """``images/ab/SHA256.jpg`` -> the first 20 hex digits: its name in the data set."""
    return PurePosixPath(path).stem[:20]


def slug(category: str) -> str:
    """A category as a part of file names: "Coats & Jackets" -> "coats-jackets".

    Letters of any script stay. Categories that differ in signs alone become one.
    """
    plain = unicodedata.normalize("NFKC", category).casefold()
    return re.sub(r"[\W_]+", "-", plain)[:_LONGEST].strip("-") or OTHER
