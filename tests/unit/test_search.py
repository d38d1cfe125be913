"""The search use case, over fakes at its ports."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.known_pictures import KnownPictures
from retrieval.domain import (
    Deadline,
    IndexedProduct,
    Match,
    Product,
    ProductReference,
    SearchRequest,
    SearchResponse,
    UploadReference,
    UriReference,
)
from retrieval.errors import (
    DependencyBroken,
    DependencyUnavailable,
    InvalidArgument,
    InvalidImage,
    NotFound,
    Reason,
)
from tests.support.core import Core, picture, running_core, write
from tests.support.fake_encoder import BUNDLE
from tests.support.index_cases import random_tokens


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


# --- references that were read before -------------------------------------------------------


async def test_a_product_seen_before_is_read_once_with_the_page(core: Core) -> None:
    await fill(core)
    request = SearchRequest(reference=ProductReference("p1"), modification="in red")
    core.index.reads.clear()
    first = await search(core, request)
    assert [len(points) for points in core.index.reads] == [1, 20]
    core.index.reads.clear()
    again = await search(core, replace(request, modification="in blue"))
    assert [len(points) for points in core.index.reads] == [21]
    assert len(again.hits) == 20
    assert "p1" not in ids(again)
    # What was on a page is known as well.
    core.index.reads.clear()
    await search(core, SearchRequest(reference=ProductReference(ids(first)[0])))
    assert [len(points) for points in core.index.reads] == [21]


async def test_a_picture_that_changed_is_noticed(core: Core) -> None:
    await fill(core)
    request = SearchRequest(reference=ProductReference("p1"), page_size=100)
    await search(core, request)
    changed = replace(write(1), image=UploadReference(picture(900)))
    await core.catalog.import_products("", [changed, write(901)], soon())
    answer = await search(core, request)
    by_upload = SearchRequest(reference=UploadReference(picture(900)), page_size=100)
    expected = [hit for hit in (await search(core, by_upload)).hits if hit.product.id != "p1"]
    assert [*answer.hits] == expected


async def test_a_reference_that_is_gone_is_not_found(core: Core) -> None:
    await fill(core)
    request = SearchRequest(reference=ProductReference("p1"), modification="in red")
    await search(core, request)
    await core.catalog.delete("", "p1", soon())
    for _ in range(2):
        with pytest.raises(NotFound):
            await search(core, request)


async def test_an_old_picture_that_was_collected_is_no_error(core: Core, tmp_path: Path) -> None:
    await fill(core)
    request = SearchRequest(reference=ProductReference("p1"))
    await search(core, request)
    old = (await core.catalog.get("", "p1", soon())).image_sha256
    changed = replace(write(1), image=UploadReference(picture(900)))
    await core.catalog.import_products("", [changed], soon())
    lose(old, tmp_path)
    assert len((await search(core, replace(request, modification="in red"))).hits) == 20


async def test_a_picture_that_is_lost_is_an_error_still(core: Core, tmp_path: Path) -> None:
    await fill(core)
    assert "p1" in ids(await search(core, SearchRequest(modification="red", page_size=100)))
    lose((await core.catalog.get("", "p1", soon())).image_sha256, tmp_path)
    with pytest.raises(DependencyBroken) as caught:
        await search(core, SearchRequest(reference=ProductReference("p1")))
    assert caught.value.dependency == "image_store"


def lose(sha256: str, folder: Path) -> None:
    """Remove a picture from the store in the folder."""
    (file,) = folder.rglob(f"*{sha256}*")
    file.unlink()


def test_what_was_seen_longest_ago_is_forgotten_first() -> None:
    known = KnownPictures(most=2)
    products = [Product(f"p{n}", "", {}, image_sha256=f"{n}" * 64) for n in range(3)]
    one, two, three = (product.point_id for product in products)
    known.saw({one: products[0], two: products[1]})
    known.saw({one: products[0]})
    known.saw({three: products[2]})
    assert [known.of(each) for each in (one, two, three)] == ["0" * 64, None, "2" * 64]
    known.saw({one: replace(products[0], image_sha256="")})
    assert known.of(one) is None


# --- groups and diversity -------------------------------------------------------------------


async def fill_styles(core: Core, count: int = 60) -> None:
    """Three products a style, and every tenth product without one; p1 alone has a picture."""
    writes = [
        write(n, **({} if n % 10 == 0 else {"style": f"style {n // 3}"})) for n in range(count)
    ]
    sizes = BUNDLE.sizes
    tokens = random_tokens(
        count, seed=3, query_tokens=sizes.query_tokens, embed_dim=sizes.embed_dim
    )
    await core.index.put(
        [
            IndexedProduct(Product(one.id, one.title, one.attributes), own)
            for one, own in zip(writes, tokens, strict=True)
        ],
        soon(),
    )
    await core.catalog.import_products("", [writes[1]], soon())


async def pages(core: Core, request: SearchRequest) -> list[SearchResponse]:
    """All pages of a query."""
    found = [await search(core, request)]
    while token := found[-1].next_page_token:
        found.append(await search(core, replace(request, page_token=token)))
    return found


SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "grouped": {"group_by": "style"},
    "diverse": {"diversity": 0.6},
    "grouped and diverse": {"group_by": "style", "diversity": 0.6},
}


@pytest.mark.parametrize("snapshots", [True, False])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_pages_are_full_and_repeat_no_product_and_no_group(
    core: Core, shape: dict[str, Any], snapshots: bool
) -> None:
    await fill_styles(core)
    core.snapshots.down = not snapshots
    request = SearchRequest(reference=ProductReference("p1"), page_size=7, **shape)
    found = await pages(core, request)
    seen = [hit.product for page in found for hit in page.hits]
    assert all(len(page.hits) == 7 for page in found[:-1])
    assert "p1" not in {product.id for product in seen}
    assert len({product.id for product in seen}) == len(seen)
    styles = [product.attributes["style"] for product in seen if "style" in product.attributes]
    if "group_by" in shape:
        assert len(set(styles)) == len(styles) == 20
        assert len(seen) == 20 + 6
        # Only the reference itself is left out: its style is there, by another product of it.
        assert "style 0" in styles
    else:
        assert len(seen) == 59
    assert any(page.repeated for page in found) == (not snapshots)
    whole = await search(core, replace(request, page_size=100))
    assert ids(whole) == [product.id for product in seen]


async def test_a_group_is_shown_by_its_best_product(core: Core) -> None:
    await fill_styles(core)
    plain = await search(core, SearchRequest(modification="red", page_size=100))
    expected, taken = [], set()
    for hit in plain.hits:
        style = hit.product.attributes.get("style", hit.product.id)
        if style not in taken:
            taken.add(style)
            expected.append(hit.product.id)
    request = SearchRequest(modification="red", page_size=100, group_by="style")
    assert ids(await search(core, request)) == expected


async def test_diversity_reorders_the_same_hits_and_keeps_the_best_first(core: Core) -> None:
    await fill_styles(core)
    request = SearchRequest(modification="red", page_size=100)
    plain = await search(core, request)
    diverse = await search(core, replace(request, diversity=0.7))
    assert ids(diverse) != ids(plain)
    assert sorted(ids(diverse)) == sorted(ids(plain))
    assert diverse.hits[0] == plain.hits[0]
    assert {hit.product.id: hit.score for hit in diverse.hits} == {
        hit.product.id: hit.score for hit in plain.hits
    }
    assert ids(await search(core, replace(request, diversity=-0.0))) == ids(plain)


async def test_the_reference_may_be_asked_for_in_a_group(core: Core) -> None:
    await fill_styles(core)
    request = SearchRequest(
        reference=ProductReference("p1"), include_reference=True, group_by="style", diversity=0.5
    )
    assert ids(await search(core, request))[0] == "p1"


@pytest.mark.parametrize(
    ("shape", "reason", "field"),
    [
        ({"group_by": "nothing"}, Reason.GROUP_FIELD_UNKNOWN, "group_by"),
        ({"group_by": "price"}, Reason.GROUP_FIELD_UNKNOWN, "group_by"),
        ({"group_by": "hood"}, Reason.GROUP_FIELD_UNKNOWN, "group_by"),
        ({"diversity": 1.01}, Reason.DIVERSITY_INVALID, "diversity"),
        ({"diversity": -0.1}, Reason.DIVERSITY_INVALID, "diversity"),
        ({"diversity": float("nan")}, Reason.DIVERSITY_INVALID, "diversity"),
    ],
)
async def test_groups_and_diversity_keep_to_their_rules(
    core: Core, shape: dict[str, Any], reason: Reason, field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await search(core, SearchRequest(modification="red", **shape))
    assert (caught.value.reason, caught.value.field) == (reason, field)
