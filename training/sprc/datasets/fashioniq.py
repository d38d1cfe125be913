"""FashionIQ, and any data set in its format with categories of any name.

    captions/cap.{category}.{train,val,test}.json    target, candidate, captions (one or two)
    image_splits/split.{category}.{train,val,test}.json    picture names
    images/{name}.png or .jpg

Two additions of ours, both optional: a caption entry may list ``alternatives``, other pictures of
its split that answer it as rightly as its target, and ``attributes.json`` beside the folders may
say what pictures show: ``{name: {attribute: value}}``.

Source: Wu et al., "Fashion IQ: A New Dataset Towards Retrieving Images by Natural Language
Feedback", CVPR 2021.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sprc.datasets.annotations import (
    read_attributes,
    read_names,
    read_records,
    require_listed,
    text_field,
    texts_field,
)
from sprc.datasets.pictures import FolderPictures
from sprc.datasets.records import (
    Attributes,
    DataError,
    EvaluationSet,
    Protocol,
    Query,
    TrainingSet,
    pair,
    unique,
)

PUBLISHED_CATEGORIES: Final = ("dress", "toptee", "shirt")
"""In the order in which SPRC joins them for training."""
_CAPTIONS: Final = re.compile(r"cap\.(.+)\.(?:train|val|test)\.json")


@dataclass(frozen=True)
class FashionIq:
    """A data set at `root` with the categories in use."""

    root: Path
    categories: tuple[str, ...]

    @classmethod
    def open(cls, root: Path, categories: Sequence[str] | None = None) -> "FashionIq":
        """Find the categories from the caption files, or take those given. Raises `DataError`."""
        folder = root / "captions"
        if not folder.is_dir():
            raise DataError(f"{folder} does not exist, so {root} is no data set like FashionIQ")
        matches = [_CAPTIONS.fullmatch(path.name) for path in folder.iterdir()]
        found = sorted({match[1] for match in matches if match})
        if not found:
            raise DataError(f"{folder} holds no cap.CATEGORY.SPLIT.json")
        missing = [category for category in categories or () if category not in found]
        if missing:
            raise DataError(f"{folder} holds no cap.{missing[0]}.SPLIT.json")
        if categories:
            return cls(root, unique(categories))
        if set(found) == set(PUBLISHED_CATEGORIES):
            return cls(root, PUBLISHED_CATEGORIES)
        return cls(root, tuple(found))

    @property
    def pictures(self) -> FolderPictures:
        """Where the pictures lie; they need not be there to read annotations."""
        return FolderPictures(self.root / "images")

    def training(self) -> TrainingSet:
        """The train split of every category, one after the other. Raises `DataError`."""
        queries = [
            query for category in self.categories for query in self.queries(category, "train")
        ]
        if not queries:
            raise DataError(f"{self.root / 'captions'} holds no training captions")
        return TrainingSet(tuple(queries), self.pictures, self._attributes())

    def evaluation(self, protocol: Protocol) -> tuple[EvaluationSet, ...]:
        """The validation split, one set for each category. Raises `DataError`."""
        return tuple(self._evaluation(category, protocol) for category in self.categories)

    @property
    def protocols(self) -> tuple[Protocol, ...]:
        """What the validation split can be evaluated by. Raises `DataError`."""
        every = (query for category in self.categories for query in self.queries(category, "val"))
        also = (Protocol.ANY_RIGHT,) if any(query.alternatives for query in every) else ()
        return (Protocol.ORIGINAL_SPLIT, *also, Protocol.VAL_SPLIT)

    def queries(self, category: str, split: str) -> tuple[Query, ...]:
        """Queries of one category; those of the test split have no target. Raises `DataError`."""
        path = self._captions(category, split)
        has_targets = split != "test"
        return tuple(
            _query(record, path, position, category, has_targets)
            for position, record in enumerate(read_records(path))
        )

    def split(self, category: str, split: str) -> tuple[str, ...]:
        """Picture names of one category's split. Raises `DataError`."""
        return read_names(self._split(category, split))

    def _evaluation(self, category: str, protocol: Protocol) -> EvaluationSet:
        queries = self.queries(category, "val")
        if not queries:
            raise DataError(f"{self._captions(category, 'val')} holds no queries")
        if protocol in (Protocol.ORIGINAL_SPLIT, Protocol.ANY_RIGHT):
            gallery = self.split(category, "val")
            captions, split = self._captions(category, "val"), self._split(category, "val")
            require_listed([(query, query.names) for query in queries], gallery, captions, split)
        elif protocol is Protocol.VAL_SPLIT:
            gallery = unique(name for query in queries for name in pair(query))
        else:
            raise ValueError(f"{protocol} is no protocol of FashionIQ")
        return EvaluationSet(category, protocol, queries, gallery, self.pictures)

    def _attributes(self) -> Attributes:
        path = self.root / "attributes.json"
        return read_attributes(path) if path.is_file() else {}

    def _captions(self, category: str, split: str) -> Path:
        return self.root / "captions" / f"cap.{category}.{split}.json"

    def _split(self, category: str, split: str) -> Path:
        return self.root / "image_splits" / f"split.{category}.{split}.json"


def _query(
    record: Mapping[str, Any], path: Path, position: int, category: str, has_target: bool
) -> Query:
    captions = texts_field(record, "captions", path, position)
    if len(captions) not in (1, 2):
        raise DataError(f"{path}: entry {position} has {len(captions)} captions, not one or two")
    also = texts_field(record, "alternatives", path, position) if "alternatives" in record else ()
    return Query(
        id=f"{category}-{position}",
        reference=text_field(record, "candidate", path, position),
        target=text_field(record, "target", path, position) if has_target else None,
        captions=tuple(captions),
        alternatives=tuple(also),
        category=category,
    )
