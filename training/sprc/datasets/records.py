"""What a data set holds: queries, galleries, and where their pictures lie."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from sprc.captions import validation_caption
from sprc.datasets.pictures import PictureFiles

Attributes = Mapping[str, Mapping[str, str]]
"""Picture -> attribute -> value, of the pictures and attributes that are known."""


class DataError(Exception):
    """A data set cannot be used; the message is one sentence that names the file."""


class Protocol(StrEnum):
    """What is searched in an evaluation. Figures of different protocols do not compare."""

    ORIGINAL_SPLIT = "original-split"
    """FashionIQ: every picture of the category's validation split. The published SPRC figures."""
    VAL_SPLIT = "val-split"
    """FashionIQ: only the category's references and targets, a smaller and easier gallery.

    After Chen et al., "Image Search with Text Feedback by Visiolinguistic Attention Learning"
    (VAL), CVPR 2020. As in later work, queries keep both captions and the reference stays in the
    gallery, so that nothing but the gallery differs from the original split.
    """
    ANY_RIGHT = "any-right"
    """Own data whose captions list alternatives: any right picture counts as found.

    The gallery is the split without the query's reference, as a shop's search leaves it out.
    """
    CIRR = "cirr"
    """CIRR: every picture of the split but the query's reference, and the six of its subset."""

    @property
    def without_reference(self) -> bool:
        """Whether a query's own reference is left out of its ranking."""
        return self in (Protocol.ANY_RIGHT, Protocol.CIRR)


@dataclass(frozen=True)
class Query:
    """A reference, words that change it, and the target where it is known."""

    id: str
    """CIRR's pair id; elsewhere category and position."""
    reference: str
    target: str | None
    captions: tuple[str, ...]
    """One caption, or FashionIQ's two."""
    members: tuple[str, ...] = ()
    """CIRR's subset of similar pictures, the reference included."""
    alternatives: tuple[str, ...] = ()
    """Other pictures that answer the query as rightly as its target, where the data lists them."""
    category: str = ""
    """FashionIQ's; none in CIRR."""

    @property
    def text(self) -> str:
        """The words of the query outside training."""
        return validation_caption(self.captions)

    @property
    def known_target(self) -> str:
        """The target. Raises `DataError` for a query of a test split."""
        if self.target is None:
            raise DataError(f"query {self.id} has no published target")
        return self.target

    @property
    def names(self) -> tuple[str, ...]:
        """Every picture that the query needs."""
        known = () if self.target is None else (self.target,)
        return (self.reference, *known, *self.members, *self.alternatives)


@dataclass(frozen=True)
class TrainingSet:
    """Queries with targets."""

    queries: tuple[Query, ...]
    pictures: PictureFiles
    attributes: Attributes = field(default_factory=dict)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Each picture of the queries once, in order of first use."""
        return unique(name for query in self.queries for name in pair(query))

    @cached_property
    def rows(self) -> dict[str, int]:
        """Name -> position in `names`."""
        return {name: row for row, name in enumerate(self.names)}

    @cached_property
    def kinds(self) -> tuple[int, ...]:
        """Of each picture in `names` a number for its category, that of the first pair with it."""
        found: dict[str, str] = {}
        for query in self.queries:
            for name in pair(query):
                found.setdefault(name, query.category)
        numbers = {category: number for number, category in enumerate(unique(found.values()))}
        return tuple(numbers[found[name]] for name in self.names)

    def pictures_of(self, categories: Collection[str]) -> list[bool]:
        """Of each picture in `names`, whether a pair of these categories has it."""
        found = {name for q in self.queries if q.category in categories for name in pair(q)}
        return [name in found for name in self.names]


@dataclass(frozen=True)
class EvaluationSet:
    """Queries and the gallery they search; every picture of a query is in the gallery."""

    name: str
    """The category, or the split of CIRR."""
    protocol: Protocol
    queries: tuple[Query, ...]
    gallery: tuple[str, ...]
    pictures: PictureFiles

    @cached_property
    def positions(self) -> dict[str, int]:
        """Name -> position in the gallery."""
        return {name: position for position, name in enumerate(self.gallery)}


def pair(query: Query) -> tuple[str, str]:
    """Reference and target of a query that trains."""
    return query.reference, query.known_target


def unique(names: Iterable[str]) -> tuple[str, ...]:
    """Each name once, in order of first appearance."""
    return tuple(dict.fromkeys(names))
