"""What a shopper is told when something is wrong: with the picture, or with the service."""

import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.support.freeze import stopped
from tests.support.shop import Shop
from tests.support.stack import Stack

CHOOSE = ".file:not(.by-camera) input"
TOO_LARGE = 10 * 2**20 + 1


@pytest.mark.parametrize(
    ("content", "said", "status"),
    [
        (b"Dear shop, this is a letter.", "This file is not a picture.", 422),
        (b"", "The file is empty.", 422),
        (bytes(TOO_LARGE), "The picture is too large: 10 MB are the most.", 413),
        (b"GIF89a" + bytes(64), "Pictures are taken as JPEG, PNG or WebP.", 415),
    ],
    ids=["text", "empty", "too large", "GIF, broken"],
)
def test_a_refused_picture_says_why(
    shop: Shop, tmp_path: Path, content: bytes, said: str, status: int
) -> None:
    file = tmp_path / "picture.jpg"
    file.write_bytes(content)
    shop.open("/?step=&wish=a+dress").page.set_input_files(CHOOSE, file)
    alert = shop.page.get_by_role("alert")
    expect(alert).to_contain_text("This picture cannot be used.")
    expect(alert).to_contain_text(said)
    assert shop.wishes == ["a dress"]  # nothing is lost
    assert len(shop.ids()) > 0
    alert.get_by_role("button", name="Dismiss").click()
    expect(alert).to_have_count(0)
    shop.forgive(status)


def test_a_picture_that_only_looks_too_large_is_scaled_down(
    shop: Shop, stack: Stack, tmp_path: Path
) -> None:
    """Over the service's 10 MiB, but readable: the browser makes it small first."""
    picture = stack.rest.get("/v1/products/demo-00025/image").content
    file = tmp_path / "large.webp"
    file.write_bytes(picture + bytes(TOO_LARGE))  # trailing bytes, as some cameras append them
    shop.open().page.set_input_files(CHOOSE, file)
    expect(shop.page.locator(".reference img")).to_be_visible()
    shop.settled()
    assert shop.ids()[0] == "demo-00025"


def test_triton_stopped_and_going_on(shop: Shop, stack: Stack) -> None:
    shop.open()
    with stopped(stack, "tritonserver"):
        shop.words.fill("something never asked before: a tartan cape")
        shop.words.press("Enter")
        # Places for the products are kept at once, whatever the service does.
        expect(shop.page.locator(".card.skeleton").first).to_be_visible(timeout=500)
        alert = shop.page.get_by_role("alert")
        expect(alert).to_contain_text("The search did not work.")
        expect(alert).to_contain_text("Try again in a moment.")
        # Browsing needs no model.
        shop.page.get_by_role("button", name="Start over").click()
        expect(shop.cards.first).to_be_visible()
        shop.page.go_back()
        expect(alert).to_be_visible()
    stack_ready(stack)
    alert.get_by_role("button", name="Try again").click()
    expect(shop.cards.first).to_be_visible()
    shop.forgive(503, 504)


def test_answers_from_the_cache_say_that_they_may_be_poorer(shop: Shop, stack: Stack) -> None:
    shop.open("/?step=&wish=a+checked+shirt")
    with stopped(stack, "tritonserver"):
        not_ready(stack)
        shop.page.reload()
        expect(shop.page.get_by_text("A part of the service is missing")).to_be_visible()
        assert len(shop.ids()) == 24
    stack_ready(stack)
    shop.page.get_by_role("button", name="Try again").click()
    expect(shop.page.get_by_text("A part of the service is missing")).to_have_count(0)
    shop.forgive(503, 504)


def test_the_index_stopped_and_going_on(shop: Shop, stack: Stack) -> None:
    shop.open("/?step=&wish=a+dress")
    with stopped(stack, "qdrant_edge_server"):
        shop.page.get_by_role("button", name="Start over").click()
        shop.words.fill("a hat with a moon on it")
        shop.words.press("Enter")
        alert = shop.page.get_by_role("alert")
        expect(alert).to_contain_text("Try again in a moment.")
    stack_ready(stack)
    alert.get_by_role("button", name="Try again").click()
    expect(shop.cards.first).to_be_visible()
    shop.forgive(503, 504)


def test_a_failed_further_page_keeps_what_is_there(shop: Shop, stack: Stack) -> None:
    shop.open("/?step=&wish=a+skirt")
    before = shop.ids()
    with stopped(stack, "qdrant_edge_server"):
        shop.page.mouse.wheel(0, 20_000)
        failed = shop.page.get_by_text("The next products could not be loaded.")
        expect(failed).to_be_visible()
        assert shop.ids() == before
    stack_ready(stack)
    shop.page.get_by_role("button", name="Try again").click()
    expect(shop.cards.nth(len(before))).to_be_attached()
    shop.settled()
    assert shop.ids()[: len(before)] == before
    assert len(set(shop.ids())) == len(shop.ids())
    shop.forgive(503, 504)


def test_an_overtaken_search_is_cancelled(shop: Shop, stack: Stack) -> None:
    shop.open()
    with stopped(stack, "tritonserver"):
        for words in ("a cape that nobody has", "a kilt that nobody has"):
            shop.words.fill(words)
            with shop.page.expect_request("**/v1/products:search"):
                shop.words.press("Enter")
        shop.page.get_by_role("button", name="Start over").click()
        expect(shop.cards.first).to_be_visible()
    expected = ["a cape that nobody has", "a cape that nobody has, a kilt that nobody has"]
    end = time.monotonic() + 10
    while (cancelled := _cancelled_searches(shop)) != expected and time.monotonic() < end:
        shop.page.wait_for_timeout(100)
    assert cancelled == expected
    stack_ready(stack)
    shop.forgive(503, 504)


def test_an_address_of_a_picture_that_the_service_does_not_fetch(shop: Shop) -> None:
    shop.page.goto(f"{shop.base}/?step=&uri=https://example.org/coat.jpg&wish=in+black")
    expect(shop.page.get_by_role("alert")).to_contain_text("takes no addresses of pictures")
    shop.forgive(422)


def test_a_shop_that_cannot_be_reached(shop: Shop) -> None:
    shop.open()
    shop.context.set_offline(True)
    shop.words.fill("a dress with pockets")
    shop.words.press("Enter")
    alert = shop.page.get_by_role("alert")
    expect(alert).to_contain_text("The shop cannot be reached.")
    shop.context.set_offline(False)
    alert.get_by_role("button", name="Try again").click()
    expect(shop.cards.first).to_be_visible()
    shop.complaints = [line for line in shop.complaints if "ERR_INTERNET_DISCONNECTED" not in line]


def _cancelled_searches(shop: Shop) -> list[str]:
    return [
        request.post_data_json["modification"]
        for request in shop.cancelled
        if urlsplit(request.url).path == "/v1/products:search"
    ]


def stack_ready(stack: Stack) -> None:
    _wait(stack, 200)


def not_ready(stack: Stack) -> None:
    _wait(stack, 503)


def _wait(stack: Stack, status: int) -> None:
    end = time.monotonic() + 60
    while stack.rest.get("/readyz").status_code != status:
        assert time.monotonic() < end, f"/readyz did not become {status}"
        time.sleep(0.1)
