"""A shopper pastes the address of a picture: a gateway that fetches, and one that does not."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from retrieval.image_fetch.transfer import USER_AGENT
from tests.support.fetching_gateway import place
from tests.support.internet import PUBLIC, PUBLIC_TOO
from tests.support.picture_host import PictureHost, picture_host
from tests.support.shop import Shop, shopping
from tests.support.stack import Stack
from tests.support.stack_gateways import Gateway, gateways_beside

PRODUCT = "demo-00040"
PICTURE = "http://pictures.example/coat.webp"
FIELD = "Address of a picture"
PAGE = b"<!doctype html><title>A coat</title><img src=coat.webp>"


@pytest.fixture(scope="module")
def host(stack: Stack) -> Iterator[PictureHost]:
    picture = stack.rest.get(f"/v1/products/{PRODUCT}/image").content
    files = {"/coat.webp": picture, "/coat.html": PAGE, "/cut.webp": picture[: len(picture) // 2]}
    with picture_host(files) as host:
        yield host


@pytest.fixture(scope="module")
def fetching(
    stack: Stack, host: PictureHost, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway that fetches from two sites, of which one has no address."""
    places = [
        place("pictures.example", PUBLIC, host.port),
        place("elsewhere.example", PUBLIC_TOO, host.port),
    ]
    with gateways_beside(
        stack,
        tmp_path_factory.mktemp("fetching"),
        command=("-m", "tests.support.fetching_gateway", *places),
        IMAGE_URIS="allowlist",
        IMAGE_URI_HOSTS="pictures.example,gone.example",
        IMAGE_URI_BUDGET_S=20,
    ) as (gateway,):
        yield gateway


@pytest.fixture
def fetching_shop(
    browser: Browser, fetching: Gateway, host: PictureHost, context: dict[str, Any]
) -> Iterator[Shop]:
    host.asked.clear()
    with shopping(browser, f"http://{fetching.rest}", **context) as shop:
        yield shop


def paste(shop: Shop, address: str) -> None:
    """Into the field, and press its button."""
    shop.page.get_by_label(FIELD).fill(address)
    shop.page.get_by_role("button", name="Use it").click()


def told(shop: Shop) -> Locator:
    return shop.page.get_by_role("alert")


def test_the_shop_finds_what_the_picture_shows(fetching_shop: Shop, host: PictureHost) -> None:
    shop = fetching_shop.open()
    paste(shop, f" {PICTURE} ")  # as it comes from the clipboard
    expect(shop.page.locator(".reference figcaption")).to_have_text("A picture from the web")
    shop.settled()
    assert shop.ids()[0] == PRODUCT
    shop.say("in black")
    asked = shop.asked()[-1]
    assert asked["reference"] == {"image": {"uri": PICTURE}}
    assert asked["modification"] == "in black"
    assert len(shop.ids()) > 0
    # The gateway asked the site, as itself. That the browser asked nobody but the shop is checked
    # of every shopper (`shopping`).
    assert host.asked
    assert set(host.asked) == {("/coat.webp", USER_AGENT)}


def test_the_address_stays_with_the_page(fetching_shop: Shop) -> None:
    shop = fetching_shop.open()
    paste(shop, PICTURE)
    expect(shop.page.locator(".reference figcaption")).to_be_visible()
    shop.settled()
    found = shop.ids()
    shop.page.reload()
    shop.settled()
    assert shop.ids() == found
    shop.page.get_by_role("button", name="Start over").click()
    shop.settled()
    expect(shop.page.locator(".reference")).to_have_count(0)
    expect(shop.page.get_by_label(FIELD)).to_have_value("")


REFUSED = {
    "a site that is not on the list": (
        "http://elsewhere.example/coat.webp",
        "This shop may not fetch pictures from there. Save and choose the picture.",
        422,
    ),
    "an address of a network's inside": (
        "http://10.0.0.7/coat.webp",
        "This shop may not fetch pictures from there. Save and choose the picture.",
        422,
    ),
    "no address": (
        "http://user@pictures.example/coat.webp",
        "This is no address of a picture. Copy it from the picture itself.",
        422,
    ),
    "a page": ("http://pictures.example/coat.html", "This file is not a picture.", 422),
    "half a picture": (
        "http://pictures.example/cut.webp",
        "The picture is cut off: a part of the file is missing.",
        422,
    ),
    "a picture that is not there": (
        "http://pictures.example/no.webp",
        "The site of this address does not give it out. Save and choose the picture.",
        424,
    ),
    "a site that nobody has": (
        "http://gone.example/coat.webp",
        "The site of this address cannot be reached. Is it spelt right?",
        424,
    ),
}
ASKED = {"a page", "half a picture", "a picture that is not there"}


@pytest.mark.parametrize("case", REFUSED)
def test_an_address_that_cannot_be_used_says_why(
    fetching_shop: Shop, host: PictureHost, case: str
) -> None:
    address, said, status = REFUSED[case]
    shop = fetching_shop.open("/?step=&wish=a+coat")
    paste(shop, address)
    expect(told(shop)).to_contain_text(said)
    assert bool(host.asked) == (case in ASKED)
    assert shop.wishes == ["a coat"]
    shop.forgive(status)
    # Nothing is lost: without the picture the words are searched for.
    shop.page.get_by_role("button", name="Go on without this picture").click()
    shop.settled()
    expect(told(shop)).to_have_count(0)
    assert shop.wishes == ["a coat"]
    assert len(shop.ids()) > 0


@pytest.mark.parametrize("context", [{"locale": "ko-KR"}], ids=["Korean"])
def test_the_shoppers_language_says_it_too(fetching_shop: Shop) -> None:
    shop = fetching_shop.open()
    shop.page.locator("form.address input").fill("http://elsewhere.example/coat.webp")
    shop.page.locator("form.address button").click()
    expect(told(shop)).to_contain_text("이 상점은 그곳의 사진을 가져올 수 없습니다.")
    shop.forgive(422)


@pytest.mark.parametrize("typed", ["", "coat", "ftp://pictures.example/coat.webp"])
def test_what_is_no_web_address_is_not_sent(fetching_shop: Shop, typed: str) -> None:
    shop = fetching_shop.open()
    before = len(shop.asked())
    paste(shop, typed)
    field = shop.page.get_by_label(FIELD)
    expect(field).to_be_focused()
    assert field.evaluate("field => !field.validity.valid && field.validationMessage !== ''")
    assert len(shop.asked()) == before


def test_a_shop_that_does_not_fetch_offers_no_field(shop: Shop) -> None:
    """An address that comes in a shared link is refused in words: `test_faults.py`."""
    shop.open()
    expect(shop.page.locator(".picture-choice")).to_be_visible()
    expect(shop.page.get_by_label(FIELD)).to_have_count(0)
