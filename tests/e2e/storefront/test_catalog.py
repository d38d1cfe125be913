"""Browsing: filters, endless scrolling, a product's page."""

import json

import pytest
from playwright.sync_api import expect

from tests.support.shop import Shop
from tests.support.stack import Stack

PAGE = 24


def test_filters_offer_what_the_index_has(shop: Shop, stack: Stack) -> None:
    facets = stack.rest.get("/v1/products:facets", params={"multi_select": "true"}).json()["facets"]
    shop.open()
    for field, legend in (("category", "Category"), ("color", "Color"), ("brand", "Brand")):
        offered = next(facet["values"] for facet in facets if facet["field"] == field)
        group = shop.page.get_by_role("group", name=legend, exact=True)
        texts = group.locator("label").all_inner_texts()
        assert [text.split("\n") for text in texts] == [
            [value["value"], str(value["count"])] for value in offered
        ]
    price = next(facet["range"] for facet in facets if facet["field"] == "price")
    lowest = shop.page.get_by_label("Lowest price")
    assert float(lowest.get_attribute("placeholder").split()[1]) == price["min"]


@pytest.mark.parametrize("words", ["", "with dots"], ids=["browsing", "searching"])
def test_filters_hold_and_can_be_taken_away(shop: Shop, stack: Stack, words: str) -> None:
    shop.open()
    if words:
        shop.say(words)
    before = shop.ids()
    for group, value in (("Category", "dress"), ("Color", "red"), ("Color", "blue")):
        shop.page.get_by_role("group", name=group).get_by_label(value).check()
        shop.settled()
    shop.page.get_by_label("Highest price").fill("60")
    shop.page.get_by_label("Highest price").press("Enter")
    expect(shop.page.locator(".chip.chosen")).to_have_text(
        ["dress", "red", "blue", "Price 60 or less"]
    )
    shop.settled()
    found = [stack.rest.get(f"/v1/products/{id}").json()["attributes"] for id in shop.ids()]
    assert found
    assert all(
        it["category"] == "dress" and it["color"] in {"red", "blue"} and it["price"] <= 60
        for it in found
    )
    shop.page.get_by_role("button", name="Remove the filter dress").click()
    shop.settled()
    assert "filter.category" not in shop.page.url
    shop.page.get_by_role("button", name="Clear all filters").click()
    shop.settled()
    assert shop.ids() == before


def test_the_third_page_comes_without_a_repeat(shop: Shop, stack: Stack) -> None:
    shop.open()
    for count in (1, 2, 3):
        shop.cards.nth(count * PAGE - 1).scroll_into_view_if_needed()
        expect(shop.cards.nth(count * PAGE)).to_be_attached()
    shop.settled()
    ids = shop.ids()
    assert len(ids) == len(set(ids)) >= 3 * PAGE
    listed = stack.rest.get("/v1/products", params={"page_size": 100}).json()["products"]
    assert ids[:100] == [product["id"] for product in listed][: len(ids)]


def test_a_search_ends_and_says_so(shop: Shop, stack: Stack) -> None:
    shop.open("/?step=&wish=a+dress&filter.category=dress&filter.color=red&max.price=70")
    answer = stack.rest.post(
        "/v1/products:search",
        json={
            "modification": "a dress",
            "page_size": 100,
            "filter": {
                "all": [
                    {"field": "category", "any_of": ["dress"]},
                    {"field": "color", "any_of": ["red"]},
                    {"field": "price", "max": 70},
                ]
            },
        },
    ).json()
    end = shop.page.get_by_text("That is all.")
    for _ in range(10):
        shop.page.mouse.wheel(0, 4000)
        if end.is_visible():
            break
        shop.page.wait_for_timeout(200)
    expect(end).to_be_visible()
    assert shop.ids() == [hit["product"]["id"] for hit in answer["hits"]]


def test_a_products_page(shop: Shop, stack: Stack) -> None:
    shop.open("/?step=&wish=a+coat")
    first = shop.ids()[0]
    product = stack.rest.get(f"/v1/products/{first}").json()
    shop.cards.first.locator("a").click()
    expect(shop.page.locator("h1")).to_have_text(product["title"])
    assert shop.page.url.startswith(f"{shop.base}/products/{first}?")
    facts = dict(
        text.split("\n") for text in shop.page.locator(".product dl > div").all_inner_texts()
    )
    assert facts["Category"] == product["attributes"]["category"]
    assert facts["Color"] == product["attributes"]["color"]
    width = shop.page.locator(".product img").evaluate("image => image.clientWidth")
    assert width > 400
    shop.settled()
    like_it = stack.rest.post(
        "/v1/products:search", json={"reference": {"product_id": first}, "page_size": PAGE}
    ).json()
    assert shop.ids()[:PAGE] == [hit["product"]["id"] for hit in like_it["hits"]]

    shop.page.get_by_role("button", name="Like this, but…").first.click()
    shop.settled()
    expect(shop.words).to_be_focused()
    assert shop.trail == ["a coat", "as it is"]


def test_a_product_that_is_gone_says_so(shop: Shop) -> None:
    shop.page.goto(f"{shop.base}/products/no-such-product")
    expect(shop.page.get_by_role("alert")).to_contain_text("no longer there")
    shop.forgive(404)


def test_pictures_are_sized_and_lazy(shop: Shop) -> None:
    shop.open()
    images = shop.page.locator("#products .card img")
    attributes = images.evaluate_all(
        "all => all.map(image => [image.width > 0, image.height > 0, image.loading])"
    )
    assert all(width and height for width, height, _ in attributes)
    assert [loading for *_, loading in attributes] == ["eager"] * 8 + ["lazy"] * (PAGE - 8)
    shifted = shop.page.evaluate(
        """() => new Promise(done => new PerformanceObserver(list =>
            done(list.getEntries().reduce((sum, entry) => sum + entry.value, 0))
        ).observe({ type: "layout-shift", buffered: true }) || setTimeout(() => done(0), 500))"""
    )
    assert shifted < 0.1  # "good" by Core Web Vitals


def test_nothing_says_what_to_loosen(shop: Shop, stack: Stack) -> None:
    none = {"all": [{"field": "category", "any_of": ["hat"]}, {"field": "price", "min": 10_000}]}
    listed = stack.rest.get("/v1/products", params={"filter": json.dumps(none)}).json()
    assert listed["products"] == []
    shop.open("/?filter.category=hat&min.price=10000")
    empty = shop.page.locator(".empty")
    expect(empty).to_contain_text("Nothing matches.")
    assert empty.get_by_role("button").all_inner_texts() == [
        "without hat",
        "without Price 10,000 or more",
    ]
    empty.get_by_role("button", name="without Price 10,000 or more").click()
    expect(shop.cards.first).to_be_visible()
    assert "min.price" not in shop.page.url
