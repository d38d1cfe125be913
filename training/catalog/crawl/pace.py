"""How fast a host is asked: AutoThrottle, Crawl-delay and Retry-After."""

import math
import time
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

from scrapy import Request, signals
from scrapy.core.downloader import Slot
from scrapy.crawler import Crawler
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Response
from scrapy.robotstxt import RobotParser

NOT_MODIFIED: Final = 304
BUSY: Final = frozenset({429, 503})
LONGEST_CRAWL_DELAY_S: Final = 120.0
_FIRST_PAUSE_S: Final = 2.0
"""After a busy answer that does not say how long; doubled each time."""


class Pace(AutoThrottle):
    """AutoThrottle that also rests a whole host when that asks for it.

    A slot of Scrapy's downloader sends nothing before `lastseen` and its delay; a pause is a
    `lastseen` in the future. Scrapy tells of a response before it looks at the slot's queue again,
    so that not one request slips through.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._crawl_delays: dict[str, float] = {}
        crawler.signals.connect(self._robots_parsed, signal=signals.robots_parsed)

    def _robots_parsed(self, robotparser: RobotParser, request: Request) -> None:
        agent = self.crawler.settings["ROBOTSTXT_USER_AGENT"]
        delay = robotparser.crawl_delay(agent)
        if delay is not None and math.isfinite(delay):
            host = urlsplit(request.url).hostname or ""
            self._crawl_delays[host] = min(max(delay, 0.0), LONGEST_CRAWL_DELAY_S)
            slot = self.crawler.engine.downloader.slots.get(host)
            if slot is not None:
                slot.delay = max(slot.delay, self._crawl_delays[host])

    def _response_downloaded(self, response: Response, request: Request, spider: Any) -> None:
        super()._response_downloaded(response, request, spider)
        key, slot = self._get_slot(request, spider)
        if slot is None:
            return
        slot.delay = max(slot.delay, self._crawl_delays.get(key or "", 0.0))
        if response.status in BUSY:
            self._rest(slot, response, request, spider)

    def _adjust_delay(self, slot: Slot, latency: float, response: Response) -> None:
        # To AutoThrottle whatever is not 200 is an error, after which no delay gets shorter: a
        # crawl that only asks what has changed would get slower and slower.
        if response.status == NOT_MODIFIED:
            response = response.replace(status=200)
        super()._adjust_delay(slot, latency, response)

    def _rest(self, slot: Slot, response: Response, request: Request, spider: Any) -> None:
        pause = retry_after_s(response)
        if pause is None:
            pause = _FIRST_PAUSE_S * 2 ** request.meta.get("retry_times", 0)
        longest = spider.profile.pace.longest_wait_s
        if pause > longest:
            host = urlsplit(request.url).hostname
            spider.fail(
                f"{host} asks for a pause of {pause:.0f} s, longer than {longest:.0f} s; "
                "what was fetched is kept, so run the same command again then"
            )
            return
        slot.lastseen = max(slot.lastseen, monotonic() + pause - slot.delay)


def retry_after_s(response: Response) -> float | None:
    """Seconds that a response asks to wait (RFC 9110, 10.2.3); None where it does not say."""
    value = (response.headers.get("Retry-After") or b"").decode("latin-1").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
