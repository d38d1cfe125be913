"""Products as pages publish them, beyond what the test shop does."""

import json
from typing import Any

import pytest
from scrapy.http import HtmlResponse

from catalog.crawl.profile import Profile
from catalog.crawl.reading.found import Found, PictureLink
from catalog.crawl.reading.page import read_page

URL = "https://shop.example/goods/1"
PROFILE = Profile(name="shop", hosts=("shop.example",))


def _page(head: str = "", body: str = "", **more: Any) -> HtmlResponse:
    html = f"<html><head>{head}</head><body>{body}</body></html>"
    return HtmlResponse(URL, body=html.encode(), encoding="utf-8", **more)


def _json_ld(*nodes: Any) -> str:
    return "".join(
        f'<script type="application/ld+json">{json.dumps(node)}</script>' for node in nodes
    )


def _read(head: str = "", body: str = "", profile: Profile = PROFILE) -> Found:
    found = read_page(_page(head, body), profile)
    assert found is not None
    return found


def _product(**more: Any) -> dict[str, Any]:
    return {"@context": "https://schema.org", "@type": "Product", "name": "A coat", **more}


def test_pages_without_a_product() -> None:
    assert read_page(_page(), PROFILE) is None
    assert read_page(_page('<meta property="og:type" content="website">'), PROFILE) is None
    assert read_page(HtmlResponse(URL, body=b"", encoding="utf-8"), PROFILE) is None


def test_a_list_of_products_is_none() -> None:
    nodes = [_product(name=name, url=f"/goods/{name}") for name in "abc"]
    assert read_page(_page(_json_ld(*nodes)), PROFILE) is None


@pytest.mark.parametrize("told_by", ["address", "heading"])
def test_of_several_the_pages_own_is_taken(told_by: str) -> None:
    own = (
        _product(name="Own coat", url="/goods/1") if told_by == "address" else _product(name="Own")
    )
    title = "" if told_by == "address" else "<title>Own | Shop</title>"
    found = _read(title + _json_ld(_product(name="Other"), own))
    assert found.title.startswith("Own")


def test_the_price_is_the_lowest_on_offer() -> None:
    offers = {
        "@type": "AggregateOffer",
        "priceCurrency": "EUR",
        "lowPrice": "40",
        "highPrice": "60",
        "offers": [
            {"@type": "Offer", "price": 60, "priceCurrency": "EUR"},
            {
                "@type": "Offer",
                "priceSpecification": {"price": "39.90", "priceCurrency": "EUR"},
                "availability": "LimitedAvailability",
            },
        ],
    }
    found = _read(_json_ld(_product(offers=offers)))
    assert (found.price, found.currency, found.available) == (39.9, "EUR", True)


def test_a_price_without_currency_gets_the_profiles() -> None:
    profile = Profile(name="shop", hosts=("shop.example",), currency="KRW")
    found = _read(_json_ld(_product(offers={"price": "39000"})), profile=profile)
    assert (found.price, found.currency) == (39000.0, "KRW")


def test_price_and_currency_of_two_sources_are_not_mixed() -> None:
    open_graph = (
        '<meta property="product:price:amount" content="30">'
        '<meta property="product:price:currency" content="USD">'
    )
    found = _read(_json_ld(_product(offers={"price": "40"})) + open_graph)
    assert (found.price, found.currency) == (40.0, "")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"sku": "S-1", "productID": "P-1"}, "S-1"),
        ({"productID": "P-1", "mpn": "M-1"}, "P-1"),
        ({"sku": 17}, "17"),
        ({"sku": ["", "S-2"]}, "S-2"),
        ({}, ""),
    ],
)
def test_ids(fields: dict[str, Any], expected: str) -> None:
    assert _read(_json_ld(_product(**fields))).id == expected


def test_pictures_in_every_form_with_their_roles() -> None:
    images = [
        "/1.jpg",
        "//cdn.example/2.jpg",
        {"@type": "ImageObject", "url": "https://cdn.example/3.jpg", "caption": "Worn by Kim"},
        {"@id": "#four"},
        "data:image/png;base64,xx",
        "http://[bad/5.jpg",
        "http:///6.jpg",
        "/1.jpg",
    ]
    four = {"@id": "#four", "@type": "ImageObject", "contentUrl": "/4.jpg", "name": "Back"}
    found = _read(_json_ld({"@graph": [_product(image=images), four]}))
    assert found.pictures == (
        PictureLink("https://shop.example/1.jpg"),
        PictureLink("https://cdn.example/2.jpg"),
        PictureLink("https://cdn.example/3.jpg", snapshot=True),
        PictureLink("https://shop.example/4.jpg"),
    )


def test_the_profile_tells_snapshots_where_the_page_does_not() -> None:
    profile = Profile.model_validate(
        {
            "name": "shop",
            "hosts": ["shop.example"],
            "snapshots": {"addresses": ["_model"]},
            "selectors": {"snapshots": "img.look::attr(src)", "images": ".more img::attr(src)"},
        }
    )
    body = '<div class="more"><img src="/3.jpg"></div><img class="look" src="/2.jpg">'
    head = _json_ld(_product(image=["/1_model.jpg", "/2.jpg"]))
    roles = {link.url[-11:]: link.snapshot for link in _read(head, body, profile).pictures}
    assert roles == {"1_model.jpg"[-11:]: True, "ample/2.jpg": True, "ample/3.jpg": False}


def test_base_and_canonical_addresses() -> None:
    head = '<base href="https://shop.example/shop/"><link rel="canonical" href="/goods/9#top">'
    found = _read(head + _json_ld(_product(image="a.jpg")))
    assert found.url == "https://shop.example/goods/9"
    assert found.pictures == (PictureLink("https://shop.example/shop/a.jpg"),)


def test_a_canonical_address_on_another_host_does_not_count() -> None:
    found = _read('<link rel="canonical" href="https://evil.example/">' + _json_ld(_product()))
    assert found.url == URL


def test_an_xhtml_page_that_declares_its_encoding() -> None:
    html = (
        '<?xml version="1.0" encoding="euc-kr"?><html><head>'
        + _json_ld(_product()).replace("A coat", "울 코트")
        + "</head><body></body></html>"
    )
    response = HtmlResponse(URL, body=html.encode("euc-kr"))
    found = read_page(response, PROFILE)
    assert found is not None
    assert found.title == "울 코트"


def test_colors_sizes_and_attributes_from_further_properties() -> None:
    properties = [
        {"name": "Color", "value": "black, ivory"},
        {"name": "사이즈", "value": ["S", "M"]},
        {"name": "Sleeve Length", "value": "long"},
        {"name": "소매 기장", "value": "긴팔"},
        {"name": "계절", "value": "겨울"},
        {"name": "비고", "value": "no name that the service takes"},
    ]
    found = _read(_json_ld(_product(additionalProperty=properties, material="wool")))
    assert found.colors == ("black", "ivory")
    assert found.sizes == ("S", "M")
    assert found.attributes == {"sleeve_length": "long", "season": "겨울", "material": "wool"}


def test_an_address_may_be_longer_than_a_text() -> None:
    address = "https://cdn.example/1.jpg?" + "x" * 900
    assert _read(_json_ld(_product(image=address))).pictures == (PictureLink(address),)
    assert len(_read(_json_ld(_product(name="x" * 900))).title) == 500


def test_microdata_fills_what_json_ld_leaves_open() -> None:
    body = (
        '<div itemscope itemtype="https://schema.org/Product"><b itemprop="name">Other name</b>'
        '<b itemprop="brand">Nordlicht</b></div>'
    )
    found = _read(_json_ld(_product(name="A &amp; B")), body)
    assert (found.title, found.brand) == ("A & B", "Nordlicht")


def test_categories_from_the_narrowest_to_the_widest() -> None:
    trail = {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": 1, "item": {"@id": "/", "name": "Home"}},
            {"@type": "ListItem", "position": 2, "item": {"@id": "/w", "name": "Women"}},
            {"@type": "ListItem", "position": 3, "name": "A coat"},
        ],
    }
    found = _read(_json_ld(_product(category="Clothing > Coats"), trail))
    assert found.categories == ("Coats", "Clothing", "Women")


@pytest.mark.parametrize(
    "node",
    [
        {"@type": "Product", "name": {"@value": "x"}, "offers": "no", "image": 7, "brand": [None]},
        {"@type": ["Product", 3], "hasVariant": "no", "additionalProperty": [1, {"name": {}}]},
        {"@type": "Product", "image": {"@type": "ImageObject"}, "offers": [{"price": {}}]},
        {"@graph": [[[{"@type": "Product", "@id": "a", "isVariantOf": {"@id": "a"}}]]]},
    ],
)
def test_nonsense_is_read_without_a_stumble(node: dict[str, Any]) -> None:
    found = _read(_json_ld(node, "text", 7, None))
    assert found.price is None
    assert found.pictures == ()
    assert Found.from_row(json.loads(json.dumps(found.to_row()))) == found
