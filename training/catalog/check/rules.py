"""What is looked for in captions and lists."""

from collections import Counter
from pathlib import Path
from typing import Final

from catalog.caption.tokens import TEXT_LENGTH, TokenCounter
from catalog.check.findings import Findings
from catalog.check.reading import DataSet, Question
from catalog.structure.layout import ATTRIBUTES
from catalog.structure.splits import Split

MOST_RANKS: Final = 50
"""FashionIQ's figures are recall at 10 and at 50."""
_NEEDED: Final = {Split.TRAIN: "train", Split.VAL: "validate"}


def check_annotations(data: DataSet, findings: Findings, tokenizer: Path | None = None) -> None:
    """Captions, lists and what leaks between them. Raises `CatalogError` for the tokenizer."""
    _check_leaks(data, findings)
    _check_lists(data, findings)
    counter = TokenCounter(tokenizer)
    seen: Counter[Question] = Counter()
    for question in data.questions:
        _check_question(question, counter, findings)
        same = Question(
            question.category, question.split, 0, question.reference, question.target,
            question.captions,
        )  # fmt: skip
        seen[same] += 1
        if seen[same] > 1:
            findings.add("QUESTION_TWICE", f"{question.place} was there before")
    for (category, split), names in data.splits.items():
        if split is Split.VAL and 0 < len(names) <= MOST_RANKS:
            findings.add("GALLERY_SMALL", f"category {category} has {len(names)}")
    asked = {(question.category, question.split) for question in data.questions}
    for category in data.categories:
        for split, purpose in _NEEDED.items():
            if (category, split) not in asked:
                findings.add("NO_QUESTIONS", f"category {category} has none to {purpose} on")


def _check_leaks(data: DataSet, findings: Findings) -> None:
    """By name, over all categories: what trains together must not be evaluated in another one."""
    places: dict[str, dict[Split, str]] = {}
    for (category, split), names in data.splits.items():
        for name in names:
            places.setdefault(name, {}).setdefault(split, category)
    leaked = {name for name, splits in places.items() if len(splits) > 1}
    trained = {q.reference for q in data.questions if q.split is Split.TRAIN}
    trained |= {q.target for q in data.questions if q.split is Split.TRAIN and q.target}
    if leaked:
        known = len(leaked & trained)
        findings.add("SPLIT_LEAK", f"{known:,} of them are in questions to train on", count=0)
    for name, splits in sorted(places.items()):
        if name in leaked:
            where = " and ".join(f"{category}.{split}" for split, category in splits.items())
            findings.add("SPLIT_LEAK", f"{name} is listed in {where}")


def _check_lists(data: DataSet, findings: Findings) -> None:
    used: set[str] = set()
    for question in data.questions:
        part = question.category, question.split
        needed = [name for name in (question.reference, question.target) if name is not None]
        used.update(needed)
        if part in data.splits:
            listed = data.listed[part]
            for name in needed:
                if name not in listed:
                    findings.add("NOT_LISTED", f"{question.place} needs {name}")
    names = set(data.names)
    unasked = len(names - used)
    if unasked:
        findings.add("PICTURE_UNASKED", count=unasked)
    unknown = sorted(data.attributes.keys() - names)
    for name in unknown:
        findings.add("ATTRIBUTES_UNKNOWN", f"{ATTRIBUTES} speaks of {name}")


def _check_question(question: Question, counter: TokenCounter, findings: Findings) -> None:
    empty = sum(not caption.strip() for caption in question.captions)
    if empty == len(question.captions):
        findings.add("CAPTIONS_EMPTY", f"{question.place} has no words")
    elif empty:
        findings.add("CAPTION_EMPTY", f"{question.place} has one caption without words")
    tokens = counter.count(question.captions)
    if tokens > TEXT_LENGTH:
        findings.add("CAPTION_LONG", f"{question.place} has about {tokens} tokens")
    if question.reference == question.target:
        findings.add("SAME_PICTURE", f"{question.place} has {question.target} twice")
