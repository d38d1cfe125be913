"""One JSON object or one query string, read field by field with nothing unknown left over."""

import re
from collections.abc import Set as AbstractSet
from typing import Any, Final
from urllib.parse import parse_qsl

from retrieval.errors import InvalidArgument, MalformedRequest, Reason

_MAX_PARAMETERS: Final = 64
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,19}", re.ASCII)


class Fields:
    """A JSON object whose fields are all known. A null is a field left out.

    Errors name the path of a known field, never an unknown name: that came from the caller.
    """

    def __init__(self, value: object, known: AbstractSet[str], path: str = "") -> None:
        """Raises InvalidArgument: FIELD_INVALID for no object, FIELD_UNKNOWN."""
        if not isinstance(value, dict):
            raise InvalidArgument(Reason.FIELD_INVALID, field=path)
        if not value.keys() <= known:
            raise InvalidArgument(Reason.FIELD_UNKNOWN, field=path)
        self._values: dict[str, Any] = value
        self._path = path

    def value(self, name: str) -> Any:
        """The field as it came, or None."""
        return self._values.get(name)

    def text(self, name: str) -> str:
        """A string; empty where it is left out."""
        value = self._values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise InvalidArgument(Reason.FIELD_INVALID, field=self._at(name))
        return value

    def flag(self, name: str) -> bool:
        """A boolean; false where it is left out."""
        value = self._values.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise InvalidArgument(Reason.FIELD_INVALID, field=self._at(name))
        return value

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


class Query:
    """The query string of a request, all of whose parameters are known."""

    def __init__(
        self, query_string: bytes, known: AbstractSet[str], repeated: AbstractSet[str] = frozenset()
    ) -> None:
        """Raises MalformedRequest; InvalidArgument: FIELD_UNKNOWN, or FIELD_INVALID for a
        parameter that comes twice and may not."""
        try:
            pairs = parse_qsl(
                query_string.decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=_MAX_PARAMETERS,
            )
        except ValueError:  # UnicodeDecodeError is one
            raise MalformedRequest(Reason.REQUEST_MALFORMED) from None
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            if name not in known | repeated:
                raise InvalidArgument(Reason.FIELD_UNKNOWN)
            if name in self._values and name not in repeated:
                raise InvalidArgument(Reason.FIELD_INVALID, field=name)
            self._values.setdefault(name, []).append(value)

    def text(self, name: str) -> str:
        """The parameter; empty where it is left out."""
        return self._values.get(name, [""])[0]

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a repeated parameter."""
        return tuple(self._values.get(name, ()))

    def page_size(self) -> int | None:
        """``page_size``, or None where it is left out. Raises InvalidArgument."""
        text = self.text("page_size")
        if not text and "page_size" not in self._values:
            return None
        if not _WHOLE_NUMBER.fullmatch(text):
            raise InvalidArgument(Reason.PAGE_SIZE_INVALID, field="page_size")
        return int(text)

    def flag(self, name: str, default: bool) -> bool:
        """``true`` or ``false``. Raises InvalidArgument."""
        words = {"": default, "true": True, "false": False}
        try:
            return words[self.text(name)]
        except KeyError:
            raise InvalidArgument(Reason.FIELD_INVALID, field=name) from None
