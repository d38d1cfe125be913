"""Page tokens of any query: read back as they were written, and by no other query."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.paging import (
    PageToken,
    read_list_token,
    read_search_token,
    search_fingerprint,
    token_model,
    write_list_token,
    write_search_token,
)
from retrieval.domain import (
    Filter,
    ProductReference,
    Rerank,
    SearchRequest,
    UploadReference,
    UriReference,
)
from retrieval.errors import InvalidArgument, Reason
from tests.support.drawn_filters import WORDS, filters

DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
TOKENS = st.builds(PageToken, st.binary(min_size=16, max_size=16), st.integers(0, 2**32 - 1))
CATALOGS = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,5}", fullmatch=True)
FILTERS = st.none() | filters(most=3)
REQUEST_PARTS: dict[str, st.SearchStrategy[Any]] = {
    "catalog": CATALOGS,
    "reference": st.none()
    | st.builds(ProductReference, WORDS)
    | st.builds(UploadReference, st.binary(max_size=8))
    | st.builds(UriReference, WORDS),
    "modification": WORDS,
    "filter": FILTERS,
    "include_reference": st.booleans(),
    "group_by": WORDS,
    "diversity": st.floats(0, 1),
    "rerank": st.none() | st.builds(Rerank, st.integers(1, 100)),
}
REQUESTS = st.builds(SearchRequest, **REQUEST_PARTS)
LISTINGS = st.tuples(CATALOGS, FILTERS)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \u00e9"


def refused(call: Callable[..., Any], *args: Any) -> bool:
    """Whether it ends with the error of page tokens; any other error goes on."""
    try:
        call(*args)
    except InvalidArgument as error:
        if (error.reason, error.field) != (Reason.PAGE_TOKEN_INVALID, "page_token"):
            raise
        return True
    return False


def changed(text: str, draw: st.DataObject) -> str:
    """The text with one character put in another's place."""
    last = len(text) - 1  # where base64 has bits to spare
    place = draw.draw(st.just(last) | st.integers(0, last))
    other = draw.draw(st.sampled_from(ALPHABET.replace(text[place], "")))
    return text[:place] + other + text[place + 1 :]


@settings(deadline=None)
@given(REQUESTS, DIGESTS, TOKENS)
def test_a_search_token_is_read_back(request: SearchRequest, digest: str, token: PageToken) -> None:
    fingerprint = search_fingerprint(request, digest)
    text = write_search_token(digest[:12], fingerprint, token)
    assert read_search_token(text, fingerprint) == token
    assert token_model(text) == digest[:12]
    assert refused(read_list_token, text, request.catalog, request.filter)


@settings(deadline=None)
@given(LISTINGS, st.uuids())
def test_a_list_token_is_read_back(listing: tuple[str, Filter | None], after: uuid.UUID) -> None:
    text = write_list_token(*listing, after)
    assert read_list_token(text, *listing) == after
    assert refused(token_model, text)


@settings(deadline=None)
@given(REQUESTS, st.sampled_from([*REQUEST_PARTS]), DIGESTS, TOKENS, st.data())
def test_a_changed_search_token_is_no_other_querys(
    own: SearchRequest, part: str, digest: str, token: PageToken, draw: st.DataObject
) -> None:
    """The other query differs in one thing."""
    other = replace(own, **{part: draw.draw(REQUEST_PARTS[part])})
    assume(repr(own) != repr(other))
    text = write_search_token(digest[:12], search_fingerprint(own, digest), token)
    broken = changed(text, draw)
    for each in (text, broken):
        assert refused(read_search_token, each, search_fingerprint(other, digest))
    if not refused(read_search_token, broken, search_fingerprint(own, digest)):
        # It says something else then: another place in this query's ranking, or another model.
        back = read_search_token(broken, search_fingerprint(own, digest))
        assert (token_model(broken), back) != (digest[:12], token)


@settings(deadline=None)
@given(LISTINGS, LISTINGS, st.uuids(), st.data())
def test_a_changed_list_token_is_no_other_lists(
    own: tuple[str, Filter | None],
    other: tuple[str, Filter | None],
    after: uuid.UUID,
    draw: st.DataObject,
) -> None:
    assume(repr(own) != repr(other))
    text = write_list_token(*own, after)
    broken = changed(text, draw)
    for each in (text, broken):
        assert refused(read_list_token, each, *other)
    assert refused(read_list_token, broken, *own) or read_list_token(broken, *own) != after


@settings(deadline=None)
@given(st.text(max_size=80) | st.text("ABCxyz019-_=", max_size=80))
def test_any_text_is_refused(text: str) -> None:
    assert refused(read_search_token, text, b"f" * 16)
    assert refused(read_list_token, text, "default", None)
    refused(token_model, text)
