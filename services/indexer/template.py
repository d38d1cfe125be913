"""Templates of the command line: ``images/{id}.jpg``, filled from a row."""

import re
from collections.abc import Mapping
from typing import Final

from indexer.rows import FeedError, RowError

_NAME: Final = re.compile(r"\{([^{}]+)\}")


class Template:
    """Text with names of fields in braces."""

    def __init__(self, text: str) -> None:
        """Take ``text`` apart.

        Raises:
            FeedError: a brace has no partner, or nothing is in braces.
        """
        bare = _NAME.sub("", text)
        if "{" in bare or "}" in bare or bare == text:
            raise FeedError(
                f"A template needs field names in braces, as in 'images/{{id}}.jpg': {text!r}."
            )
        self.text = text

    def fill(self, fields: Mapping[str, object]) -> str:
        """Fill in the values of ``fields``.

        Raises:
            RowError: the row lacks one of the names, or it is no plain value.
        """

        def value(match: re.Match[str]) -> str:
            found = fields.get(match[1])
            if isinstance(found, bool) or not isinstance(found, str | int | float):
                raise RowError("ROW_UNREADABLE", "The row lacks a field that a template names.")
            return f"{found:g}" if isinstance(found, float) else str(found)

        return _NAME.sub(value, self.text)
