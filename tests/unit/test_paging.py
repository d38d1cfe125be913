"""Page tokens: they name a place in one ranking of one query, and fit no other."""

import uuid
from dataclasses import replace

import pytest

from gateway.paging import (
    PageToken,
    read_list_token,
    read_search_token,
    search_fingerprint,
    snapshot_key,
    token_model,
    write_list_token,
    write_search_token,
)
from retrieval.domain import (
    AllOf,
    AnyOf,
    Filter,
    Match,
    Not,
    ProductReference,
    Range,
    Ranked,
    Ranking,
    Rerank,
    RerankOutcome,
    SearchRequest,
    UploadReference,
    View,
)
from retrieval.errors import InvalidArgument, Reason

REQUEST = SearchRequest(reference=ProductReference("a"), modification="in red")
DIGEST = "ab" * 32
MODEL = DIGEST[:12]


def test_a_token_is_read_back() -> None:
    fingerprint = search_fingerprint(REQUEST, DIGEST)
    token = PageToken(b"s" * 16, 40)
    text = write_search_token(MODEL, fingerprint, token)
    assert read_search_token(text, fingerprint) == token
    assert token_model(text) == MODEL


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, modification="in blue"),
        replace(REQUEST, reference=ProductReference("b")),
        replace(REQUEST, reference=UploadReference(b"a")),
        replace(REQUEST, reference=None),
        replace(REQUEST, catalog="other"),
        replace(REQUEST, filter=Match("color", ("red",))),
        replace(REQUEST, include_reference=True),
        replace(REQUEST, group_by="style"),
        replace(REQUEST, diversity=0.3),
        replace(REQUEST, rerank=Rerank(25)),
        replace(REQUEST, rerank=Rerank(26)),
    ],
)
def test_a_token_of_another_query_is_refused(other: SearchRequest) -> None:
    token = write_search_token(MODEL, search_fingerprint(REQUEST, DIGEST), PageToken(b"s" * 16, 20))
    with pytest.raises(InvalidArgument) as caught:
        read_search_token(token, search_fingerprint(other, DIGEST))
    assert caught.value.reason is Reason.PAGE_TOKEN_INVALID


def test_a_token_from_before_there_was_a_second_stage_still_goes_on() -> None:
    written = "Aqurq6urq_2avxc0APu2ilhRofX3AnRzc3Nzc3Nzc3Nzc3Nzc3NzAAAAFA"
    assert read_search_token(written, search_fingerprint(REQUEST, DIGEST)).offset == 20


def test_a_token_of_another_model_is_refused() -> None:
    token = write_search_token(MODEL, search_fingerprint(REQUEST, DIGEST), PageToken(b"s" * 16, 20))
    with pytest.raises(InvalidArgument):
        read_search_token(token, search_fingerprint(REQUEST, "cd" * 32))


def test_page_size_and_view_may_change_between_pages() -> None:
    other = replace(REQUEST, page_size=7, view=View.BASIC, page_token="x")
    assert search_fingerprint(other, DIGEST) == search_fingerprint(REQUEST, DIGEST)


@pytest.mark.parametrize("text", ["!", "a", "ü", "AAAA", "A" * 5000, "\ud800", " "])
def test_garbage_is_refused(text: str) -> None:
    for read in (
        lambda: read_search_token(text, b"f" * 16),
        lambda: read_list_token(text, "default", None),
        lambda: token_model(text),
    ):
        with pytest.raises(InvalidArgument) as caught:
            read()
        assert caught.value.reason is Reason.PAGE_TOKEN_INVALID


def test_a_token_has_one_spelling() -> None:
    """Padding, the other alphabet, and bits beyond the last byte: base64 has them, a token not."""
    token = write_search_token("f" * 12, b"\xff" * 16, PageToken(b"\xff" * 16, 1))
    assert read_search_token(token, b"\xff" * 16).offset == 1
    for other in (token + "=", token + "==", token.replace("_", "/"), token[:-1] + "F"):
        assert other != token
        with pytest.raises(InvalidArgument) as caught:
            read_search_token(other, b"\xff" * 16)
        assert caught.value.reason is Reason.PAGE_TOKEN_INVALID


def test_a_changed_ranking_has_another_snapshot() -> None:
    first, second = Ranked(uuid.uuid4(), 0.9), Ranked(uuid.uuid4(), 0.8)
    rankings = [
        Ranking((first, second)),
        Ranking((second, first)),
        *(Ranking((first, second), outcome) for outcome in RerankOutcome),
    ]
    keys = [snapshot_key(b"f", ranking) for ranking in rankings]
    assert len(set(keys)) == len(keys)
    assert snapshot_key(b"f", Ranking((first, second))) == keys[0]


RED = Match("color", ("red",))
LISTINGS: list[tuple[str, Filter | None]] = [
    ("default", None),
    ("other", None),
    ("default", RED),
    ("other", RED),
    ("default", Match("color", ("blue",))),
    ("default", Match("color", ("red", "blue"))),
    ("default", Match("style", ("red",))),
    ("default", Not(RED)),
    ("default", AllOf((RED,))),
    ("default", AnyOf((RED,))),
    ("default", Range("price", min=1.0)),
    ("default", Range("price", max=1.0)),
    ("default", Match("sale", (True,))),
    ("default", Match("sale", ("True",))),
]


@pytest.mark.parametrize("own", LISTINGS, ids=str)
def test_a_listing_goes_on_in_its_own_catalog_under_its_own_filter(
    own: tuple[str, Filter | None],
) -> None:
    after = uuid.uuid4()
    token = write_list_token(*own, after)
    assert read_list_token(token, *own) == after
    for other in LISTINGS:
        if other != own:
            with pytest.raises(InvalidArgument) as caught:
                read_list_token(token, *other)
            assert caught.value.reason is Reason.PAGE_TOKEN_INVALID


def test_a_token_from_before_lists_had_filters_still_goes_on() -> None:
    token = "AXHacLXUq1TLdECVRfxzxa0AAAAAAAAAAAAAAAAAAAAH"
    assert read_list_token(token, "default", None) == uuid.UUID(int=7)
    with pytest.raises(InvalidArgument):
        read_list_token(token, "default", RED)
