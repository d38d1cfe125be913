"""The way that a shopper went: returned to, branched from, walked by the browser, shared."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.support.shop import Shop, shopping
from tests.support.stack import Stack

REFERENCE = "/?step=&product=demo-00040"


def test_return_and_branch(shop: Shop) -> None:
    shop.open(REFERENCE)
    plain = shop.ids()
    shop.say("in black")
    black = shop.ids()
    shop.say("with dots")
    assert shop.trail == ["as it is", "in black", "with dots"]

    shop.page.get_by_role("link", name="Step 2: in black").click()
    shop.settled()
    assert shop.ids() == black
    assert shop.wishes == ["in black"]
    shop.say("with stripes")
    assert shop.trail == ["as it is", "in black", "with dots", "with stripes from step 2"]
    assert shop.wishes == ["in black", "with stripes"]
    here = shop.page.locator(".trail [aria-current=step]")
    expect(here).to_have_accessible_name("Step 4: with stripes from step 2")

    shop.page.get_by_role("link", name="Step 1: as it is").click()
    shop.settled()
    assert shop.ids() == plain


def test_back_and_forward_walk_the_trail(shop: Shop) -> None:
    shop.open(REFERENCE)
    seen = [(shop.page.url, shop.ids())]
    for words in ("in black", "with dots"):
        shop.say(words)
        seen.append((shop.page.url, shop.ids()))
    shop.cards.first.get_by_role("button", name="Like").focus()
    shop.page.keyboard.press("Enter")
    shop.settled()
    seen.append((shop.page.url, shop.ids()))
    assert len({url for url, _ in seen}) == 4

    for url, ids in reversed(seen[:-1]):
        shop.page.go_back()
        shop.settled()
        assert (shop.page.url, shop.ids()) == (url, ids)
    for url, ids in seen[1:]:
        shop.page.go_forward()
        shop.settled()
        assert (shop.page.url, shop.ids()) == (url, ids)


def test_a_shared_address_shows_the_same(
    browser: Browser, shop: Shop, stack: Stack, tmp_path: Path
) -> None:
    """Also where it began with a picture of the shopper's own, which lies in the address."""
    file = tmp_path / "mine.webp"
    file.write_bytes(stack.rest.get("/v1/products/demo-00040/image").content)
    shop.open().page.set_input_files(".file:not(.by-camera) input", file)
    expect(shop.page.locator(".reference figcaption")).to_have_text("Your picture")
    shop.say("in black")
    shop.page.get_by_role("link", name="Step 1: as it is").click()
    shop.say("with dots")
    shop.page.get_by_label("coat", exact=False).first.check()
    shop.settled()

    with shopping(browser, shop.base) as other:
        other.open(shop.page.url.removeprefix(shop.base))
        assert other.ids() == shop.ids()
        assert other.trail == shop.trail == ["as it is", "in black", "with dots from step 1"]
        assert other.wishes == ["with dots"]
        expect(other.page.get_by_label("coat", exact=False).first).to_be_checked()
        assert "#picture=" in other.page.url
        # A fragment stays in the browser: no request was made with the picture in its address.
        assert not any("picture=" in request.url.partition("#")[0].replace("&picture=&", "&")
                       and "/v1/" in request.url for request in other.requests)  # fmt: skip


def test_an_address_without_its_picture_says_so(shop: Shop) -> None:
    shop.page.goto(f"{shop.base}/?step=&picture=&wish=in+black")
    expect(shop.page.get_by_role("alert")).to_contain_text("came without its picture")


def test_an_address_that_makes_no_sense_shows_the_catalog(shop: Shop) -> None:
    shop.open("/?step=9&at=x&min.price=dear&wish=&product=&x=%F0%28#picture=???")
    expect(shop.page.locator(".results-head h1")).to_have_text("The catalog")
    assert len(shop.ids()) == 24


def test_start_over_and_go_on_without_the_picture(shop: Shop) -> None:
    shop.open(REFERENCE + "&wish=in+black")
    shop.page.get_by_role("button", name="Go on without this picture").click()
    shop.settled()
    assert shop.wishes == ["in black"]
    expect(shop.page.locator(".reference")).to_have_count(0)
    shop.page.get_by_role("button", name="Start over").click()
    expect(shop.page.locator(".results-head h1")).to_have_text("The catalog")
    assert shop.page.url == f"{shop.base}/"
