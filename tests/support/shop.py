"""A shopper's browser: Debian's Chromium on the storefront of a running stack."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

_QUIET: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
_ROOT: Final = ("--no-sandbox",) if os.geteuid() == 0 else ()
ANSWER_S: Final = 20
"""Time for an answer on a busy machine; what is slow is no failure here."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless. Raises RuntimeError with what to install."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise RuntimeError("Chromium is missing: `make system-deps` installs it or says how.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*_QUIET, *_ROOT])
        try:
            yield browser
        finally:
            browser.close()


class Shop:
    """One shopper's page, and what it complained of."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        context.set_default_timeout(ANSWER_S * 1000)
        expect.set_options(timeout=ANSWER_S * 1000)
        self.base = base
        self.context = context
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[Request] = []
        self.cancelled: list[Request] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("request", lambda request: self.requests.append(request))
        self.page.on("requestfailed", self._count_cancelled)

    def open(self, path: str = "/") -> "Shop":
        self.page.goto(self.base + path)
        self.settled()
        return self

    def settled(self) -> None:
        """Wait until products are shown, and none is on its way."""
        # An idle browser has rendered what the last press or step back asked for.
        self.page.evaluate("new Promise(done => requestIdleCallback(done, {timeout: 5000}))")
        expect(self.page.locator("#products .grid[aria-busy=false]").last).to_be_attached()

    @property
    def words(self) -> Locator:
        return self.page.locator(".question input")

    @property
    def cards(self) -> Locator:
        return self.page.locator("#products .card:not(.skeleton)")

    @property
    def wishes(self) -> list[str]:
        return self.page.locator(".wishes li").all_inner_texts()

    @property
    def trail(self) -> list[str]:
        """The steps in words, with where they branch off."""
        steps = self.page.locator(".trail a").all_inner_texts()
        spaced = [re.sub(r"\s+", " ", step).strip() for step in steps]
        return [re.sub(r"^Step \d+: ", "", step) for step in spaced]

    def say(self, words: str) -> None:
        """Type a wish and press Enter."""
        self.words.fill(words)
        self.words.press("Enter")
        expect(self.words).to_have_value("")
        self.settled()

    def ids(self) -> list[str]:
        """Ids of the products that are shown, in their order."""
        links = self.page.locator("#products .card:not(.skeleton) > a")
        hrefs: list[str] = links.evaluate_all("links => links.map(link => link.href)")
        return [unquote(urlsplit(href).path.rsplit("/", 1)[1]) for href in hrefs]

    def asked(self, path: str = "/v1/products:search") -> list[Any]:
        """The JSON of the page's calls so far."""
        return [
            request.post_data_json
            for request in self.requests
            if urlsplit(request.url).path == path and request.post_data
        ]

    def elsewhere(self) -> list[str]:
        """Requests that left the shop."""
        allowed = (self.base, "data:", "blob:")
        return [request.url for request in self.requests if not request.url.startswith(allowed)]

    def forgive(self, *statuses: int) -> None:
        """Drop what the browser itself prints about answers of these statuses."""
        of_these = re.compile(rf"Failed to load resource.*({'|'.join(map(str, statuses))})")
        self.complaints = [line for line in self.complaints if not of_these.search(line)]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text}")

    def _count_cancelled(self, request: Request) -> None:
        if request.failure == "net::ERR_ABORTED":
            self.cancelled.append(request)


@contextmanager
def shopping(browser: Browser, base: str, **context: Any) -> Iterator[Shop]:
    """A shopper with a fresh browser context, who must end without a complaint."""
    options = {"viewport": {"width": 1280, "height": 900}, "locale": "en-US"} | context
    with browser.new_context(**options) as fresh:
        shop = Shop(fresh, base)
        yield shop
        assert not shop.complaints, shop.complaints
        assert not shop.elsewhere(), shop.elsewhere()


def built_files() -> Path:
    """What `npm run build` wrote."""
    return Path(__file__).parents[2] / "services" / "storefront" / "dist"
