"""Captions as SPRC learns from them: tidied, and refused where they say nothing of use.

`clean` takes off what a model writes around a caption; `find_fault` says why two captions are no
use. Tried on FashionIQ's 30,134 published pairs, it wrongly refuses fewer than 1 %: .4 % for their
English (misspelled, or of rare words alone) and .3 % for a second sentence. It also refuses 1.7 %
that do have the fault, such as "is the same" (1.0 %) and the same caption twice (.6 %).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from catalog.caption.english import is_english, words_of
from catalog.caption.english_words import FILLER, GARMENTS, SAMENESS
from catalog.caption.naming import names_product
from catalog.caption.port import Question
from catalog.caption.tokens import TEXT_LENGTH, TokenCounter

_PLAIN: Final = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201b\u2032\u00b4`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2015\u2212", "-"),
        "\u2014": " ",
        "\u2026": ".",
    }
)
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b-\u200f\u2060\ufeff\ud800-\udfff]"
)
_LABEL: Final = re.compile(
    r"(?:(?:relative\s+)?(?:caption|sentence)\s*[12]?\s*:|\(?[12][.):](?=\s)|[-*\u2022#>](?=\s))\s*",
    re.IGNORECASE,
)
_AROUND: Final = " .,;:!?\"'*_~|"
_BEFORE: Final = " ,;:\"'*_~|"
_SENTENCE_END: Final = re.compile(r"(?<![.\s])(?:\.+[\"')]*\s+(?=\S)|[.!?]+[\"')]*\s+(?=[A-Z]))")
_ABBREVIATED: Final = re.compile(
    r"(?:\b[^\W\d_]|\b(?:vs|etc|approx|mr|mrs|ms|dr|st|capt))$", re.IGNORECASE
)


@dataclass(frozen=True)
class Fault:
    """Why two captions are no use."""

    reason: str
    """UPPER_SNAKE."""
    message: str
    """A sentence that also tells the captioner what to do better."""


def clean(caption: str) -> str:
    """A caption without what stands around it; never longer, and cleaned again the same.

    Curly quotes and long dashes become plain, whitespace single spaces; labels ("Caption 1:"),
    quotes, emphasis and the full stop go; a capital that only begins the sentence becomes small, as
    in FashionIQ.
    """
    text = " ".join(_UNSEEN.sub("", caption.translate(_PLAIN)).split())
    while (less := _take_off(text)) != text:
        text = less
    first, second = text[:1], text[1:2]
    if "A" <= first <= "Z" and (second == " " or "a" <= second <= "z"):
        return first.lower() + text[1:]
    return text


def complaint(
    captions: Sequence[str], question: Question, counter: TokenCounter | None = None
) -> str:
    """What is wrong with cleaned captions, in one sentence; empty where nothing is."""
    fault = find_fault(captions, question, counter)
    return fault.message if fault else ""


def find_fault(
    captions: Sequence[str], question: Question, counter: TokenCounter | None = None
) -> Fault | None:
    """The first fault of a pair's two cleaned captions.

    Args:
        captions: From `clean`.
        question: Names of its two products may not be said.
        counter: Of tokens; the estimate where there is none.
    """
    if len(captions) != 2:
        return Fault("WRONG_COUNT", "There must be exactly two captions.")
    for number, caption in enumerate(captions, 1):
        if fault := _fault_of_one(f"Caption {number}", caption, question):
            return fault
    if len({tuple(words_of(caption)) for caption in captions}) == 1:
        return Fault("SAME_TWICE", "The two captions must say it in different words.")
    if (counter or TokenCounter()).count(captions) > TEXT_LENGTH:
        return Fault(
            "TOO_LONG", f"Both captions together have more than {TEXT_LENGTH} tokens: be shorter."
        )
    return None


def _fault_of_one(which: str, caption: str, question: Question) -> Fault | None:
    if not words_of(caption):
        return Fault("EMPTY", f"{which} is empty.")
    if _sentences(caption) > 1:
        return Fault("MORE_THAN_ONE_SENTENCE", f"{which} must be one sentence.")
    if not is_english(caption):
        return Fault("NOT_ENGLISH", f"{which} is not in plain English.")
    if names_product(caption, (question.reference, question.target)):
        return Fault(
            "NAMES_PRODUCT", f"{which} has a product's name, brand or id: say how it looks instead."
        )
    if not _says_difference(caption, question):
        return Fault("SAYS_NO_DIFFERENCE", f"{which} does not say what is different.")
    return None


def _take_off(text: str) -> str:
    text = text.rstrip(_AROUND).lstrip(_BEFORE)
    label = _LABEL.match(text)
    return text[label.end() :] if label else text


def _sentences(caption: str) -> int:
    ends = _SENTENCE_END.finditer(caption)
    return 1 + sum(not _ABBREVIATED.search(caption[: end.start()]) for end in ends)


def _says_difference(caption: str, question: Question) -> bool:
    words = set(words_of(caption))
    if words & SAMENESS:
        category = question.target.category.lower()
        words -= SAMENESS | GARMENTS | {"more", category, category.removesuffix("s")}
    return not words <= FILLER
