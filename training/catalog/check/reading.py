"""A data set read leniently: what is malformed becomes a finding, the rest is still looked at."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from catalog.check.findings import Findings
from catalog.errors import CatalogError
from catalog.structure.layout import ATTRIBUTES, CAPTION_FILE, SPLIT_FILE, TEST_TARGETS
from catalog.structure.splits import Split

Part = tuple[str, Split]
"""A category's split."""
_MOST_CAPTIONS: Final = 2


@dataclass(frozen=True)
class Question:
    """An entry of a caption file."""

    category: str
    split: Split
    position: int
    reference: str
    target: str | None
    """None in the test split as published."""
    captions: tuple[str, ...]

    @property
    def place(self) -> str:
        """For a sentence."""
        return f"cap.{self.category}.{self.split}.json: entry {self.position}"


@dataclass(frozen=True)
class DataSet:
    """What could be read."""

    root: Path
    questions: tuple[Question, ...]
    splits: Mapping[Part, tuple[str, ...]]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    """Those with captions or a list of pictures, well-formed or not."""

    @cached_property
    def listed(self) -> Mapping[Part, frozenset[str]]:
        """The pictures of each part."""
        return {part: frozenset(names) for part, names in self.splits.items()}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every listed picture once, in order."""
        return tuple(sorted({name for names in self.splits.values() for name in names}))

    @property
    def categories(self) -> tuple[str, ...]:
        """In order."""
        return tuple(sorted({category for category, _ in self.parts}))


def read_data_set(root: Path, findings: Findings) -> DataSet:
    """Read captions, lists, test targets and attributes. Raises `CatalogError`: it is none."""
    if not (root / "captions").is_dir() or not (root / "image_splits").is_dir():
        raise CatalogError(
            f"{root} is no data set like FashionIQ: it needs the folders captions and image_splits"
        )
    captions = dict(_files(root / "captions", CAPTION_FILE, findings))
    lists = dict(_files(root / "image_splits", SPLIT_FILE, findings))
    if not captions and not lists:
        raise CatalogError(f"{root / 'captions'} holds no cap.CATEGORY.SPLIT.json")
    for part in sorted(captions.keys() ^ lists.keys()):
        kind = "list of pictures" if part in captions else "captions"
        findings.add("FILE_MISSING", f"category {part[0]} has no {kind} for its split {part[1]}")
    questions = {
        part: tuple(_questions(path, part, findings)) for part, path in sorted(captions.items())
    }
    splits = {part: _names(path, findings) for part, path in sorted(lists.items())}
    answered = _answered(root, questions, findings)
    return DataSet(
        root=root,
        questions=tuple(question for part in answered.values() for question in part),
        splits=splits,
        attributes=_attributes(root / ATTRIBUTES, findings),
        parts=tuple(sorted({*captions, *lists})),
    )


def _files(
    folder: Path, pattern: re.Pattern[str], findings: Findings
) -> Iterator[tuple[Part, Path]]:
    for path in sorted(folder.iterdir()):
        match = pattern.fullmatch(path.name)
        if match:
            yield (match[1], Split(match[2])), path
        else:
            findings.add("FILE_UNKNOWN", f"{folder.name}/{path.name}")


def _load(path: Path, findings: Findings) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        findings.add("FILE_MALFORMED", f"{path.name} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        findings.add("FILE_MALFORMED", f"{path.name} is not UTF-8")
    except (ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        findings.add("FILE_MALFORMED", f"{path.name} is not JSON{line}")
    return None


def _questions(path: Path, part: Part, findings: Findings) -> Iterator[Question]:
    content = _load(path, findings)
    if content is None:
        return
    if not isinstance(content, list):
        findings.add("FILE_MALFORMED", f"{path.name} is not a list of entries")
        return
    for position, entry in enumerate(content):
        problem = _problem(entry, part[1])
        if problem:
            findings.add("ENTRY_MALFORMED", f"{path.name}: entry {position} {problem}")
        else:
            yield Question(
                *part,
                position,
                reference=entry["candidate"],
                target=entry.get("target"),
                captions=tuple(entry["captions"]),
            )


def _problem(entry: Any, split: Split) -> str:
    """What is wrong with an entry; empty for nothing."""
    if not isinstance(entry, dict):
        return "is no object"
    if not isinstance(entry.get("candidate"), str) or not entry["candidate"]:
        return "has no candidate"
    if split is not Split.TEST or "target" in entry:
        target = entry.get("target")
        if not isinstance(target, str) or not target:
            return "has no target"
    captions = entry.get("captions")
    if not isinstance(captions, list) or not all(isinstance(text, str) for text in captions):
        return "has no list of captions"
    if not 1 <= len(captions) <= _MOST_CAPTIONS:
        return f"has {len(captions)} captions, not one or two"
    return ""


def _names(path: Path, findings: Findings) -> tuple[str, ...]:
    content = _load(path, findings)
    if content is None:
        return ()
    if not isinstance(content, list) or not all(isinstance(n, str) and n for n in content):
        findings.add("FILE_MALFORMED", f"{path.name} is not a list of names")
        return ()
    for name, count in Counter(content).items():
        if count > 1:
            findings.add("LISTED_TWICE", f"{path.name} lists {name} {count} times")
    return tuple(dict.fromkeys(content))


def _answered(
    root: Path, questions: Mapping[Part, tuple[Question, ...]], findings: Findings
) -> dict[Part, tuple[Question, ...]]:
    """The same questions, with their targets where `test-targets.json` has them."""
    path = root / TEST_TARGETS
    answered = dict(questions)
    if not path.is_file():
        return answered
    content = _load(path, findings)
    if content is None:
        return answered
    if not isinstance(content, dict) or not all(isinstance(v, list) for v in content.values()):
        findings.add("FILE_MALFORMED", f"{path.name} is not an object of lists of entries")
        return answered
    asked = {category for (category, split), q in questions.items() if split is Split.TEST and q}
    for category in sorted(asked | content.keys()):
        part = category, Split.TEST
        known = [
            Question(category, Split.TEST, place, e["candidate"], e["target"], tuple(e["captions"]))
            for place, e in enumerate(content.get(category, ()))
            if not _problem(e, Split.VAL)
        ]
        bare = questions.get(part, ())
        if _bare(known) == _bare(bare):
            answered[part] = tuple(known)
        else:
            findings.add("TEST_TARGETS_DIFFER", f"category {category}: its entries are others")
    return answered


def _bare(questions: tuple[Question, ...] | list[Question]) -> list[tuple[str, tuple[str, ...]]]:
    return [(question.reference, question.captions) for question in questions]


def _attributes(path: Path, findings: Findings) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    content = _load(path, findings)
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(
        isinstance(shown, dict) and all(isinstance(value, str) for value in shown.values())
        for shown in content.values()
    ):
        findings.add("FILE_MALFORMED", f"{path.name} does not say {{name: {{attribute: value}}}}")
        return {}
    return content
