"""From the journal to products: ids, categories, and what is gone."""

from pathlib import Path
from typing import Any

import pytest

from catalog.crawl.gather import gather, service_id
from catalog.crawl.journal import Journal, PictureRow
from catalog.crawl.profile import Profile
from catalog.crawl.reading.found import Found, PictureLink

SHOP = "https://shop.example"
PROFILE = Profile(name="shop", hosts=("shop.example",))


def _keep(journal: Journal, path: str, **fields: Any) -> None:
    known = {"url": SHOP + path, "title": f"Title of {path}", **fields}
    journal.keep_product(SHOP + path, Found(**known).to_row())


def test_ids_are_unique_and_stay(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "shop")
    _keep(journal, "/b", id="X")
    _keep(journal, "/a", id="X", title="Another")
    _keep(journal, "/c", id="X", url=f"{SHOP}/b", title="Title of /b")
    _keep(journal, "/d")
    gathered = gather(journal, PROFILE, whole=True)
    ids = {product.url: product.id for product in gathered.products}
    assert ids[f"{SHOP}/a"] == "X"
    assert ids[f"{SHOP}/b"].startswith("X-url-")
    assert ids[f"{SHOP}/d"].startswith("url-")
    assert len(gathered.products) == 3
    assert [row.reason for row in gathered.set_aside] == ["DUPLICATE"]
    journal.close()


@pytest.mark.parametrize(
    ("shops", "ours"), [("A/1\\2", "A-1-2"), ("..", ""), ("", ""), ("x" * 300, "x" * 256)]
)
def test_ids_as_the_service_takes_them(shops: str, ours: str) -> None:
    assert service_id(shops) == ours


def test_a_whole_run_drops_what_it_has_not_found_and_a_part_of_one_does_not(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "shop")
    for path in ("/stays", "/fails", "/moves", "/removed"):
        _keep(journal, path)
    journal.finish()
    journal.close()

    journal = Journal(tmp_path, "shop")
    _keep(journal, "/stays")
    journal.note(f"{SHOP}/fails", "PAGE_FAILED", "The shop answered 500.")
    journal.note(f"{SHOP}/removed", "REMOVED", "The shop has removed the product's page.")
    part = gather(journal, PROFILE, whole=False)
    assert {product.url for product in part.products} == {
        f"{SHOP}{path}" for path in ("/stays", "/fails", "/moves")
    }
    whole = gather(journal, PROFILE, whole=True)
    assert {product.url for product in whole.products} == {f"{SHOP}/stays", f"{SHOP}/fails"}
    assert set(whole.gone) == {f"{SHOP}/moves", f"{SHOP}/removed"}
    assert {row.reason for row in whole.set_aside} == {"PAGE_FAILED", "REMOVED", "MOVED"}
    journal.close()


def test_categories(tmp_path: Path) -> None:
    profile = Profile.model_validate(
        {
            "name": "shop",
            "hosts": ["shop.example"],
            "categories": {"Coat": ["코트", "Coats"], "hoodie": ["Hoodies"]},
            "only_categories": True,
        }
    )
    journal = Journal(tmp_path, "shop")
    _keep(journal, "/named", categories=["겨울", "코트"])
    _keep(journal, "/ours", categories=["HOODIE"])
    _keep(journal, "/other", categories=["Shoes"])
    _keep(journal, "/listed", categories=["Outer"])
    journal.list_product(f"{SHOP}/listed", 0, "coat")
    gathered = gather(
        journal,
        profile.model_copy(update={"start": _starts("coat")}),
        whole=True,
    )
    found = {product.url.removeprefix(SHOP): product.category for product in gathered.products}
    assert found == {"/named": "coat", "/ours": "hoodie", "/listed": "coat"}
    assert [row.reason for row in gathered.set_aside] == ["OTHER_CATEGORY"]
    everything = gather(journal, PROFILE, whole=True)
    assert {product.category for product in everything.products} >= {"shoes", "겨울"}
    journal.close()


def _starts(category: str) -> Any:
    start = {"url": f"{SHOP}/list", "category": category}
    return Profile.model_validate({"name": "a", "hosts": ["shop.example"], "start": [start]}).start


def test_pictures_at_the_end_of_redirects_and_those_that_were_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "shop")
    links = [PictureLink(f"{SHOP}/{name}.jpg", name == "worn") for name in ("a", "worn", "bad")]
    _keep(journal, "/1", id="1", pictures=links)
    journal.keep(f"{SHOP}/a.jpg", 302, {"Location": ["/stored/a.jpg"]}, b"")
    journal.keep(f"{SHOP}/stored/a.jpg", 200, {}, b"", PictureRow(path="images/aa/a.jpg"))
    journal.keep(f"{SHOP}/worn.jpg", 200, {}, b"", PictureRow(path="images/bb/b.jpg"))
    refused = PictureRow(reason="IMAGE_TRUNCATED", message="The picture is cut short.")
    journal.keep(f"{SHOP}/bad.jpg", 200, {}, b"", refused)
    gathered = gather(journal, PROFILE, whole=True)
    [product] = gathered.products
    assert product.images == ("images/aa/a.jpg",)
    assert product.snapshots == ("images/bb/b.jpg",)
    [row] = gathered.set_aside
    assert (row.reason, row.id, row.picture) == ("IMAGE_TRUNCATED", "1", f"{SHOP}/bad.jpg")
    journal.close()
