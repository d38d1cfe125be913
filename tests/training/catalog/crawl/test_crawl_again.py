"""A second crawl, after something changed, something went and something came."""

from tests.training.catalog.crawl.conftest import Crawled
from tests.training.catalog.shop.expected import crawled_products, expected_products
from tests.training.catalog.shop.stock import ARRIVAL, STOCK, changed


def test_changed_removed_and_new_products_are_noticed(second: Crawled) -> None:
    garments = [*(later for each in STOCK if (later := changed(each))), ARRIVAL]
    expected = expected_products(second.shop.site.address, garments)
    assert crawled_products(second.folder, garments) == expected


def test_removed_products_leave_a_note(second: Crawled) -> None:
    assert second.reason("/goods/11") == "REMOVED"
    assert second.reason("/goods/31") == "REMOVED"


def test_what_has_a_validator_is_asked_for_conditionally(first: Crawled, second: Crawled) -> None:
    known = {each.target for each in first.log if each.status == 200}
    again = [each for each in second.log if each.target in known]
    unconditional = {
        each.target
        for each in again
        if not {"if-none-match", "if-modified-since"} & each.headers.keys()
    }
    # What the shop gives no validator for: lists, and the file of its rules.
    assert unconditional == {
        "/robots.txt",
        "/sitemap-2.xml.gz",
        "/goods/about",
        "/pictures/huge.jpg",
        *(target for target in known if target.startswith("/category/")),
    }
    assert {each.target for each in again if each.status == 200} - unconditional == {"/goods/2"}


def test_pictures_that_are_fresh_by_their_own_word_are_not_asked_for(second: Crawled) -> None:
    assert not [each for each in second.log if each.target.startswith("/pictures/snap/")]


def test_no_picture_is_sent_twice(second: Crawled) -> None:
    sent = {
        each.target
        for each in second.log
        if each.target.startswith("/pictures/") and each.status == 200
    }
    assert sent == {"/pictures/huge.jpg", "/pictures/40-0.jpg"}
