"""Searching by words, by picture, and by both, in a real browser on the real stack."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.support.shop import Shop
from tests.support.stack import Stack

PAGE = 24


def hits(stack: Stack, **query: Any) -> list[str]:
    answer = stack.rest.post("/v1/products:search", json={"page_size": PAGE, **query})
    return [hit["product"]["id"] for hit in answer.json()["hits"]]


def photo(stack: Stack, product: str, side: int) -> bytes:
    """A product's picture as a camera would have it: large."""
    picture = Image.open(io.BytesIO(stack.rest.get(f"/v1/products/{product}/image").content))
    file = io.BytesIO()
    picture.convert("RGB").resize((side, side)).save(file, "JPEG", quality=95)
    return file.getvalue()


def test_words_alone(shop: Shop, stack: Stack) -> None:
    shop.open().say("a striped dress")
    assert shop.ids() == hits(stack, modification="a striped dress")
    expect(shop.page.locator(".results-head h1")).to_have_text("Best matches first")
    expect(shop.page.locator("#products [role=status]")).to_have_text(
        f"{PAGE} products, and more below."
    )
    assert "a striped dress" in shop.page.title()


def test_typing_a_new_wish_refines(shop: Shop, stack: Stack) -> None:
    shop.open().say("a dress")
    shop.say("in red")
    assert shop.wishes == ["a dress", "in red"]
    assert shop.ids() == hits(stack, modification="a dress, in red")
    shop.page.get_by_role("button", name="Take back “a dress”").click()
    shop.settled()
    assert shop.wishes == ["in red"]


def test_like_this_but(shop: Shop, stack: Stack) -> None:
    shop.open()
    wanted = shop.ids()[2]
    shop.cards.nth(2).hover()
    shop.cards.nth(2).get_by_role("button", name="Like").click()
    shop.settled()
    expect(shop.words).to_be_focused()
    expect(shop.words).to_have_attribute("placeholder", "What should be different?")
    assert wanted not in shop.ids()
    shop.say("in blue")
    assert shop.ids() == hits(stack, reference={"product_id": wanted}, modification="in blue")
    shop.page.mouse.wheel(0, 3000)
    expect(shop.page.locator(".reference img")).to_be_in_viewport()


def test_upload_and_refine_twice(shop: Shop, stack: Stack) -> None:
    file = photo(stack, "demo-00040", 2400)
    shop.open().page.set_input_files(
        ".file:not(.by-camera) input",
        {"name": "coat.jpg", "mimeType": "image/jpeg", "buffer": file},
    )
    expect(shop.page.locator(".reference figcaption")).to_have_text("Your picture")
    shop.settled()
    assert shop.ids()[0] == "demo-00040"
    shop.say("in black")
    shop.say("with dots")
    asked = shop.asked()[-1]
    assert asked["modification"] == "in black, with dots"
    sent = Image.open(io.BytesIO(base64.b64decode(asked["reference"]["image"]["content"])))
    assert max(sent.size) == 288
    assert len(json.dumps(asked)) < len(file) / 10
    assert shop.ids() == hits(
        stack, reference=asked["reference"], modification="in black, with dots"
    )
    assert shop.trail == ["as it is", "in black", "with dots"]


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_drop_and_paste(shop: Shop, stack: Stack, way: str) -> None:
    content = list(photo(stack, "demo-00025", 300))
    shop.open().page.evaluate(
        """([way, content]) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(content)], "a.jpg", { type: "image/jpeg" }));
          const event = way === "drop"
            ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
            : new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
          document.body.dispatchEvent(event);
        }""",
        [way, content],
    )
    expect(shop.page.locator(".reference figcaption")).to_have_text("Your picture")
    shop.settled()
    assert shop.ids()[0] == "demo-00025"


def test_a_drag_says_where_to_drop(shop: Shop) -> None:
    drag = """name => {
      const data = new DataTransfer();
      data.items.add(new File(["x"], "a.jpg", { type: "image/jpeg" }));
      document.body.dispatchEvent(
        new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true }));
    }"""
    shop.open().page.evaluate(drag, "dragenter")
    expect(shop.page.get_by_text("Drop the picture to search with it")).to_be_visible()
    shop.page.evaluate(drag, "dragleave")
    expect(shop.page.get_by_text("Drop the picture to search with it")).to_be_hidden()


@pytest.mark.parametrize(
    "context",
    [{"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}],
    ids=["phone"],
)
def test_photograph_on_a_phone(shop: Shop, stack: Stack) -> None:
    shop.open()
    camera = shop.page.locator(".by-camera")
    expect(camera).to_be_visible()
    assert camera.locator("input").get_attribute("capture") == "environment"
    camera.locator("input").set_input_files(
        {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": photo(stack, "demo-00011", 1200)}
    )
    expect(shop.page.locator(".reference img")).to_be_visible()
    shop.settled()
    assert shop.ids()[0] == "demo-00011"


def test_no_camera_where_there_is_a_mouse(shop: Shop) -> None:
    expect(shop.open().page.locator(".by-camera")).to_be_hidden()


def test_no_addresses_of_pictures_where_the_service_fetches_none(shop: Shop) -> None:
    expect(shop.open().page.get_by_label("Address of a picture")).to_have_count(0)


def test_suggestions_fit_the_reference(shop: Shop, stack: Stack) -> None:
    """A hat has no sleeves, and nothing is suggested that it has already."""
    hat = stack.rest.post(
        "/v1/products:search",
        json={
            "modification": "a hat",
            "filter": {"field": "category", "any_of": ["hat"]},
            "page_size": 1,
        },
    ).json()["hits"][0]["product"]
    shop.open(f"/?step=&product={hat['id']}")
    chips = shop.page.get_by_role("list", name="Suggestions").get_by_role("button")
    expect(chips.filter(has_text="in ").nth(1)).to_be_visible()
    said = chips.all_inner_texts()
    assert f"in {hat['attributes']['color']}" not in said
    assert not any("sleeve" in words or "length" in words for words in said)
    first, second = [words for words in said if words.startswith("in ")][:2]
    chips.get_by_text(first, exact=True).click()
    expect(shop.page.locator(".wishes li")).to_have_text([first])
    chips.get_by_text(second, exact=True).click()
    expect(shop.page.locator(".wishes li")).to_have_text([second])  # a hat has one color
    shop.settled()
    assert shop.ids() == hits(stack, reference={"product_id": hat["id"]}, modification=second)


def test_suggestions_for_a_picture_follow_from_what_is_like_it(
    shop: Shop, stack: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "coat.jpg"
    file.write_bytes(photo(stack, "demo-00040", 320))
    shop.open().page.set_input_files(".file:not(.by-camera) input", file)
    chips = shop.page.get_by_role("list", name="Suggestions").get_by_role("button")
    expect(chips.first).to_be_visible()
    assert "in purple" not in chips.all_inner_texts()  # it is purple
    assert "as a coat" not in chips.all_inner_texts()
