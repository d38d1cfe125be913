"""One suite for the image store: in memory (the fake), in a folder, and in a real S3 server."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.domain import Deadline, PictureShelf, ProductReference, SearchRequest
from retrieval.errors import DependencyBroken, DependencyTimeout, DependencyUnavailable
from retrieval.image_store import content_sha256, decode_stored
from retrieval.image_store.pictures import encode_stored
from retrieval.image_store.s3 import S3ImageStore
from tests.support.core import Core, running_core, write
from tests.support.image_places import (
    KINDS,
    MemoryPlace,
    Place,
    folder_place,
    s3_place,
    soon,
)
from tests.support.pictures import RED, textured
from tests.support.s3 import S3Server, running_s3

KEPT, TRASH = PictureShelf.KEPT, PictureShelf.TRASH
HOUR_S = 3600.0


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture(params=KINDS)
def place(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    executor: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> Place:
    if request.param == "memory":
        return MemoryPlace()
    if request.param == "folder":
        return folder_place(tmp_path / "images", executor)
    return s3_place(request.getfixturevalue("s3_server"), executor, monkeypatch)


async def listed(place: Place, shelf: PictureShelf) -> dict[str, float]:
    found = place.store.pictures(shelf, soon())
    return {picture.sha256: picture.changed_at_s async for picture in found}


@pytest.mark.parametrize("size", [(96, 64), (16, 1600), (1, 1)])
async def test_a_picture_comes_back_pixel_for_pixel(place: Place, size: tuple[int, int]) -> None:
    image = textured(size)
    sha256 = await place.store.put(image, soon())
    data = await place.store.get(sha256, soon())

    assert sha256 == content_sha256(image)
    assert data is not None
    back = decode_stored(data, sha256)
    assert back.mode == "RGB"
    np.testing.assert_array_equal(back, image)


async def test_equal_pixels_of_another_shape_have_another_name(place: Place) -> None:
    wide, tall = Image.new("RGB", (60, 40), RED), Image.new("RGB", (40, 60), RED)
    assert wide.tobytes() == tall.tobytes()
    assert await place.store.put(wide, soon()) != await place.store.put(tall, soon())


async def test_a_picture_is_written_once(place: Place) -> None:
    first = await place.store.put(textured(), soon())
    place.age(KEPT, first, HOUR_S)
    before = await listed(place, KEPT)
    assert await place.store.put(textured(), soon()) == first
    assert await listed(place, KEPT) == before


async def test_many_at_once_leave_one_picture(place: Place) -> None:
    puts = (place.store.put(textured(), soon()) for _ in range(16))
    outcomes = await asyncio.gather(*puts, return_exceptions=True)
    # rclone's server turns some of the writers of one key away (500), as S3 itself does not.
    refused = [outcome for outcome in outcomes if isinstance(outcome, DependencyUnavailable)]
    assert not refused or isinstance(place.store, S3ImageStore)
    name = content_sha256(textured())
    assert {outcome for outcome in outcomes if outcome not in refused} == {name}
    assert place.names(KEPT) == {name}
    assert await place.store.get(name, soon()) is not None


@pytest.mark.parametrize("name", ["0" * 64, "", "../../etc/passwd", "A" * 64, "0" * 64 + "\n"])
async def test_an_unknown_name_has_no_picture(place: Place, name: str) -> None:
    assert await place.store.get(name, soon()) is None
    assert not place.damaged


async def test_only_rgb_is_stored(place: Place) -> None:
    with pytest.raises(ValueError, match="not RGBA"):
        await place.store.put(textured().convert("RGBA"), soon())
    assert not place.names(KEPT)


async def test_without_time_nothing_is_done(place: Place) -> None:
    sha256 = await place.store.put(textured(), soon())
    gone = Deadline.after(0)
    with pytest.raises(DependencyTimeout):
        await place.store.get(sha256, gone)
    with pytest.raises(DependencyTimeout):
        await place.store.put(Image.new("RGB", (20, 20), RED), gone)
    with pytest.raises(DependencyTimeout):
        await place.store.trash(sha256, gone)
    assert place.names(KEPT) == {sha256}


@pytest.mark.parametrize("damage", ["nothing", "half", "text", "flipped", "another picture"])
async def test_a_damaged_picture_is_reported_and_never_served(place: Place, damage: str) -> None:
    sha256 = await place.store.put(textured(), soon())
    whole = await place.store.get(sha256, soon())
    other = await place.store.get(await place.store.put(textured((40, 30)), soon()), soon())
    assert whole is not None
    assert other is not None
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    spoilt = {
        "nothing": b"",
        "half": whole[: len(whole) // 2],
        "text": b"<html>",
        "flipped": bytes(flipped),
        "another picture": other,
    }
    place.spoil(sha256, spoilt[damage])

    assert await place.store.get(sha256, soon()) is None
    assert place.damaged == [sha256]


async def test_a_damaged_picture_is_mended_by_the_next_import(place: Place) -> None:
    sha256 = await place.store.put(textured(), soon())
    place.spoil(sha256, b"<html>")
    assert await place.store.put(textured(), soon()) == sha256
    data = await place.store.get(sha256, soon())
    assert data is not None
    decode_stored(data, sha256)


async def test_a_file_is_kept_as_another_store_gave_it(place: Place) -> None:
    # The same pixels at another effort of the encoder: another file of the same name.
    image, buffer = textured(), BytesIO()
    image.save(buffer, "WEBP", lossless=True, quality=100, method=6)
    name, content = content_sha256(image), buffer.getvalue()
    await place.store.put_file(name, content, soon())
    assert place.names(KEPT) == {name}
    assert await place.store.get(name, soon()) == content
    # And one that is there and whole stays.
    await place.store.put_file(name, encode_stored(image), soon())
    assert await place.store.get(name, soon()) == content
    place.spoil(name, b"<html>")
    await place.store.put_file(name, content, soon())
    assert await place.store.get(name, soon()) == content


async def test_a_file_that_is_not_the_picture_of_its_name_is_not_kept(place: Place) -> None:
    content = encode_stored(textured())
    other = content_sha256(textured((40, 30)))
    for name, file in ((other, content), (other, b""), ("../x", content)):
        with pytest.raises(ValueError, match="not the picture"):
            await place.store.put_file(name, file, soon())
    assert not place.names(KEPT)


async def test_a_picture_in_the_trash_is_still_found(place: Place) -> None:
    sha256 = await place.store.put(textured(), soon())
    await place.store.trash(sha256, soon())
    assert (place.names(KEPT), place.names(TRASH)) == (set(), {sha256})
    data = await place.store.get(sha256, soon())
    assert data is not None
    decode_stored(data, sha256)


async def test_the_age_in_the_trash_begins_with_the_trash(place: Place) -> None:
    sha256 = await place.store.put(textured(), soon())
    place.age(KEPT, sha256, 100 * HOUR_S)
    kept_at_s = (await listed(place, KEPT))[sha256]
    await place.store.trash(sha256, soon())
    trashed_at_s = (await listed(place, TRASH))[sha256]
    assert trashed_at_s - kept_at_s > 99 * HOUR_S


async def test_a_picture_in_the_trash_is_written_anew(place: Place) -> None:
    """An import must be able to trust what it put, whatever becomes of the trash."""
    sha256 = await place.store.put(textured(), soon())
    await place.store.trash(sha256, soon())
    assert await place.store.put(textured(), soon()) == sha256
    assert place.names(KEPT) == place.names(TRASH) == {sha256}


async def test_a_picture_comes_back_from_the_trash(place: Place) -> None:
    sha256 = await place.store.put(textured(), soon())
    await place.store.trash(sha256, soon())
    await place.store.restore(sha256, soon())
    assert (place.names(KEPT), place.names(TRASH)) == ({sha256}, set())
    assert await place.store.get(sha256, soon()) is not None


async def test_only_an_old_picture_of_the_trash_is_removed(place: Place) -> None:
    old, fresh = [await place.store.put(textured(size), soon()) for size in ((20, 20), (30, 30))]
    for sha256 in (old, fresh):
        await place.store.trash(sha256, soon())
    place.age(TRASH, old, 2 * HOUR_S)
    before_s = (await listed(place, TRASH))[fresh] - HOUR_S
    for sha256 in (old, fresh):
        await place.store.expunge(sha256, before_s, soon())
    assert place.names(TRASH) == {fresh}
    assert await place.store.get(old, soon()) is None


async def test_moving_what_is_not_there_is_no_error(place: Place) -> None:
    nobody = "0" * 64
    await place.store.trash(nobody, soon())
    await place.store.restore(nobody, soon())
    await place.store.expunge(nobody, 0.0, soon())
    assert not place.names(KEPT) | place.names(TRASH)


async def test_each_shelf_lists_its_pictures(place: Place) -> None:
    names = [await place.store.put(textured((20 + n, 20)), soon()) for n in range(5)]
    await place.store.trash(names[0], soon())
    assert set(await listed(place, KEPT)) == set(names[1:])
    assert set(await listed(place, TRASH)) == {names[0]}
    for age_s in (await listed(place, KEPT)).values():
        assert age_s > 1_700_000_000


async def test_an_empty_store_lists_nothing(place: Place) -> None:
    assert not await listed(place, KEPT)
    assert not await listed(place, TRASH)


# --- with the gateway's use cases before it ---------------------------------------------------


@pytest.fixture
def core(place: Place, tmp_path: Path) -> Iterator[Core]:
    with running_core(tmp_path, place.store) as core:
        yield core


async def test_a_product_is_shown_and_searched_by_its_stored_picture(
    place: Place, core: Core
) -> None:
    await core.catalog.import_products("", [write(number) for number in range(5)], soon())
    shown = await core.catalog.image("", "p3", soon())
    assert shown.sha256 in place.names(KEPT)
    decode_stored(shown.content, shown.sha256)
    request = SearchRequest(reference=ProductReference("p3"), include_reference=True)
    answer = await core.search.search(request, soon())
    assert answer.hits[0].product.id == "p3"


async def test_a_damaged_picture_is_neither_shown_nor_searched_by(place: Place, core: Core) -> None:
    await core.catalog.import_products("", [write(number) for number in range(5)], soon())
    shown = await core.catalog.image("", "p3", soon())
    place.spoil(shown.sha256, b"<html>")
    with pytest.raises(DependencyBroken):
        await core.catalog.image("", "p3", soon())
    with pytest.raises(DependencyBroken):
        await core.search.search(SearchRequest(reference=ProductReference("p3")), soon())
    answer = await core.search.search(SearchRequest(modification="red coat"), soon())
    assert len(answer.hits) == 5
    assert set(place.damaged) == {shown.sha256}

    await core.catalog.delete("", "p3", soon())
    await core.catalog.import_products("", [write(3)], soon())
    assert (await core.catalog.image("", "p3", soon())).content == shown.content


async def test_a_picture_that_is_set_aside_is_still_shown_and_searched_by(
    place: Place, core: Core
) -> None:
    await core.catalog.import_products("", [write(1)], soon())
    shown = await core.catalog.image("", "p1", soon())
    await place.store.trash(shown.sha256, soon())
    assert await core.catalog.image("", "p1", soon()) == shown
    request = SearchRequest(reference=ProductReference("p1"), include_reference=True)
    assert (await core.search.search(request, soon())).hits
