"""The catalog use cases, over fakes at their ports."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from retrieval.domain import (
    Deadline,
    ImportOutcome,
    Match,
    ProductWrite,
    SearchRequest,
    UploadReference,
)
from retrieval.errors import DependencyUnavailable, InvalidArgument, NotFound, Reason
from tests.support.core import Core, picture, running_core, write


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


async def test_facets_count_words_and_booleans(core: Core) -> None:
    await outcomes(
        core, *(write(n, color="red" if n < 5 else "blue", hood=n < 2, price=n) for n in range(8))
    )
    facets = await core.catalog.facets("", [], None, soon())
    assert {
        facet.field: [(value.value, value.count) for value in facet.values] for facet in facets
    } == {"color": [("red", 5), ("blue", 3)], "hood": [(False, 6), (True, 2)]}
    (hoods,) = await core.catalog.facets("", ["hood"], Match("color", ("blue",)), soon())
    assert [(value.value, value.count) for value in hoods.values] == [(False, 3)]
    with pytest.raises(InvalidArgument) as caught:
        await core.catalog.facets("", ["price"], None, soon())
    assert caught.value.reason is Reason.FACET_FIELD_UNKNOWN
