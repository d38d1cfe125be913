"""From the bytes of a body to one JSON object and perhaps a picture. Pure functions."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway.long_base64 import PIECE_BYTES, lift
from retrieval.errors import InvalidArgument, MalformedRequest, Reason, UnsupportedMediaType

MAX_PARTS: Final = 32
"""Parts of a form; no call has half as many fields."""

MAX_JSON_VALUES: Final = 20_000
"""Values in one body, about; the largest filter and the largest attributes have half as many. A
body of a few megabytes of ``[],[],`` would take hundreds of megabytes and seconds of the
interpreter lock."""

_MAX_PART_HEADER_BYTES: Final = 2048
_UTF_16_AND_32_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class FormShape:
    """Which plain form fields stand for fields of the JSON form.

    ``text`` fields are taken as they are, ``json`` fields are written as JSON.
    """

    text: frozenset[str]
    json: frozenset[str]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A body: the JSON (not yet known to be an object), and the ``image`` part of a form."""

    document: Any
    image: bytes | None = None


def media_type(content_type: str, content_encoding: str = "") -> str:
    """``application/json`` or ``multipart/form-data``. Raises UnsupportedMediaType."""
    kind, options = parse_options_header(content_type)
    charset = options.get(b"charset", b"utf-8").lower()
    name = kind.decode("latin-1").lower()
    if (
        name not in {"application/json", "multipart/form-data"}
        or charset not in {b"utf-8", b"utf8", b"us-ascii"}
        or content_encoding.lower() not in {"", "identity"}
    ):
        raise UnsupportedMediaType
    return name


def parse(content_type: str, raw: bytes, form: FormShape) -> Parsed:
    """Read a body of one of the two media types.

    Raises:
        MalformedRequest: no valid JSON, form, or UTF-8.
        UnsupportedMediaType: JSON in another encoding than UTF-8.
        InvalidArgument: FIELD_UNKNOWN or FIELD_INVALID for the parts of a form.
    """
    if media_type(content_type) == "application/json":
        return Parsed(parse_json(raw))
    return _parse_form(content_type, raw, form)


def parse_json(raw: bytes) -> Any:
    """JSON by the standard library, which also reads NaN and Infinity and lone surrogates: the
    core refuses them where they stand. A long picture in base64 is a `LongBase64`.

    Raises:
        MalformedRequest: no JSON; more than `MAX_JSON_VALUES`; nested beyond Python's recursion
            limit; a whole number of more than 4,300 digits.
        UnsupportedMediaType: UTF-16 or UTF-32.
    """
    if raw.startswith(_UTF_16_AND_32_MARKS) or 0 in raw[:4]:
        raise UnsupportedMediaType
    rest, lifted = lift(raw)
    if sum(rest.count(mark) for mark in b",[{") > MAX_JSON_VALUES:
        raise MalformedRequest(Reason.REQUEST_MALFORMED)

    def put_back(members: dict[str, Any]) -> dict[str, Any]:
        for name, value in members.items():
            if isinstance(value, str) and value in lifted:
                members[name] = lifted[value]
        return members

    try:
        return json.loads(rest.decode("utf-8-sig"), object_hook=put_back if lifted else None)
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise MalformedRequest(Reason.REQUEST_MALFORMED) from None


# --- forms ----------------------------------------------------------------------------------


def _parse_form(content_type: str, raw: bytes, form: FormShape) -> Parsed:
    parts = _split_form(content_type, raw)
    image = parts.pop("image", None)
    if "request" in parts:
        if len(parts) > 1:
            raise InvalidArgument(Reason.FIELD_INVALID, field="request")
        return Parsed(parse_json(parts["request"]), image)
    if not set(parts) <= form.text | form.json:
        raise InvalidArgument(Reason.FIELD_UNKNOWN)
    document = {
        name: _utf8(value) if name in form.text else parse_json(value)
        for name, value in parts.items()
    }
    return Parsed(document, image)


@dataclass(slots=True)
class _Part:
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    header_name: bytes = b""
    header_value: bytes = b""
    content: list[bytes] = field(default_factory=list)
    """In pieces: joining bytes lets go of the interpreter lock, adding to them does not."""

    @property
    def name(self) -> str:
        """The name in Content-Disposition; a file name beside it is of no interest."""
        for header, value in self.headers:
            if header.lower() == b"content-disposition":
                _, options = parse_options_header(value)
                return _utf8(options.get(b"name", b""))
        return ""


class _FormReader:
    """Gathers the parts of one form from the parser's callbacks."""

    def __init__(self) -> None:
        self.parts: list[_Part] = []
        self.ended = False

    def callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) == MAX_PARTS:
            raise MalformedRequest(Reason.REQUEST_MALFORMED)
        self.parts.append(_Part())

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].header_name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].header_value += data[start:end]

    def _header_end(self) -> None:
        part = self.parts[-1]
        part.headers.append((part.header_name, part.header_value))
        part.header_name = part.header_value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].content.append(data[start:end])

    def _end(self) -> None:
        self.ended = True


def _split_form(content_type: str, raw: bytes) -> dict[str, bytes]:
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:  # RFC 2046, 5.1.1
        raise MalformedRequest(Reason.REQUEST_MALFORMED)
    reader = _FormReader()
    parser = MultipartParser(
        boundary,
        reader.callbacks(),  # type: ignore[arg-type]
        max_header_size=_MAX_PART_HEADER_BYTES,
    )
    try:
        for start in range(0, len(raw), PIECE_BYTES):
            parser.write(raw[start : start + PIECE_BYTES])
        parser.finalize()
    except FormParserError:
        raise MalformedRequest(Reason.REQUEST_MALFORMED) from None
    if not reader.ended:  # cut short: the last boundary never came
        raise MalformedRequest(Reason.REQUEST_MALFORMED)
    parts: dict[str, bytes] = {}
    for part in reader.parts:
        name = part.name
        if name in parts:
            raise InvalidArgument(Reason.FIELD_INVALID)
        parts[name] = b"".join(part.content)
    return parts


def _utf8(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise MalformedRequest(Reason.REQUEST_MALFORMED) from None
