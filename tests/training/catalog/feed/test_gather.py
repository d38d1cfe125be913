"""From a feed to products and pictures, with exact counts."""

import fcntl
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.errors import CatalogError
from catalog.feed.gather import gather_feed
from catalog.products import read_products
from tests.training.catalog.feed.shop import Shop


def test_id_label_and_a_folder(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """The smallest feed there is."""
    for number, name in enumerate(["a.jpg", "b.png", "c.jpeg"]):
        shop.picture(name, number)
    shop.write("id,label,kids", "c,Coat,False", "a,Hoodie,True", "b,Coat,False")
    shop.gather()
    products = shop.products()
    assert [(p.id, p.category, dict(p.attributes)) for p in products] == [
        ("a", "hoodie", {"kids": "True"}),
        ("b", "coat", {"kids": "False"}),
        ("c", "coat", {"kids": "False"}),
    ]
    assert [len(product.images) for product in products] == [1, 1, 1]
    kept = shop.output / products[0].images[0]
    assert kept.read_bytes() == (shop.images / "a.jpg").read_bytes()
    assert shop.set_aside() == []
    assert capsys.readouterr().out.splitlines() == [
        f"{shop.feed}: 3 rows",
        f"  3 products with 3 product pictures and 0 snapshots in {shop.output / 'products.jsonl'}",
        "  0 rows and 0 pictures set aside",
        "  3 files read, 0 known from before",
    ]


def test_what_cannot_be_used_is_set_aside_with_its_reason(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 9):
        shop.picture(f"{number}.jpg", number)
    (shop.images / "text.jpg").write_text("no picture")
    shop.write(
        "id,category,price,image,snapshots",
        *(f"p{number},coat,{number},{number}.jpg," for number in range(1, 7)),
        "p7,coat,1,text.jpg,7.jpg|none.jpg|https://shop.example/x.jpg",
        "p8,coat,much,8.jpg,",
        "p9,coat,9,text.jpg,",
        "p/1,coat,9,8.jpg,",
        "p10,coat",
        "p1,coat,1,1.jpg,",
    )
    shop.gather()
    assert [product.id for product in shop.products()] == [f"p{number}" for number in range(1, 8)]
    assert shop.products()[6].images == ()
    assert len(shop.products()[6].snapshots) == 1
    assert [tuple(row.values()) for row in shop.set_aside()] == [
        ("p8", "line 9", "PRICE_INVALID", "The price is no amount of money."),
        (
            "line 11",
            "PRODUCT_ID_INVALID",
            "An id has 1 to 256 printable characters and neither a slash nor a backslash.",
        ),
        ("line 12", "ROW_UNREADABLE", "The row has 2 values, where the header has 5."),
        ("p1", "line 13", "ROW_TWICE", "An earlier row says the very same."),
        ("p9", "line 10", "NO_PICTURE", "The product has no picture that can be used."),
        *(
            (p, picture, where, reason, message)
            for p, picture, where, reason, message in [
                ("p7", "text.jpg", "line 8", *NO_IMAGE),
                (
                    "p7",
                    "none.jpg",
                    "line 8",
                    "IMAGE_MISSING",
                    "No such picture lies in the folder of pictures.",
                ),
                ("p7", "https://shop.example/x.jpg", "line 8", "IMAGE_ADDRESS", ADDRESS),
                ("p9", "text.jpg", "line 10", *NO_IMAGE),
            ]
        ),
    ]
    out = capsys.readouterr().out
    assert "feed.csv: 12 rows\n  7 products with 6 product pictures and 1 snapshot in" in out
    assert "  5 rows and 4 pictures set aside: 2 IMAGE_NOT_AN_IMAGE, 1 PRICE_INVALID, " in out
    # 8.jpg belongs to rows that were refused, and text.jpg is read once.
    assert "  8 files read, 0 known from before" in out


NO_IMAGE = (
    "IMAGE_NOT_AN_IMAGE",
    "The picture is none, or neither JPEG, PNG, WebP, GIF, BMP, TIFF nor AVIF.",
)
ADDRESS = (
    "The picture is an address of which no copy lies in the folder of pictures; a feed's pictures "
    "are not fetched, as those of a crawl are."
)


def test_a_second_run_reads_no_picture_again(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 5):
        shop.picture(f"{number}.jpg", number)
    (shop.images / "5.jpg").write_text("no picture")
    shop.write("id,label", *(f"{number},coat" for number in range(1, 6)))
    shop.gather()
    before = shop.products(), shop.set_aside()
    assert "  5 files read, 0 known" in capsys.readouterr().out
    shop.gather()
    assert (shop.products(), shop.set_aside()) == before
    assert "  0 files read, 5 known" in capsys.readouterr().out


def test_what_has_changed_is_read_again(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(1, 5):
        shop.picture(f"{number}.jpg", number)
    shop.write("id,label", *(f"{number},coat" for number in range(1, 5)))
    shop.gather()
    before = shop.products()
    shop.picture("2.jpg", 12)
    os.utime(shop.images / "2.jpg", ns=(1, 1))
    (shop.output / before[2].images[0]).unlink()
    shop.write("id,label", "1,hoodie", "2,coat", "3,coat")
    capsys.readouterr()
    shop.gather()
    after = shop.products()
    assert "  2 files read, 1 known" in capsys.readouterr().out
    assert after[0] == replace(before[0], category="hoodie")
    assert after[1].images != before[1].images
    assert after[2] == before[2]
    assert (shop.output / after[2].images[0]).is_file()
    assert len(after) == 3


def test_our_own_list_is_a_feed(shop: Shop, tmp_path: Path) -> None:
    for number in range(1, 4):
        shop.picture(f"{number}.jpg", number)
    shop.write(
        "id,title,label,colors,price,image,snapshots,sleeve,available",
        "1,코트,Coat,red|blue,12 USD,1.jpg,2.jpg,long,no",
        "2,,Coat,,,3.jpg,,,",
    )
    shop.gather()
    gather_feed(shop.output / "products.jsonl", None, tmp_path / "again")
    assert read_products(tmp_path / "again") == shop.products()
    gather_feed(shop.output / "products.jsonl", None, shop.output)
    assert read_products(tmp_path / "again") == shop.products()


def test_a_google_feed_of_addresses_with_pictures_named_after_ids(shop: Shop) -> None:
    shop.picture("a1.jpg", 1)
    feed = shop.feed.with_suffix(".xml")
    feed.write_text(
        '<rss xmlns:g="http://base.google.com/ns/1.0"><channel><item><g:id>a1</g:id>'
        "<g:product_type>Coats</g:product_type>"
        "<g:image_link>https://shop.example/1.jpg</g:image_link></item></channel></rss>"
    )
    gather_feed(feed, shop.images, shop.output)
    assert [product.id for product in shop.products()] == ["a1"]
    assert shop.set_aside() == []


def test_near_identical_pictures_and_placeholders_go(shop: Shop) -> None:
    shop.picture("none.jpg", 99)
    shop.picture("1-small.jpg", 1, (90, 120))
    for number in range(1, 7):
        shop.picture(f"{number}.jpg", number)
    shop.write(
        "id,label,images",
        "1,coat,1-small.jpg|1.jpg|none.jpg",
        *(f"{number},coat,{number}.jpg|none.jpg" for number in range(2, 7)),
        "7,coat,none.jpg",
    )
    shop.gather()
    assert [len(product.images) for product in shop.products()] == [1] * 6
    kept = shop.output / shop.products()[0].images[0]
    assert kept.read_bytes() == (shop.images / "1.jpg").read_bytes()
    reasons = [reason for _, reason in shop.reasons()]
    assert sorted(set(reasons)) == ["IMAGE_NEAR_IDENTICAL", "IMAGE_PLACEHOLDER", "NO_PICTURE"]
    assert reasons.count("IMAGE_PLACEHOLDER") == 7


def test_a_product_has_at_most_forty_pictures(shop: Shop) -> None:
    for number in range(43):
        shop.picture(f"{number}.jpg", number, (80, 80))
    shop.write("id,label,images", "1,coat," + "|".join(f"{number}.jpg" for number in range(43)))
    shop.gather()
    assert len(shop.products()[0].images) == 40
    assert [(row["picture"], row["reason"]) for row in shop.set_aside()] == [
        (f"{number}.jpg", "IMAGE_TOO_MANY") for number in range(40, 43)
    ]


def test_more_than_half_are_bad(shop: Shop) -> None:
    for number in range(1, 4):
        shop.picture(f"{number}.jpg", number)
    shop.write("id,label,price", "1,coat,12", "2,coat,ask", "3,coat,us")
    with pytest.raises(CatalogError) as caught:
        shop.gather()
    assert str(caught.value) == (
        f"{shop.feed}: 2 of 3 rows set aside, mostly for PRICE_INVALID (The price is no amount of "
        f"money); 1 product kept, for the others see {shop.output / 'set-aside.jsonl'}"
    )
    assert [product.id for product in shop.products()] == ["1"]
    assert len(shop.set_aside()) == 2


def test_where_pictures_are_the_trouble_they_are_named(shop: Shop) -> None:
    shop.write("id,label,image", "1,coat,https://shop.example/1.jpg", "2,coat,")
    with pytest.raises(CatalogError, match=r"2 of 2 rows set aside, mostly for IMAGE_ADDRESS"):
        shop.gather()


def test_rows_that_contradict_each_other(shop: Shop) -> None:
    for number in range(1, 5):
        shop.picture(f"{number}.jpg", number)
    shop.write("id,label", "1,coat", "2,coat", "3,coat", "4,coat", "2,hoodie", "3,coat")
    with pytest.raises(CatalogError) as caught:
        shop.gather()
    assert str(caught.value) == (
        f"{shop.feed}: 1 row with the id of an earlier row and other values, the first '2' at line "
        f"6; 4 products kept, for the others see {shop.output / 'set-aside.jsonl'}"
    )
    assert [product.category for product in shop.products()] == ["coat"] * 4
    assert shop.reasons() == [("2", "ID_TWICE"), ("3", "ROW_TWICE")]


@pytest.mark.parametrize("content", ["", "id,label\n", "id,title\na,b\n", "id,label\n\xe9,b\n"])
def test_an_unusable_feed_changes_nothing(shop: Shop, content: str) -> None:
    shop.picture("1.jpg", 1)
    shop.write("id,label", "1,coat")
    shop.gather()
    before = {path: path.read_bytes() for path in shop.output.rglob("*") if path.is_file()}
    shop.feed.write_bytes(content.encode("latin-1"))
    with pytest.raises(CatalogError):
        shop.gather()
    assert before == {path: path.read_bytes() for path in shop.output.rglob("*") if path.is_file()}


def test_one_run_at_a_time(shop: Shop) -> None:
    shop.picture("1.jpg", 1)
    shop.write("id,label", "1,coat")
    shop.gather()
    with (shop.output / "feed" / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(CatalogError, match="is being written by another command"):
            shop.gather()
    shop.gather()


def test_an_output_that_is_a_file(shop: Shop) -> None:
    shop.picture("1.jpg", 1)
    shop.write("id,label", "1,coat")
    shop.output.write_text("mine")
    with pytest.raises(CatalogError, match="out cannot be a folder: File exists"):
        shop.gather()
    assert shop.output.read_text() == "mine"


@pytest.mark.parametrize("damage", [b'{"file": "cut', b"\xff\n", b'{"rules": 0}\n', b"[]\n{}\n"])
def test_a_damaged_journal_costs_time_and_nothing_else(shop: Shop, damage: bytes) -> None:
    for number in range(1, 4):
        shop.picture(f"{number}.jpg", number)
    shop.write("id,label", *(f"{number},coat" for number in range(1, 4)))
    shop.gather()
    before = shop.products()
    journal = shop.output / "feed" / "pictures.jsonl"
    keep = journal.read_bytes() if damage.startswith(b'{"file') else b""
    journal.write_bytes(keep + damage)
    shop.gather()
    assert shop.products() == before
    assert shop.journal() == 3
    assert all(json.loads(line) for line in journal.read_bytes().splitlines())


def test_no_picture_at_all(shop: Shop) -> None:
    shop.write("id,label", "1,coat")
    with pytest.raises(CatalogError, match="1 of 1 row set aside, mostly for NO_PICTURE"):
        shop.gather()
    assert shop.products() == ()
    assert [row["message"] for row in shop.set_aside()] == [
        "The row names no picture, and none is named after its id."
    ]
