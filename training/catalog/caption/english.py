"""Is a caption English? A few words are too short for a language model alone."""

import re
import unicodedata
from functools import cache
from typing import Final

from py3langid.langid import (  # type: ignore[import-untyped]
    MODEL_FILE,
    LanguageIdentifier,
)

from catalog.caption.english_words import WORD_TOKENS

_WORD: Final = re.compile(r"[^\W\d_]+")
_SURE: Final = 0.65
"""Share of known words from which no other opinion is asked."""
_POSSIBLE: Final = 0.3
"""Share of known words below which py3langid alone is not believed."""
_SHORT: Final = 2


def is_english(caption: str) -> bool:
    """Whether a caption is in English, as far as words, letters and py3langid tell.

    py3langid takes short captions of garments for a dozen languages ("has 3/4 sleeves", "is navy"),
    so it decides only where known words are neither many nor few. A letter that is not Latin
    decides against, whatever the rest is.
    """
    words = words_of(caption)
    if not words or not all(_is_latin(letter) for word in words for letter in word):
        return False
    telling = [word for word in words if len(word) > 1] or words
    known = sum(is_known(word) for word in telling) / len(telling)
    if known >= _SURE:
        return True
    return known >= _POSSIBLE and _identifier().classify(caption)[0] == "en"


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without digits and punctuation."""
    return _WORD.findall(text.lower())


def is_known(word: str) -> bool:
    """Whether a word, in lower case, is one that captions of garments are made of."""
    if len(word) > _SHORT:  # "ombré" is "ombre", but "à" is not "a"
        word = "".join(
            c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c)
        )
    return word in WORD_TOKENS


def _is_latin(letter: str) -> bool:
    return letter.isascii() or unicodedata.name(letter, "").startswith("LATIN ")


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_pickled_model(MODEL_FILE)
