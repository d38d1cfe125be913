"""Page tokens: any text is read as exactly the token it is, or refused as no token.

The first byte says whether the rest is the text or the bytes that it spells.
"""

import base64
import uuid

from gateway.paging import (
    PageToken,
    read_list_token,
    read_search_token,
    token_model,
    write_list_token,
    write_search_token,
)
from retrieval.domain import Match
from retrieval.errors import InvalidArgument, Reason

OWNER = b"fingerprint of q"
FILTER = Match("color", ("red",))

TEXT = b"\0"
SPELLED = b"\1"
LONGEST = 128
"""Bytes of an input."""


def corpus() -> list[bytes]:
    """Tokens of both kinds, and what nearly is one."""
    search = write_search_token("ab" * 6, OWNER, PageToken(b"s" * 16, 40))
    other = write_search_token("cd" * 6, b"another query's.", PageToken(b"t" * 16, 0))
    listing = write_list_token("default", FILTER, uuid.UUID(int=7))
    tokens = [search, other, listing, write_list_token("default", None, uuid.UUID(int=7))]
    texts = [text for token in tokens for text in (token, token[:-1], token + "=", "")]
    return [TEXT + text.encode() for text in texts] + [
        SPELLED + base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)) for token in tokens
    ]


def TestOneInput(data: bytes) -> None:  # noqa: N802 (the name that fuzzers look for)
    text = data[1:].decode("utf-8", "surrogateescape")
    if data[:1] == SPELLED:
        text = base64.urlsafe_b64encode(data[1:]).decode().rstrip("=")
    try:
        token = read_search_token(text, OWNER)
    except InvalidArgument as error:
        _check(error)
    else:
        _same(write_search_token(token_model(text), OWNER, token), text)
    try:
        after = read_list_token(text, "default", FILTER)
    except InvalidArgument as error:
        _check(error)
    else:
        _same(write_list_token("default", FILTER, after), text)


def _check(error: InvalidArgument) -> None:
    if (error.reason, error.field) != (Reason.PAGE_TOKEN_INVALID, "page_token"):
        raise AssertionError((error.reason, error.field))


def _same(written: str, read: str) -> None:
    if written != read:
        raise AssertionError(f"{read!r} was read as {written!r}")
