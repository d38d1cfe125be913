"""The crawl itself: sitemaps and lists lead to products, products to pictures."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from lxml.etree import LxmlError
from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response, TextResponse
from scrapy.linkextractors import LinkExtractor
from scrapy.robotstxt import ProtegoRobotParser, RobotParser
from scrapy.utils.gz import gunzip, gzip_magic_number
from scrapy.utils.sitemap import Sitemap
from twisted.python.failure import Failure

from catalog.crawl.failures import REDIRECT_LOOP, REMOVED, Failed, describe
from catalog.crawl.hosts import host_of, may_ask
from catalog.crawl.journal import Journal, PictureRow, key
from catalog.crawl.profile import Profile, is_xpath
from catalog.crawl.progress import Progress
from catalog.crawl.reading.page import read_page
from catalog.crawl.reading.values import join
from catalog.crawl.requests import KIND, Kind, kind_of
from catalog.pictures.store import PictureStore

_PLACE: Final = "catalog_start"
"""In a request's meta: place of the start page that led there."""


class ShopSpider(Spider):
    """A shop of one profile.

    Nothing is remembered but in the journal: a crawl that goes on begins at the start pages again,
    and what was fetched comes from there.
    """

    name = "shop"

    def __init__(
        self, profile: Profile, folder: Path, journal: Journal, progress: Progress
    ) -> None:
        super().__init__()
        self.profile = profile
        self.folder = folder
        self.journal = journal
        self.pictures = PictureStore(folder)
        self.fingerprints: dict[str, int] = {}
        """Of pictures that came, by path."""
        self.progress = progress
        self.failure = ""
        """One sentence; the crawl could not go on."""
        self.stopping = False
        self.limit_reached = False
        self._asked: set[str] = set()
        self._asked_pictures: set[str] = set()
        links = profile.links
        css = [each for each in links.within if not is_xpath(each)]
        xpaths = [each for each in links.within if is_xpath(each)]
        self._links = LinkExtractor(
            deny=links.ignore, restrict_css=css, restrict_xpaths=xpaths, deny_extensions=()
        )

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> "ShopSpider":
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider._robots_parsed, signal=signals.robots_parsed)
        crawler.signals.connect(spider._dropped, signal=signals.request_dropped)
        crawler.signals.connect(spider._unreadable, signal=signals.spider_error)
        return spider

    def fail(self, sentence: str) -> None:
        """End the crawl; what was fetched is kept, and the run goes on the next time."""
        if not self.failure:
            self.failure = sentence
            self.stop()

    def stop(self) -> None:
        """Begin nothing more, and let go of what waits in a queue: a host may be at rest."""
        engine = self.crawler.engine
        if self.stopping or engine is None:
            return
        self.stopping = True
        for slot in engine.downloader.slots.values():
            while slot.queue:
                _, waiting = slot.queue.popleft()
                waiting.errback(IgnoreRequest("the crawl is stopping"))
        self._closing = asyncio.ensure_future(engine.close_spider_async(reason="stopped"))

    # Requests

    async def start(self) -> AsyncIterator[Request]:
        """Sitemaps, start pages, and the products that are known, to see whether they remain."""
        for url in self.profile.sitemaps:
            for request in self._once(url, Kind.SITEMAP):
                yield request
        for place, start in enumerate(self.profile.start):
            for request in self._once(start.url, place=place):
                yield request
        for page in self.journal.product_pages():
            for request in self._once(page):
                yield request

    def _request(self, url: str, kind: Kind, **meta: Any) -> Request:
        callbacks = {
            Kind.PAGE: self._read_page,
            Kind.SITEMAP: self._read_sitemap,
            Kind.PICTURE: self._read_picture,
        }
        limits = self.profile.limits
        picture = kind is Kind.PICTURE
        return Request(
            url,
            callback=callbacks[kind],
            errback=self._failed,
            # The bytes of a picture are hashed and kept as they come.
            headers={"Accept": "image/*", "Accept-Encoding": "identity"} if picture else {},
            meta={
                KIND: str(kind),
                "download_maxsize": limits.picture_bytes if picture else limits.page_bytes,
                **meta,
            },
            # Pictures first, so that a crawl which is ended early has whole products.
            priority=10 if picture else 0,
        )

    def _once(
        self, url: str, kind: Kind = Kind.PAGE, place: int | None = None
    ) -> Iterator[Request]:
        """A request, unless this crawl has made it or may not make it."""
        picture = kind is Kind.PICTURE
        asked = self._asked_pictures if picture else self._asked
        if key(url) in asked:
            return
        if not may_ask(self.profile, url, kind):
            if picture:
                other = f"{host_of(url) or url} is not among the hosts for pictures."
                self.journal.note(url, "PICTURE_HOST_NOT_NAMED", other)
            return
        if not picture and len(asked) >= self.profile.limits.pages:
            self.limit_reached = True
            return
        asked.add(key(url))
        yield self._request(url, kind, **({} if place is None else {_PLACE: place}))

    def _robots_parsed(self, robotparser: RobotParser, request: Request) -> None:
        """Ask for the sitemaps that a robots.txt of the shop's own hosts names."""
        if not self.profile.robots_sitemaps or self.stopping:
            return
        if not may_ask(self.profile, request.url, Kind.PAGE):
            return
        engine = self.crawler.engine
        assert engine is not None
        assert isinstance(robotparser, ProtegoRobotParser)
        for url in robotparser.rp.sitemaps:
            for sitemap in self._once(url, Kind.SITEMAP):
                engine.crawl(sitemap)

    # Answers

    def _read_sitemap(self, response: Response) -> Iterator[Request]:
        self.progress.page()
        try:
            body = response.body
            if gzip_magic_number(response):
                body = gunzip(body, max_size=self.profile.limits.page_bytes)
            sitemap = Sitemap(body)
            entries = [join(response.url, entry["loc"]) for entry in sitemap]
        except (LxmlError, StopIteration, OSError, EOFError, ValueError):
            self.journal.note(response.url, "SITEMAP_UNREADABLE", "The sitemap is no XML.")
            return
        for url in entries:
            if sitemap.type == "sitemapindex":
                yield from self._once(url, Kind.SITEMAP)
            elif self._is_product(url) or self._is_list(url):
                yield from self._once(url)

    def _read_page(self, response: Response) -> Iterator[Request]:
        self.progress.page()
        page = response.url
        if not isinstance(response, TextResponse):
            self.journal.note(page, "NOT_A_PAGE", "The address leads to no page.")
            return
        for url in (*response.meta.get("redirect_urls", ()), page):
            self.journal.clear_note(url)
        place = response.meta.get(_PLACE)
        if self._is_product(page):
            yield from self._read_product(response)
        if place is not None or self._is_list(page):
            yield from self._read_links(response, place)

    def _read_product(self, response: TextResponse) -> Iterator[Request]:
        page = response.url
        found = read_page(response, self.profile)
        if found is None:
            # A page that may be a list as well need not show one.
            if self.journal.has_product(page) or not self._is_list(page):
                self.journal.note(page, "NO_PRODUCT", "The page shows no product.")
            return
        self.journal.keep_product(page, found.to_row())
        self.progress.product()
        for picture in found.pictures:
            yield from self._once(picture.url, Kind.PICTURE)

    def _read_links(self, response: TextResponse, place: int | None) -> Iterator[Request]:
        for link in self._links.extract_links(response):
            is_list = self._is_list(link.url)
            if self._is_product(link.url):
                if place is not None and (category := self.profile.start[place].category):
                    self.journal.list_product(link.url, place, category)
            elif not is_list:
                continue
            yield from self._once(link.url, place=place if is_list else None)

    def _read_picture(self, response: Response) -> None:
        self.progress.picture()
        self.journal.clear_note(response.url)

    def _is_product(self, url: str) -> bool:
        links = self.profile.links
        return _matches(links.product, url) and not _matches(links.ignore, url)

    def _is_list(self, url: str) -> bool:
        links = self.profile.links
        return _matches((*links.category, *links.pagination), url) and not _matches(
            links.ignore, url
        )

    # What did not come

    def _failed(self, failure: Failure) -> None:
        if self.stopping:
            return
        request: Request = failure.request  # type: ignore[attr-defined]
        failed = describe(failure)
        if failed.reason == "TOO_LARGE" and kind_of(request) is Kind.PICTURE:
            # As final as a broken picture: a crawl that goes on does not ask for it again.
            refused = PictureRow(reason=failed.reason, message=failed.message)
            self.journal.keep(request.url, 200, {}, b"", refused)
        self._note(request, failed)

    def _dropped(self, request: Request) -> None:
        """A redirect that leads round in a circle; Scrapy drops what was asked for already."""
        if key(request.url) in map(key, request.meta.get("redirect_urls", ())):
            self._note(request, REDIRECT_LOOP)

    def _unreadable(self, response: Response) -> None:
        """A page that a reader stumbles over; the log has the details."""
        self.journal.note(response.url, "PAGE_UNREADABLE", "The page cannot be read.")

    def _note(self, request: Request, failed: Failed) -> None:
        """Of the page that was asked for at first."""
        url = [*request.meta.get("redirect_urls", ()), request.url][0]
        if failed.reason == "NOT_FOUND" and self.journal.has_product(url):
            failed = REMOVED
        self.journal.note(url, failed.reason, failed.message)


def _matches(patterns: Iterable[str], url: str) -> bool:
    return any(re.search(pattern, url) for pattern in patterns)
