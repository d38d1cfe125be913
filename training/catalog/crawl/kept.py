"""Answers go into the journal before the next request goes out, and come from there again."""

import sqlite3
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.extensions.httpcache import parse_cachecontrol
from scrapy.http import Headers, Response
from scrapy.responsetypes import responsetypes

from catalog.crawl.journal import Answer, PictureRow
from catalog.crawl.pace import NOT_MODIFIED
from catalog.crawl.requests import Kind, kind_of
from catalog.pictures.store import PictureRefused

if TYPE_CHECKING:
    from catalog.crawl.spider import ShopSpider

KEPT_STATUSES: Final = frozenset({200, 203, 301, 302, 303, 307, 308, 404, 410})
"""What says something lasting of a page. Others are asked again by a run that goes on."""
_PICTURE_STATUSES: Final = frozenset({200, 203})
ROBOTS_S: Final = 24 * 3600.0
"""A robots.txt is read again after a day (RFC 9309, 2.4)."""
_CONDITIONS: Final = {"Etag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
"""Validators, spelled as Scrapy spells the names of headers, and what asks whether they hold."""


class Journalled:
    """Downloader middleware in the place of Scrapy's HTTP cache."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "Journalled":
        """Listen for downloads: Scrapy tells of one before it lets the next request go."""
        middleware = cls(crawler)
        crawler.signals.connect(middleware.downloaded, signal=signals.response_downloaded)
        return middleware

    @property
    def _spider(self) -> "ShopSpider":
        return self._crawler.spider  # type: ignore[return-value]

    def process_request(self, request: Request) -> Response | None:
        """Answer from the journal, or ask whether what an earlier run has still holds."""
        kept = self._spider.journal.answer(request.url)
        if kept is None or self._lacks_picture(request, kept):
            return None
        if kept.run == self._spider.journal.run and not _is_old_robots(request, kept):
            return _response(request, kept)
        if kind_of(request) is Kind.PICTURE and _is_fresh(kept):
            self._spider.journal.seen(request.url)
            return _response(request, kept)
        for validator, condition in _CONDITIONS.items():
            for value in kept.headers.get(validator, ())[:1]:
                request.headers[condition] = value
        return None

    def process_response(self, request: Request, response: Response) -> Response:
        """For a 304, what it confirms."""
        if response.status != NOT_MODIFIED:
            return response
        kept = self._spider.journal.answer(request.url)
        return response if kept is None else _response(request, kept)

    def downloaded(self, response: Response, request: Request) -> None:
        """Keep an answer. What the disk refuses ends the crawl."""
        try:
            self._keep(response, request)
        except (OSError, sqlite3.Error) as error:
            self._spider.fail(f"the crawl cannot be kept on disk: {error}")

    def _keep(self, response: Response, request: Request) -> None:
        journal = self._spider.journal
        headers = {
            name.decode("latin-1"): [value.decode("latin-1") for value in values]
            for name, values in response.headers.items()
        }
        if response.status == NOT_MODIFIED:
            journal.unchanged(request.url, headers)
        elif response.status not in KEPT_STATUSES:
            return
        elif kind_of(request) is Kind.PICTURE and response.status in _PICTURE_STATUSES:
            journal.keep(request.url, response.status, headers, b"", self._picture(response.body))
        else:
            journal.keep(request.url, response.status, headers, response.body)

    def _picture(self, content: bytes) -> PictureRow:
        try:
            stored = self._spider.pictures.add(content)
        except PictureRefused as refused:
            return PictureRow(reason=refused.reason, message=refused.message)
        self._spider.fingerprints[stored.path] = stored.fingerprint
        return PictureRow(path=stored.path)

    def _lacks_picture(self, request: Request, kept: Answer) -> bool:
        """Somebody removed the file, or the address was fetched as a page: it is fetched again."""
        if kind_of(request) is not Kind.PICTURE or kept.status not in _PICTURE_STATUSES:
            return False
        row = self._spider.journal.picture(request.url)
        return row is None or (bool(row.path) and not (self._spider.folder / row.path).exists())


def _response(request: Request, kept: Answer) -> Response:
    headers = Headers({name: list(values) for name, values in kept.headers.items()})
    kind = responsetypes.from_args(headers=headers, url=request.url, body=kept.body)
    return kind(
        url=request.url, status=kept.status, headers=headers, body=kept.body, flags=["kept"]
    )


def _is_old_robots(request: Request, kept: Answer) -> bool:
    return kind_of(request) is Kind.ROBOTS and time.time() - kept.fetched > ROBOTS_S


def _is_fresh(kept: Answer) -> bool:
    """Whether the server said for how long, and that is not over (RFC 9111, 4.2)."""
    said = ", ".join(kept.headers.get("Cache-Control", ()))
    directives = parse_cachecontrol(said.encode("latin-1"))
    if b"no-cache" in directives or b"no-store" in directives:
        return False
    try:
        if b"max-age" in directives:
            return time.time() - kept.fetched < int(directives[b"max-age"] or b"0")
        expires = kept.headers.get("Expires", ("",))[0]
        return parsedate_to_datetime(expires).timestamp() > time.time()
    except ValueError:
        return False
