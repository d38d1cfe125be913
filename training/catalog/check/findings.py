"""What a check may find, and how grave it is.

A defect makes the figures of a model wrong, or stops `sprc.train` or `sprc.evaluate`: the exit code
is 1. A warning is worth a look and does not set it. A note says how the data set is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

EXAMPLES: Final = 20
"""Sentences kept of each kind; all are counted."""


class Level(StrEnum):
    """How grave a finding is."""

    DEFECT = "defect"
    WARNING = "warning"
    NOTE = "note"


KINDS: Final[Mapping[str, tuple[Level, str]]] = {
    "FILE_MALFORMED": (Level.DEFECT, "files cannot be read, or not as what they should be"),
    "ENTRY_MALFORMED": (Level.DEFECT, "entries of caption files are not as FashionIQ's"),
    "FILE_MISSING": (Level.DEFECT, "captions have no list of pictures, or the reverse"),
    "LISTED_TWICE": (Level.DEFECT, "names stand twice in one list of pictures"),
    "NOT_LISTED": (Level.DEFECT, "questions need pictures that their split does not list"),
    "PICTURE_MISSING": (Level.DEFECT, "listed pictures have no file"),
    "PICTURE_UNREADABLE": (Level.DEFECT, "pictures are damaged or of an unknown format"),
    "SPLIT_LEAK": (Level.DEFECT, "pictures are listed in more than one split"),
    "NEAR_DUPLICATE_LEAK": (Level.DEFECT, "groups of near-duplicate pictures reach over splits"),
    "CAPTIONS_EMPTY": (Level.DEFECT, "questions have no words at all"),
    "TEST_TARGETS_DIFFER": (Level.DEFECT, "test-targets.json does not answer the test captions"),
    "NO_QUESTIONS": (Level.WARNING, "categories have no question to train or to validate on"),
    "CAPTION_EMPTY": (Level.WARNING, "questions have one caption without words"),
    "CAPTION_LONG": (Level.WARNING, "questions are longer than SPRC's 32 tokens, by an estimate"),
    "SAME_PICTURE": (Level.WARNING, "questions have one picture as reference and target"),
    "QUESTION_TWICE": (Level.WARNING, "questions stand twice in one file"),
    "PICTURE_UNUSED": (Level.WARNING, "picture files are in no list"),
    "PICTURE_TWICE": (Level.WARNING, "pictures have two files, of which one is never read"),
    "ATTRIBUTES_UNKNOWN": (Level.WARNING, "attributes are of pictures that no split lists"),
    "FILE_UNKNOWN": (Level.NOTE, "files are none of FashionIQ's layout"),
    "GALLERY_SMALL": (Level.NOTE, "categories have so few val pictures that recall at 50 is 100"),
    "PICTURE_UNASKED": (Level.NOTE, "listed pictures are in no question: the gallery alone"),
    "PICTURES_ABSENT": (Level.NOTE, "listed pictures have no file, as annotations alone have none"),
    "PICTURES_UNREAD": (Level.NOTE, "pictures were not read, so none was compared"),
    "NEAR_DUPLICATES": (Level.NOTE, "groups of near-duplicate pictures lie within one split"),
}
"""Kind -> level, and what its number counts."""


@dataclass(frozen=True)
class Finding:
    """All of one kind."""

    kind: str
    level: Level
    message: str
    count: int
    examples: tuple[str, ...]


@dataclass
class Findings:
    """What was found so far."""

    _counts: dict[str, int] = field(default_factory=dict)
    _examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, example: str = "", count: int = 1) -> None:
        """Note one more, or several of which one sentence speaks."""
        if kind not in KINDS:
            raise ValueError(f"{kind} is no kind of finding")
        self._counts[kind] = self._counts.get(kind, 0) + count
        examples = self._examples.setdefault(kind, [])
        if example and len(examples) < EXAMPLES:
            examples.append(example)

    def all(self) -> tuple[Finding, ...]:
        """One for each kind that was found, the gravest first."""
        return tuple(
            Finding(kind, level, message, self._counts[kind], tuple(self._examples[kind]))
            for kind, (level, message) in KINDS.items()
            if self._counts.get(kind)
        )

    @property
    def defective(self) -> bool:
        """Whether the exit code is 1."""
        return any(finding.level is Level.DEFECT for finding in self.all())
