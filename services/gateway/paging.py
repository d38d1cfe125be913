"""Page tokens: where a query's next page begins, and which ranking it belongs to (AIP-158).

A token is opaque to callers but holds no secret: a version, the model that made the ranking, the
fingerprint of the query it came from, the key of the ranking kept for it, and an offset. A ranking
is paged under its own model, also when another is live by then. A token under another query or
catalog does not match the fingerprint and is refused.

A listing keeps no ranking: its token holds a version, the fingerprint of catalog and filter, and
the point that comes next.
"""

import base64
import binascii
import hashlib
import struct
import uuid
from dataclasses import dataclass
from typing import Any, Final

from retrieval.domain import (
    Filter,
    ProductReference,
    Ranking,
    SearchRequest,
    UploadReference,
    UriReference,
)
from retrieval.errors import InvalidArgument, Reason

_SEARCH_VERSION: Final = 2
_LIST_VERSION: Final = 1
_SEARCH: Final = struct.Struct("!B6s16s16sI")
_LIST: Final = struct.Struct("!B16s16s")


@dataclass(frozen=True, slots=True)
class PageToken:
    """A place in a ranking: the ranking's key and how many hits came before."""

    snapshot: bytes
    offset: int


def search_fingerprint(request: SearchRequest, digest: str) -> bytes:
    """16 bytes that name a query under a model; page size, view and token are no part of it."""
    match request.reference:
        case ProductReference(product_id):
            reference = ("product", product_id)
        case UploadReference(content):
            reference = ("upload", hashlib.sha256(content).hexdigest())
        case UriReference(uri):
            reference = ("uri", uri)
        case None:
            reference = ("none", "")
    parts = (
        digest,
        request.catalog,
        reference,
        request.modification,
        request.filter,
        request.include_reference,
        request.group_by,
        request.diversity,
        # Nothing where it is not asked for: tokens from before there was any stay valid.
        *(() if request.rerank is None else (request.rerank.depth,)),
    )
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()


def snapshot_key(fingerprint: bytes, ranking: Ranking) -> bytes:
    """16 bytes that name one ranking of a query: equal answers share one snapshot, and a changed
    index or another outcome of the second stage makes another, so pages already begun stay as they
    were."""
    content = hashlib.blake2b(fingerprint, digest_size=16)
    for place in ranking.places:
        content.update(place.point_id.bytes)
    if ranking.rerank is not None:
        content.update(ranking.rerank.encode())
    return content.digest()


def write_search_token(model: str, fingerprint: bytes, token: PageToken) -> str:
    """``model``: short digest of the model that made the ranking."""
    return _encode(
        _SEARCH.pack(
            _SEARCH_VERSION, bytes.fromhex(model), fingerprint, token.snapshot, token.offset
        )
    )


def token_model(text: str) -> str:
    """The model whose ranking a token pages. Raises InvalidArgument (PAGE_TOKEN_INVALID)."""
    version, model, *_ = _decode(text, _SEARCH)
    if version != _SEARCH_VERSION:
        raise InvalidArgument(Reason.PAGE_TOKEN_INVALID, field="page_token")
    short_digest: str = model.hex()
    return short_digest


def read_search_token(text: str, fingerprint: bytes) -> PageToken:
    """Raises InvalidArgument (PAGE_TOKEN_INVALID) unless the token came from this very query."""
    version, _, owner, snapshot, offset = _decode(text, _SEARCH)
    if version != _SEARCH_VERSION or owner != fingerprint:
        raise InvalidArgument(Reason.PAGE_TOKEN_INVALID, field="page_token")
    return PageToken(snapshot, offset)


def write_list_token(catalog: str, filter: Filter | None, after: uuid.UUID) -> str:
    return _encode(_LIST.pack(_LIST_VERSION, _list_fingerprint(catalog, filter), after.bytes))


def read_list_token(text: str, catalog: str, filter: Filter | None) -> uuid.UUID:
    """Where a listing goes on. Raises InvalidArgument (PAGE_TOKEN_INVALID) unless the token came
    from this catalog under this filter."""
    version, owner, after = _decode(text, _LIST)
    if version != _LIST_VERSION or owner != _list_fingerprint(catalog, filter):
        raise InvalidArgument(Reason.PAGE_TOKEN_INVALID, field="page_token")
    return uuid.UUID(bytes=after)


def _list_fingerprint(catalog: str, filter: Filter | None) -> bytes:
    # The catalog alone where there is no filter: tokens from before there were any stay valid.
    # No catalog is called like a tuple looks, so the two never meet.
    asked = catalog if filter is None else repr((catalog, filter))
    return hashlib.blake2b(asked.encode(), digest_size=16, person=b"list").digest()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str, layout: struct.Struct) -> tuple[Any, ...]:
    try:
        raw = base64.b64decode(
            text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True
        )
        if _encode(raw) != text:  # base64 can spell the same bytes in other ways
            raise ValueError
        return layout.unpack(raw)
    except (binascii.Error, UnicodeEncodeError, struct.error, ValueError):
        raise InvalidArgument(Reason.PAGE_TOKEN_INVALID, field="page_token") from None
