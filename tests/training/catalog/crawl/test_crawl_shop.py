"""A crawl of a shop that has everything that shops have."""

from collections import Counter

import pytest

from indexer.feed import open_feed
from indexer.product import Mapper
from tests.training.catalog.crawl.conftest import Crawled
from tests.training.catalog.shop.crawler import CONTACT
from tests.training.catalog.shop.expected import crawled_products, expected_products
from tests.training.catalog.shop.site import RETRY_AFTER_S
from tests.training.catalog.shop.stock import STOCK


def test_it_ends_with_exactly_the_expected_products(first: Crawled) -> None:
    expected = expected_products(first.shop.site.address, STOCK)
    assert crawled_products(first.folder, STOCK) == expected


def test_every_picture_is_in_the_folder_and_no_other_file(first: Crawled) -> None:
    kept = {
        path.relative_to(first.folder).as_posix()
        for path in (first.folder / "images").rglob("*")
        if path.is_file()
    }
    listed = {
        path
        for product in crawled_products(first.folder, STOCK).values()
        for path in (*product["images"], *product["snapshots"])
    }
    # The placeholder was fetched before anyone could know that many products share it.
    assert listed < kept
    assert len(kept - listed) == 1


def test_the_indexer_reads_every_row_with_its_picture(first: Crawled) -> None:
    mapper = Mapper(first.folder)
    feed = open_feed(first.folder / "products.jsonl")
    for row in feed.read():
        product, image = mapper.product(row), mapper.load(mapper.picture(row))
        assert product.title
        assert image is not None
    assert feed.rows == len(STOCK)


def test_robots_txt_comes_first_and_is_obeyed(first: Crawled) -> None:
    asked = [each.target for each in first.log]
    assert asked[0] == "/robots.txt"
    assert not [target for target in asked if target.startswith(("/private/", "/cart"))]
    assert "/pictures/23-smaller.jpg" not in asked
    assert first.reason("/private/goods/90") == "FORBIDDEN_BY_ROBOTS"
    assert first.reason("/pictures/23-smaller.jpg") == "FORBIDDEN_BY_ROBOTS"


def test_nothing_reaches_a_private_address(first: Crawled) -> None:
    assert first.inside == []
    assert first.reason("/goods/inside") == "PRIVATE_ADDRESS"
    assert first.reason("/goods/metadata") == "OTHER_HOST"


def test_every_request_says_who_asks_and_none_carries_a_cookie(first: Crawled) -> None:
    agents = {each.headers["user-agent"] for each in first.log}
    assert agents == {f"RecomposeCatalog/0.1 (+{CONTACT})"}
    assert not [each for each in first.log if "cookie" in each.headers]


def test_no_page_is_fetched_twice(first: Crawled) -> None:
    answered = Counter(each.target for each in first.log if each.status < 429)
    assert [target for target, times in answered.items() if times > 1] == []


def test_after_429_the_whole_shop_is_left_alone_for_as_long_as_it_asked(first: Crawled) -> None:
    [busy] = [index for index, each in enumerate(first.log) if each.status == 429]
    assert first.log[busy + 1].at - first.log[busy].at >= RETRY_AFTER_S


def test_errors_that_pass_are_outlasted_and_those_that_stay_are_not(first: Crawled) -> None:
    asked = Counter(each.target for each in first.log)
    assert asked["/goods/8"] == 3
    assert asked["/goods/failing"] == 3
    assert first.reason("/goods/failing") == "PAGE_FAILED"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/goods/loop", "REDIRECT_LOOP"),
        ("/goods/far", "TOO_MANY_REDIRECTS"),
        ("/goods/sold", "NOT_FOUND"),
        ("/goods/about", "NO_PRODUCT"),
        ("/goods/1?utm_source=mail", "DUPLICATE"),
        ("/pictures/huge.jpg", "TOO_LARGE"),
        ("/pictures/bomb.png", "IMAGE_TOO_MANY_PIXELS"),
        ("/pictures/8-broken.jpg", "IMAGE_TRUNCATED"),
    ],
)
def test_what_is_left_out_is_told(first: Crawled, path: str, reason: str) -> None:
    assert first.reason(path) == reason


def test_a_picture_on_a_host_that_was_not_named_is_told(first: Crawled) -> None:
    [row] = [row for row in first.set_aside() if row.get("picture", "").endswith("far.jpg")]
    assert row["reason"] == "PICTURE_HOST_NOT_NAMED"
    assert row["id"] == "SKU-23"


def test_the_end_is_told_in_a_line_and_the_log_lies_in_the_folder(first: Crawled) -> None:
    assert f"{len(STOCK)} products with" in first.said
    assert "Spider closed (finished)" in (first.folder / "crawl" / "crawl.log").read_text()
