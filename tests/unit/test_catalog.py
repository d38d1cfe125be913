"""The catalog use cases, over fakes at their ports."""

import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gateway import importing as importing_module
from retrieval.domain import (
    AllOf,
    AnyOf,
    Deadline,
    FacetsRequest,
    Filter,
    ImportOutcome,
    Match,
    Not,
    NumberRange,
    ProductWrite,
    Range,
    SearchRequest,
    UploadReference,
    UriReference,
)
from retrieval.errors import DependencyUnavailable, InvalidArgument, NotFound, Reason
from tests.support.core import Core, picture, running_core, write
from tests.support.fake_image_store import MemoryImageStore


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with running_core(tmp_path) as core:
        yield core


def soon() -> Deadline:
    return Deadline.after(5)


async def outcomes(core: Core, *writes: ProductWrite) -> list[tuple[ImportOutcome, str]]:
    results = await core.catalog.import_products("", writes, soon())
    return [(result.outcome, result.reason) for result in results]


IMPORTED = (ImportOutcome.IMPORTED, "")
UNCHANGED = (ImportOutcome.UNCHANGED, "")


async def test_an_import_tells_what_became_of_each_product(core: Core) -> None:
    assert await outcomes(core, write(1), write(2)) == [IMPORTED, IMPORTED]
    assert await outcomes(
        core,
        write(1),
        replace(write(2), title="New title"),
        write(3),
        replace(write(4), id="a/b"),
        replace(write(5), image=UploadReference(b"text")),
        replace(write(6), image=None),
        replace(write(7), attributes={"price": "cheap"}),
    ) == [
        UNCHANGED,
        IMPORTED,
        IMPORTED,
        (ImportOutcome.FAILED, "PRODUCT_ID_INVALID"),
        (ImportOutcome.FAILED, "IMAGE_NOT_AN_IMAGE"),
        (ImportOutcome.FAILED, "IMAGE_REQUIRED"),
        (ImportOutcome.FAILED, "ATTRIBUTES_INVALID"),
    ]
    page = await core.catalog.list("", 100, "", soon())
    assert sorted(product.id for product in page.products) == ["p1", "p2", "p3"]


async def test_unchanged_products_cost_no_inference(core: Core) -> None:
    await outcomes(core, write(1), write(2))
    core.encoder.calls["encode_images"] = 0
    assert await outcomes(core, write(1), write(2)) == [UNCHANGED, UNCHANGED]
    await outcomes(core, replace(write(1), title="Only the title"))
    assert core.encoder.calls["encode_images"] == 0


async def test_a_change_of_words_keeps_picture_and_place(core: Core) -> None:
    await outcomes(core, write(1, color="red"), write(2))
    await outcomes(core, ProductWrite("p1", "Renamed", {"color": "blue"}))
    product = await core.catalog.get("", "p1", soon())
    assert (product.title, product.attributes) == ("Renamed", {"color": "blue"})
    found = await core.search.search(SearchRequest(reference=UploadReference(picture(1))), soon())
    assert found.hits[0].product.id == "p1"


async def test_the_last_of_equal_ids_stays(core: Core) -> None:
    first, last = write(1), replace(write(2), id="p1", title="Last")
    assert await outcomes(core, first, last) == [IMPORTED, IMPORTED]
    assert (await core.catalog.get("", "p1", soon())).title == "Last"
    assert len((await core.catalog.list("", 100, "", soon())).products) == 1


async def test_the_last_of_equal_ids_stays_where_it_changes_nothing(core: Core) -> None:
    await outcomes(core, write(1))
    renamed, repainted = replace(write(1), title="Other"), replace(write(2), id="p1")
    assert await outcomes(core, renamed, repainted, write(1)) == [IMPORTED, IMPORTED, UNCHANGED]
    product = await core.catalog.get("", "p1", soon())
    assert product.title == "Product 1"
    assert await outcomes(core, write(1)) == [UNCHANGED]


async def test_pictures_that_are_fetched_do_not_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer are fetched at once than an inference takes: no batch may wait for the next fetch."""
    monkeypatch.setattr(importing_module, "_FETCHED_AT_ONCE", 1)

    class Fetcher:
        @asynccontextmanager
        async def fetch(self, uri: str, deadline: Deadline) -> AsyncIterator[bytes]:
            yield picture(int(uri))

    with running_core(tmp_path, fetcher=Fetcher()) as core:
        writes = [replace(write(n), image=UriReference(str(n))) for n in range(11)]
        assert await outcomes(core, *writes) == [IMPORTED] * 11
        assert core.encoder.calls["encode_images"] < 11


async def test_a_store_that_fails_fails_the_import_and_nothing_is_indexed(tmp_path: Path) -> None:
    """What is embedded while its picture is stored is not found before that is done."""
    images = MemoryImageStore()
    with running_core(tmp_path, images=images) as core:
        images.failure = DependencyUnavailable(dependency="image_store")
        with pytest.raises(DependencyUnavailable):
            await core.catalog.import_products("", [write(n) for n in range(6)], soon())
        assert not (await core.catalog.list("", 100, "", soon())).products
        images.failure = None
        assert await outcomes(core, *(write(n) for n in range(6))) == [IMPORTED] * 6


async def test_more_than_256_products_are_refused_before_any_work(core: Core) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await core.catalog.import_products("", [write(1)] * 257, soon())
    assert caught.value.reason is Reason.TOO_MANY_PRODUCTS


async def test_an_import_without_encoder_fails_as_a_whole_and_can_be_repeated(core: Core) -> None:
    core.encoder.failure = DependencyUnavailable(dependency="triton")
    with pytest.raises(DependencyUnavailable):
        await core.catalog.import_products("", [write(1)], soon())
    core.encoder.failure = None
    assert await outcomes(core, write(1)) == [IMPORTED]


async def test_pictures_are_kept_pixel_for_pixel(core: Core) -> None:
    await outcomes(core, write(1))
    stored = await core.catalog.image("", "p1", soon())
    with (
        Image.open(io.BytesIO(stored.content)) as kept,
        Image.open(io.BytesIO(picture(1))) as sent,
    ):
        assert stored.media_type == "image/webp"
        assert kept.tobytes() == sent.convert("RGB").tobytes()
    product = await core.catalog.get("", "p1", soon())
    assert (product.image_width, product.image_height) == (24, 24)


async def test_update_creates_only_where_that_is_allowed(core: Core) -> None:
    with pytest.raises(NotFound):
        await core.catalog.update("", write(1), allow_missing=False, deadline=soon())
    product, created = await core.catalog.update("", write(1), allow_missing=True, deadline=soon())
    assert created
    assert product.id == "p1"
    product, created = await core.catalog.update(
        "", ProductWrite("p1", "Changed", {}), allow_missing=False, deadline=soon()
    )
    assert not created
    assert product.title == "Changed"
    assert product.image_sha256


async def test_a_new_product_needs_a_picture(core: Core) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await core.catalog.update(
            "", ProductWrite("p1", "t", {}), allow_missing=True, deadline=soon()
        )
    assert caught.value.reason is Reason.IMAGE_REQUIRED


async def test_what_is_deleted_is_gone(core: Core) -> None:
    await outcomes(core, write(1))
    await core.catalog.delete("", "p1", soon())
    for call in (core.catalog.get, core.catalog.delete, core.catalog.image):
        with pytest.raises(NotFound):
            await call("", "p1", soon())


async def test_listing_pages_through_every_product_once(core: Core) -> None:
    await outcomes(core, *(write(n) for n in range(23)))
    seen, token = [], ""
    while True:
        page = await core.catalog.list("", 10, token, soon())
        seen += [product.id for product in page.products]
        token = page.next_page_token
        if not token:
            break
    assert sorted(seen) == sorted(f"p{n}" for n in range(23))


async def listed(
    core: Core, page_size: int, filter: Filter | None, catalog: str = ""
) -> list[list[str]]:
    """The ids on each page of a listing."""
    pages, token = list[list[str]](), ""
    while token or not pages:
        page = await core.catalog.list(catalog, page_size, token, soon(), filter=filter)
        pages.append([product.id for product in page.products])
        token = page.next_page_token
    return pages


async def test_listing_under_a_filter_fills_every_page_but_the_last(core: Core) -> None:
    await outcomes(core, *(write(n, color="blue" if n % 3 else "red", price=n) for n in range(23)))
    chosen = AllOf((Match("color", ("blue",)), Range("price", min=5.0)))
    pages = await listed(core, 5, chosen)
    assert [len(page) for page in pages] == [5, 5, 2]
    (everything,) = await listed(core, 100, None)
    wanted = {f"p{n}" for n in range(5, 23) if n % 3}
    assert [one for page in pages for one in page] == [one for one in everything if one in wanted]
    assert await listed(core, 4, Match("color", ("green",))) == [[]]
    assert await listed(core, 4, chosen, catalog="other") == [[]]


async def test_a_page_of_another_filter_is_refused(core: Core) -> None:
    await outcomes(core, *(write(n, color="red", price=n) for n in range(4)))
    red, low = Match("color", ("red",)), Range("price", max=2.0)
    for own in (red, low, None):
        token = (await core.catalog.list("", 1, "", soon(), filter=own)).next_page_token
        for asked in (red, low, None):
            if asked == own:
                page = await core.catalog.list("", 1, token, soon(), filter=asked)
                assert len(page.products) == 1
                continue
            with pytest.raises(InvalidArgument) as caught:
                await core.catalog.list("", 1, token, soon(), filter=asked)
            assert caught.value.reason is Reason.PAGE_TOKEN_INVALID
            assert caught.value.field == "page_token"


@pytest.mark.parametrize(
    ("filter", "reason"),
    [
        (Match("title", ("x",)), Reason.FILTER_FIELD_UNKNOWN),
        (Not(Match("hood", ("yes",))), Reason.FILTER_VALUE_INVALID),
        (Range("price", 2.0, 1.0), Reason.FILTER_RANGE_INVALID),
        (AllOf(()), Reason.FILTER_INVALID),
    ],
)
async def test_listing_under_a_bad_filter_is_refused(
    core: Core, filter: Filter, reason: Reason
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await core.catalog.list("", 10, "", soon(), filter=filter)
    assert (caught.value.reason, caught.value.field) == (reason, "filter")


async def test_facets_count_words_and_booleans(core: Core) -> None:
    await outcomes(
        core, *(write(n, color="red" if n < 5 else "blue", hood=n < 2, price=n) for n in range(8))
    )
    assert await facets(core) == {
        "color": {"red": 5, "blue": 3},
        "price": NumberRange(0.0, 7.0),
        "hood": {False: 6, True: 2},
        "style": {},
    }
    blue = Match("color", ("blue",))
    assert await facets(core, fields=("hood", "price", "hood"), filter=blue) == {
        "hood": {False: 3},
        "price": NumberRange(5.0, 7.0),
    }


@pytest.mark.parametrize(
    ("chosen", "narrow", "wide"),
    [
        (None, {"red": 4, "blue": 4}, {"red": 4, "blue": 4}),
        (Match("color", ("red",)), {"red": 4}, {"red": 4, "blue": 4}),
        (Not(Match("color", ("red",))), {"blue": 4}, {"red": 4, "blue": 4}),
        (AllOf((Match("color", ("red",)), Range("price", 3.0))), {"red": 2}, {"red": 2, "blue": 3}),
        (
            AllOf((AllOf((AnyOf((Match("color", ("red",)),)),)), Not(Range("price", max=4.5)))),
            {"red": 1},
            {"red": 1, "blue": 2},
        ),
        # "red, or expensive" is about both fields, and cannot be taken apart.
        (
            AnyOf((Match("color", ("red",)), Range("price", 6.5))),
            {"red": 4, "blue": 1},
            {"red": 4, "blue": 1},
        ),
        (Range("price", 3.0), {"red": 2, "blue": 3}, {"red": 2, "blue": 3}),
    ],
)
async def test_multi_select_counts_a_field_under_the_other_fields_filters(
    core: Core, chosen: Filter | None, narrow: dict[str, int], wide: dict[str, int]
) -> None:
    writes = [write(n, color="blue" if n % 2 else "red", price=n) for n in range(8)]
    await outcomes(core, *writes)
    assert await facets(core, fields=("color",), filter=chosen) == {"color": narrow}
    told = await facets(core, fields=("color", "price"), filter=chosen, multi_select=True)
    assert told["color"] == wide


async def test_multi_select_lets_each_field_be_widened_by_itself(core: Core) -> None:
    await outcomes(core, *(write(n, color="blue" if n % 2 else "red", price=n) for n in range(8)))
    chosen = AllOf((Match("color", ("red",)), Range("price", 3.0, 5.0)))
    assert await facets(core, fields=("price", "color"), filter=chosen, multi_select=True) == {
        "price": NumberRange(0.0, 6.0),
        "color": {"red": 1, "blue": 2},
    }


@pytest.mark.parametrize(
    ("request_", "reason", "field"),
    [
        (FacetsRequest(fields=("color", "title")), Reason.FACET_FIELD_UNKNOWN, "field"),
        (FacetsRequest(fields=("",)), Reason.FACET_FIELD_UNKNOWN, "field"),
        (FacetsRequest(catalog="A"), Reason.CATALOG_INVALID, "catalog"),
        (
            FacetsRequest(filter=Match("title", ("x",)), multi_select=True),
            Reason.FILTER_FIELD_UNKNOWN,
            "filter",
        ),
        # A bad condition is refused even where the only field asked for would leave it out.
        (
            FacetsRequest(fields=("price",), filter=Range("price", 2.0, 1.0), multi_select=True),
            Reason.FILTER_RANGE_INVALID,
            "filter",
        ),
    ],
)
async def test_facets_that_cannot_be_told_are_refused(
    core: Core, request_: FacetsRequest, reason: Reason, field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await core.catalog.facets(request_, soon())
    assert (caught.value.reason, caught.value.field) == (reason, field)


async def facets(core: Core, **asked: Any) -> dict[str, Any]:
    """The counts or the range of each field."""
    told = await core.catalog.facets(FacetsRequest(**asked), soon())
    return {
        facet.field: facet.range or {value.value: value.count for value in facet.values}
        for facet in told
    }
