"""The files of a data set, each replaced in one step.

An interrupted run leaves files of both runs. Since no product changes its split, even these do not
leak, and the next run ends the same.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from catalog.products import Product, write_text
from catalog.structure.arrange import Arranged, entry, pictures_of
from catalog.structure.layout import (
    ATTRIBUTES,
    CAPTION_FILE,
    SPLIT_FILE,
    TEST_TARGETS,
    captions_file,
    picture_name,
    split_file,
)
from catalog.structure.splits import Split

MOST_VALUES: Final = 100
"""An attribute with more values than this is free text, not one that a model could learn."""


def write_files(root: Path, arranged: Arranged, products: Sequence[Product]) -> None:
    """Captions, splits, test targets and attributes; those of categories no longer there go."""
    written = set()
    for category in arranged.categories:
        for split in Split:
            items = arranged.questions.get((category, split), ())
            captions = captions_file(root, category, split)
            _write(captions, [entry(item, with_target=split is not Split.TEST) for item in items])
            names = list(map(picture_name, arranged.gallery.get((category, split), ())))
            _write(split_file(root, category, split), names)
            written |= {captions, split_file(root, category, split)}
    targets = {
        category: [entry(item, with_target=True) for item in items]
        for (category, split), items in sorted(arranged.questions.items())
        if split is Split.TEST
    }
    _write(root / TEST_TARGETS, targets)
    _write(root / ATTRIBUTES, attributes(products, arranged.pictures))
    for folder, pattern in (("captions", CAPTION_FILE), ("image_splits", SPLIT_FILE)):
        for path in (root / folder).iterdir():
            if pattern.fullmatch(path.name) and path not in written:
                path.unlink()


def attributes(
    products: Iterable[Product], pictures: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """What the pictures of a data set show, as far as the catalog says it.

    Not title, brand, price or sizes: they say nothing of what is seen. A picture that several
    products show keeps what they agree on.
    """
    shown: dict[str, dict[str, str]] = {}
    for product in products:
        own = {"category": product.category, "color": product.color, **product.attributes}
        known = {name: value for name, value in own.items() if value}
        for path in pictures_of(product):
            name = picture_name(path)
            if name in pictures:
                agreed = dict(shown.get(name, known).items() & known.items())
                shown[name] = dict(sorted(agreed.items()))
    kinds = {(name, value) for values in shown.values() for name, value in values.items()}
    values_of = Counter(name for name, _ in kinds)
    return {
        picture: {n: value for n, value in values.items() if values_of[n] <= MOST_VALUES}
        for picture, values in sorted(shown.items())
    }


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    write_text(path, json.dumps(content, ensure_ascii=False, indent=4) + "\n")
