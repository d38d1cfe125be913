"""Counts of a data set, as numbers that a page or a program reads."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import mean, median
from typing import Any, Final

from catalog.check.reading import DataSet, Question
from catalog.structure.splits import Split

_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_COMMON: Final = 25
_LAST_BIN: Final = 20
"""Captions of as many words or more are counted together."""


def figures(data: DataSet) -> dict[str, Any]:
    """Sizes, captions, and how often pictures are asked about."""
    return {
        "questions": len(data.questions),
        "listed_pictures": len(data.names),
        "parts": [_part(data, category) for category in data.categories],
        "captions": _captions(data.questions),
        "per_reference": _spread(question.reference for question in data.questions),
        "per_target": _spread(q.target for q in data.questions if q.target is not None),
    }


def _part(data: DataSet, category: str) -> dict[str, Any]:
    questions = Counter(q.split for q in data.questions if q.category == category)
    return {
        "category": category,
        **{f"{split}_questions": questions[split] for split in Split},
        **{f"{split}_pictures": len(data.splits.get((category, split), ())) for split in Split},
    }


def _captions(questions: Sequence[Question]) -> dict[str, Any]:
    words: dict[Split, Counter[str]] = {split: Counter() for split in Split}
    lengths = []
    for question in questions:
        for caption in question.captions:
            found = _WORD.findall(caption.casefold())
            lengths.append(len(found))
            words[question.split].update(found)
    every = sum(words.values(), Counter[str]())
    unseen = words[Split.VAL].keys() - words[Split.TRAIN].keys()
    return {
        "number": len(lengths),
        "different": len({caption for q in questions for caption in q.captions}),
        "words": _summary(lengths),
        "words_histogram": _histogram(lengths),
        "vocabulary": len(every),
        "vocabulary_train": len(words[Split.TRAIN]),
        "validation_words_not_in_train": len(unseen),
        "common_words": [list(pair) for pair in every.most_common(_COMMON)],
    }


def _histogram(lengths: Sequence[int]) -> list[int]:
    """Captions of 0, 1, ... words; the last bin holds all longer ones too."""
    counts = Counter(min(length, _LAST_BIN) for length in lengths)
    return [counts[length] for length in range(_LAST_BIN + 1)]


def _spread(names: Iterable[str]) -> dict[str, Any]:
    """Over how many pictures questions are spread, and how evenly."""
    counts = Counter(names)
    return {"pictures": len(counts), "questions_each": _summary(list(counts.values()))}


def _summary(numbers: Sequence[int]) -> dict[str, float]:
    if not numbers:
        return {}
    return {
        "least": min(numbers),
        "median": median(numbers),
        "mean": round(mean(numbers), 2),
        "most": max(numbers),
    }
