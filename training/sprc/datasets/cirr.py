"""CIRR: `--data-path` is the folder of the pictures, as SPRC's README lays it out.

    cirr/captions/cap.rc2.{train,val,test1}.json    pairid, reference, target_hard, caption, img_set
    cirr/image_splits/split.rc2.{train,val,test1}.json    name -> path below the root
    train/ dev/ test1/

The annotation repository itself is taken too: captions/ and image_splits/ at the root, pictures
beside them or below img_raw/. Source: Liu et al., "Image Retrieval on Real-life Images with
Pre-trained Vision-and-Language Models", ICCV 2021, annotations rc2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sprc.datasets.annotations import (
    read_mapping,
    read_records,
    require_listed,
    text_field,
    texts_field,
)
from sprc.datasets.pictures import MappedPictures
from sprc.datasets.records import DataError, EvaluationSet, Protocol, Query, TrainingSet, pair


@dataclass(frozen=True)
class Cirr:
    """A data set: its annotations, and the folder that its picture paths start from."""

    annotations: Path
    folder: Path

    @classmethod
    def open(cls, root: Path) -> "Cirr":
        """Find the annotations of a data set. Raises `DataError`."""
        for annotations in (root / "cirr", root):
            if (annotations / "captions").is_dir():
                raw = root / "img_raw"
                return cls(annotations, raw if raw.is_dir() else root)
        raise DataError(f"{root / 'cirr' / 'captions'} does not exist, so {root} is no CIRR")

    def training(self) -> TrainingSet:
        """The train split. Raises `DataError`."""
        queries, pictures = self._read("train")
        return TrainingSet(queries, pictures)

    def evaluation(self) -> EvaluationSet:
        """The validation split. Raises `DataError`."""
        return self._evaluation("val")

    def test(self) -> EvaluationSet:
        """The test1 split, whose queries have no target. Raises `DataError`."""
        return self._evaluation("test1")

    def _evaluation(self, split: str) -> EvaluationSet:
        queries, pictures = self._read(split)
        return EvaluationSet(split, Protocol.CIRR, queries, tuple(pictures.relative), pictures)

    def _read(self, split: str) -> tuple[tuple[Query, ...], MappedPictures]:
        captions = self.annotations / "captions" / f"cap.rc2.{split}.json"
        listed = self.annotations / "image_splits" / f"split.rc2.{split}.json"
        pictures = MappedPictures(self.folder, read_mapping(listed))
        has_targets = split != "test1"
        queries = tuple(
            _query(record, captions, position, has_targets)
            for position, record in enumerate(read_records(captions))
        )
        if not queries:
            raise DataError(f"{captions} holds no queries")
        if len({query.id for query in queries}) != len(queries):
            raise DataError(f"{captions} repeats a pairid")
        # Training reads the pair alone, whatever else its subset names.
        needs = [(query, pair(query) if split == "train" else query.names) for query in queries]
        require_listed(needs, pictures.relative, captions, listed)
        return queries, pictures


def _query(record: Mapping[str, Any], path: Path, position: int, has_target: bool) -> Query:
    pair_id = record.get("pairid")
    if not isinstance(pair_id, int):
        raise DataError(f"{path}: entry {position} has no number 'pairid'")
    subset = record.get("img_set")
    if not isinstance(subset, dict):
        raise DataError(f"{path}: entry {position} has no object 'img_set'")
    query = Query(
        id=str(pair_id),
        reference=text_field(record, "reference", path, position),
        target=text_field(record, "target_hard", path, position) if has_target else None,
        captions=(text_field(record, "caption", path, position),),
        members=tuple(texts_field(subset, "members", path, position)),
    )
    if query.target == query.reference:
        raise DataError(f"{path}: entry {position} has its reference as target")
    if has_target and query.target not in query.members:
        raise DataError(f"{path}: entry {position} has a target outside its 'img_set'")
    return query
