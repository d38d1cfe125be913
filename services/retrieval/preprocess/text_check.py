"""Refusing texts that are none, before anything reads them."""

import re
from typing import Final

from retrieval.errors import InvalidText, Reason

MAX_CHARACTERS: Final = 1_000
_NOT_TEXT: Final = re.compile("[\0\ud800-\udfff]")


def check_text(text: str) -> None:
    """Refuse a modification text that cannot be read; the error does not repeat it.

    Raises:
        InvalidText: Over 1,000 characters as sent, or with a NUL or a lone surrogate.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidText(Reason.TEXT_TOO_LONG)
    if _NOT_TEXT.search(text):
        raise InvalidText(Reason.TEXT_INVALID)
