"""The search use case, over fakes at its ports."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from retrieval.domain import (
    Deadline,
    Match,
    ProductReference,
    SearchRequest,
    SearchResponse,
    UploadReference,
    UriReference,
)
from retrieval.errors import (
    DependencyUnavailable,
    InvalidArgument,
    InvalidImage,
    NotFound,
    Reason,
)
from tests.support.core import Core, picture, running_core, write


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with running_core(tmp_path) as core:
        yield core


def soon() -> Deadline:
    return Deadline.after(5)


async def fill(core: Core, count: int = 30) -> None:
    writes = [write(n, color="red" if n % 2 else "blue") for n in range(count)]
    await core.catalog.import_products("", writes, soon())


async def search(core: Core, request: SearchRequest) -> SearchResponse:
    return await core.search.search(request, soon())


def ids(response: SearchResponse) -> list[str]:
    return [hit.product.id for hit in response.hits]


async def test_a_picture_finds_the_product_that_shows_it(core: Core) -> None:
    await fill(core)
    response = await search(core, SearchRequest(reference=UploadReference(picture(3))))
    assert ids(response)[0] == "p3"
    assert response.hits[0].score == pytest.approx(1.0, abs=1e-3)
    assert not response.degraded


async def test_the_three_kinds_of_query_use_their_own_graphs(core: Core) -> None:
    await fill(core)
    core.encoder.calls = dict.fromkeys(core.encoder.calls, 0)
    await search(core, SearchRequest(modification="red coat"))
    assert core.encoder.calls == {"encode_images": 0, "compose": 0, "encode_texts": 1}
    await search(core, SearchRequest(reference=ProductReference("p1")))
    assert core.encoder.calls == {"encode_images": 1, "compose": 0, "encode_texts": 1}
    await search(core, SearchRequest(reference=ProductReference("p1"), modification="in red"))
    assert core.encoder.calls == {"encode_images": 2, "compose": 1, "encode_texts": 1}


async def test_a_known_reference_is_embedded_once_for_all_wishes(core: Core) -> None:
    await fill(core)
    core.encoder.calls = dict.fromkeys(core.encoder.calls, 0)
    for words in ("in red", "in blue", "IN  RED", "with coat"):
        await search(core, SearchRequest(reference=ProductReference("p1"), modification=words))
    assert core.encoder.calls == {"encode_images": 1, "compose": 3, "encode_texts": 0}


async def test_words_that_are_only_punctuation_leave_the_picture_alone(core: Core) -> None:
    await fill(core)
    plain = await search(core, SearchRequest(reference=ProductReference("p1")))
    dotted = await search(core, SearchRequest(reference=ProductReference("p1"), modification="..."))
    assert ids(plain) == ids(dotted)


async def test_the_reference_is_left_out_unless_asked_for(core: Core) -> None:
    await fill(core)
    request = SearchRequest(reference=ProductReference("p1"), page_size=100)
    assert "p1" not in ids(await search(core, request))
    assert ids(await search(core, replace(request, include_reference=True)))[0] == "p1"


async def test_pages_hold_every_product_once(core: Core) -> None:
    await fill(core)
    request = SearchRequest(modification="red", page_size=7)
    seen: list[str] = []
    while True:
        response = await search(core, request)
        seen += ids(response)
        if not response.next_page_token:
            break
        request = replace(request, page_token=response.next_page_token)
    assert len(seen) == len(set(seen)) == 30
    assert seen == ids(await search(core, SearchRequest(modification="red", page_size=100)))


async def test_pages_stay_as_they_were_while_the_index_changes(core: Core) -> None:
    await fill(core)
    request = SearchRequest(modification="red", page_size=10)
    whole = ids(await search(core, replace(request, page_size=30)))
    first = await search(core, request)
    await core.catalog.import_products("", [write(n) for n in range(100, 130)], soon())
    await search(core, request)  # another shopper's first page, of the changed index
    second = await search(core, replace(request, page_token=first.next_page_token))
    assert ids(second) == whole[10:20]
    assert not second.repeated


async def test_a_product_deleted_between_pages_is_left_out(core: Core) -> None:
    await fill(core)
    request = SearchRequest(modification="red", page_size=10)
    whole = ids(await search(core, replace(request, page_size=30)))
    first = await search(core, request)
    await core.catalog.delete("", whole[12], soon())
    second = await search(core, replace(request, page_token=first.next_page_token))
    assert ids(second) == [*whole[10:12], *whole[13:20]]


async def test_without_its_snapshot_a_page_is_searched_again_and_says_so(core: Core) -> None:
    await fill(core)
    request = SearchRequest(modification="red", page_size=10)
    whole = ids(await search(core, replace(request, page_size=30)))
    first = await search(core, request)
    core.snapshots.down = True
    second = await search(core, replace(request, page_token=first.next_page_token))
    assert ids(second) == whole[10:20]
    assert second.repeated
    assert second.next_page_token


async def test_a_page_token_of_another_query_is_refused(core: Core) -> None:
    await fill(core)
    first = await search(core, SearchRequest(modification="red", page_size=10))
    with pytest.raises(InvalidArgument) as caught:
        await search(core, SearchRequest(modification="blue", page_token=first.next_page_token))
    assert caught.value.reason is Reason.PAGE_TOKEN_INVALID


async def test_filters_hold_on_every_hit(core: Core) -> None:
    await fill(core)
    response = await search(
        core,
        SearchRequest(modification="coat", filter=Match("color", ("blue",)), page_size=100),
    )
    assert len(response.hits) == 15
    assert {hit.product.attributes["color"] for hit in response.hits} == {"blue"}


async def test_catalogs_are_apart(core: Core) -> None:
    await fill(core)
    response = await search(core, SearchRequest(catalog="other", modification="red"))
    assert response.hits == ()
    with pytest.raises(NotFound):
        await search(core, SearchRequest(catalog="other", reference=ProductReference("p1")))


async def test_an_unknown_reference_is_not_found(core: Core) -> None:
    with pytest.raises(NotFound) as caught:
        await search(core, SearchRequest(reference=ProductReference("nowhere")))
    assert caught.value.field == "reference.product_id"


async def test_a_bad_picture_is_refused_and_never_cached(core: Core) -> None:
    for _ in range(2):
        with pytest.raises(InvalidImage):
            await search(core, SearchRequest(reference=UploadReference(b"no picture")))


async def test_a_uri_is_refused_while_fetching_is_off(core: Core) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await search(core, SearchRequest(reference=UriReference("https://shop.example/a.png")))
    assert caught.value.reason is Reason.IMAGE_URI_DISABLED


async def test_without_the_encoder_cached_queries_are_answered_and_marked(core: Core) -> None:
    await fill(core)
    known = SearchRequest(reference=ProductReference("p1"), modification="in red")
    before = await search(core, known)
    core.encoder.failure = DependencyUnavailable(dependency="triton")
    core.down = True
    after = await search(core, known)
    assert ids(after) == ids(before)
    assert after.degraded
    with pytest.raises(DependencyUnavailable):
        await search(core, replace(known, modification="in blue"))
