"""One run of the spider in this process; Scrapy's reactor starts only once in a process."""

import logging
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scrapy import signals
from scrapy.crawler import CrawlerProcess

from catalog.crawl.journal import Journal
from catalog.crawl.profile import Profile
from catalog.crawl.progress import Progress
from catalog.crawl.settings import scrapy_settings
from catalog.crawl.spider import ShopSpider

STATE: Final = "crawl"
"""Folder of the crawl's own files, beside the products."""
LOG: Final = "crawl.log"


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    finished: bool
    """The whole shop was seen."""
    interrupted: bool
    failure: str
    """One sentence; empty unless the crawl could not go on."""
    limit_reached: bool
    fingerprints: Mapping[str, int]
    """Of the pictures that came, by path."""


def crawl(
    profile: Profile, folder: Path, journal: Journal, contact: str, allowed: Sequence[str]
) -> Outcome:
    """Crawl a shop into the journal and the folder's pictures."""
    progress = Progress()
    ends: list[str] = []
    with _logged(folder / STATE / LOG):
        process = CrawlerProcess(scrapy_settings(profile, contact, allowed))
        crawler = process.create_crawler(ShopSpider)

        def closed(reason: str) -> None:
            ends.append(reason)

        crawler.signals.connect(closed, signal=signals.spider_closed)
        process.crawl(crawler, profile=profile, folder=folder, journal=journal, progress=progress)
        with _stopped_by_signals(crawler) as received:
            try:
                process.start(install_signal_handlers=False)
            finally:
                progress.close()
    spider = crawler.spider
    assert isinstance(spider, ShopSpider)
    return Outcome(
        finished=ends == ["finished"] and not spider.stopping,
        interrupted=bool(received),
        failure=spider.failure,
        limit_reached=spider.limit_reached,
        fingerprints=spider.fingerprints,
    )


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Scrapy's log into a file, while it runs."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setLevel(logging.INFO)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


@contextmanager
def _stopped_by_signals(crawler: Any) -> Iterator[list[int]]:
    """SIGINT and SIGTERM end the crawl in order; a second one ends the process, which is safe too.

    Not Scrapy's own handlers: they wait for every queued request, and a host may be at rest.
    """
    from twisted.internet import reactor

    received: list[int] = []

    def stop(number: int, _: Any) -> None:
        received.append(number)
        signal.signal(number, signal.SIG_DFL)
        reactor.callFromThread(_stop, crawler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(crawler: Any) -> None:
    if crawler.spider is not None:
        crawler.spider.stop()
