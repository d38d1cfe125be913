"""For everyone: by keyboard alone, read aloud, in Korean, at every width, in both themes."""

import re
from collections.abc import Callable
from typing import Any, Final

import pytest
from playwright.sync_api import expect

from tests.support.shop import Shop, built_files

AXE: Final = built_files().parent / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS: Final = {"serious", "critical"}
PHONE: Final = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TABLET: Final = {"viewport": {"width": 820, "height": 1180}, "has_touch": True}
DESKTOP: Final = {"viewport": {"width": 1440, "height": 900}}


def refuse_a_picture(shop: Shop) -> None:
    shop.page.set_input_files(
        ".file:not(.by-camera) input",
        {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"a letter"},
    )
    expect(shop.page.get_by_role("alert")).to_be_visible()
    shop.forgive(422)


def open_filters(shop: Shop) -> None:
    button = shop.page.get_by_role("button", name="Filters")
    if button.is_visible():
        button.click()


SCREENS: Final[dict[str, tuple[str, Callable[[Shop], None]]]] = {
    "catalog": ("/", lambda _: None),
    "search": (
        "/?step=&product=demo-00040&wish=in+black&step=&product=demo-00040&wish=in+black"
        "&wish=with+dots&step=1&product=demo-00025&filter.color=red&max.price=90",
        lambda _: None,
    ),
    "product": ("/products/demo-00040", lambda _: None),
    "nothing": ("/?filter.category=hat&min.price=10000", lambda _: None),
    "refused picture": ("/?step=&wish=a+dress", refuse_a_picture),
    "filters": ("/?filter.color=red", open_filters),
}


def violations(shop: Shop) -> list[tuple[str, str, str]]:
    """What axe-core finds that is serious or worse: rule, impact, and where first."""
    shop.page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = shop.page.evaluate("axe.run().then(run => run.violations)")
    return [
        (rule["id"], rule["impact"], rule["nodes"][0]["html"])
        for rule in found
        if rule["impact"] in SERIOUS
    ]


@pytest.mark.parametrize(
    "context",
    [
        screen | {"color_scheme": theme}
        for screen in (PHONE, DESKTOP)
        for theme in ("light", "dark")
    ],
    ids=["phone, light", "phone, dark", "desktop, light", "desktop, dark"],
)
def test_axe_finds_nothing_serious_on_any_screen(shop: Shop) -> None:
    for name, (path, prepare) in SCREENS.items():
        shop.open(path)
        prepare(shop)
        assert (name, violations(shop)) == (name, [])


def test_axe_would_find_something(shop: Shop) -> None:
    shop.open()
    shop.page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=/favicon.svg>')"
    )
    assert "image-alt" in {rule for rule, *_ in violations(shop)}


@pytest.mark.parametrize("context", [PHONE, TABLET, DESKTOP], ids=["phone", "tablet", "desktop"])
def test_nothing_is_wider_than_the_screen(shop: Shop) -> None:
    for name, (path, prepare) in SCREENS.items():
        shop.open(path)
        prepare(shop)
        over = shop.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert (name, over) == (name, 0)


@pytest.mark.parametrize("context", [PHONE], ids=["phone"])
def test_filters_on_a_phone(shop: Shop) -> None:
    shop.open()
    expect(shop.page.get_by_role("complementary")).to_be_hidden()
    shop.page.get_by_role("button", name="Filters").click()
    dialog = shop.page.get_by_role("dialog", name="Filters")
    dialog.get_by_label("hat").check()
    expect(dialog.get_by_label("hat")).to_be_checked()
    dialog.get_by_role("button", name="Show products").click()
    expect(dialog).to_be_hidden()
    expect(shop.page.get_by_role("button", name="Filters (1)")).to_be_visible()
    shop.page.get_by_role("button", name="Filters (1)").click()
    shop.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_by_keyboard_from_start_to_end(shop: Shop) -> None:
    """Search, refine by a suggestion, see a product, go on from it, and back, without a mouse."""
    shop.open()
    keys = shop.page.keyboard
    keys.press("Tab")
    expect(shop.page.get_by_role("button", name="Skip to the products")).to_be_focused()
    tab_to(shop, "searchbox")
    keys.type("a red dress")
    keys.press("Enter")
    shop.settled()
    assert shop.wishes == ["a red dress"]
    chip = tab_to(shop, "chip")
    keys.press("Enter")
    expect(shop.page.locator(".wishes li")).to_have_text(["a red dress", chip])
    shop.settled()
    tab_to(shop, "card")
    seen_focus = shop.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert seen_focus == "solid"
    keys.press("Enter")
    expect(shop.page.locator(".product h1")).to_be_visible()
    tab_to(shop, "Like this, but…")
    keys.press("Enter")
    shop.settled()
    expect(shop.words).to_be_focused()
    keys.type("in black")
    keys.press("Enter")
    shop.settled()
    assert shop.wishes == ["in black"]
    assert len(shop.trail) == 4
    tab_to(shop, "step")
    keys.press("Enter")
    shop.settled()
    assert shop.wishes == ["a red dress"]


def tab_to(shop: Shop, what: str) -> str:
    """Press Tab until the focus is on it; its text."""
    for _ in range(120):
        shop.page.keyboard.press("Tab")
        here = shop.page.evaluate(
            """() => {
              const it = document.activeElement;
              const kinds = [it.type === "search" && "searchbox",
                it.matches(".suggestions .chip") && "chip", it.matches(".card > a") && "card",
                it.matches(".trail a") && "step"];
              return [kinds.find(Boolean) || it.innerText.trim(), it.innerText.trim()];
            }"""
        )
        if here[0] == what:
            return str(here[1])
    raise AssertionError(f"the Tab key never reached {what}")


def test_korean_without_a_reload(shop: Shop) -> None:
    shop.open("/?step=&product=demo-00040&wish=in+black")
    shop.page.evaluate("window.still = true")
    shop.page.get_by_role("button", name="한국어").click()
    expect(shop.page.locator("html")).to_have_attribute("lang", "ko")
    expect(shop.page.locator(".results-head h1")).to_have_text("가장 잘 맞는 순서")
    expect(shop.page.get_by_text("검색 모델은 영어를 읽습니다")).to_be_visible()
    assert shop.page.evaluate("window.still") is True
    # Suggestions are read in Korean and asked in English.
    chip = shop.page.locator(".suggestions .chip").first
    assert any("가" <= letter <= "힣" for letter in chip.inner_text())
    chip.click()
    shop.settled()
    assert shop.asked()[-1]["modification"].isascii()
    # The choice is remembered, and the values of filters are translated.
    shop.open("/")
    expect(shop.page.locator("html")).to_have_attribute("lang", "ko")
    expect(shop.page.get_by_role("group", name="종류").get_by_label("원피스")).to_be_visible()


@pytest.mark.parametrize("context", [{"locale": "ko-KR"}])
def test_a_korean_browser_is_greeted_in_korean(shop: Shop) -> None:
    expect(shop.open().words).to_have_attribute("placeholder", "무엇을 찾으세요?")


@pytest.mark.parametrize("context", [{"color_scheme": "dark"}])
def test_the_theme_is_the_systems_until_one_is_chosen(shop: Shop) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = shop.open().page.evaluate(ground)
    shop.page.get_by_role("button", name="Dark theme").click()
    light = shop.page.evaluate(ground)
    assert light != dark
    shop.open()
    assert shop.page.evaluate(ground) == light


@pytest.mark.parametrize(
    "context", [{"reduced_motion": "reduce"}, {"reduced_motion": "no-preference"}]
)
def test_nothing_moves_for_those_who_asked_for_that(shop: Shop, context: dict[str, Any]) -> None:
    moving = (
        shop.open()
        .page.locator(".card .picture")
        .first.evaluate("it => getComputedStyle(it).transitionDuration")
    )
    assert (moving == "0s") == (context["reduced_motion"] == "reduce")


def test_what_happens_is_said_aloud(shop: Shop) -> None:
    shop.open()
    said = shop.page.locator("#products [role=status]")
    expect(said).to_have_text("24 products, and more below.")
    shop.page.mouse.wheel(0, 4000)
    expect(said).to_have_text(re.compile(r"^(48|72|96) products, and more below\.$"))
