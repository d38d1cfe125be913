"""Why an address gave nothing, in a word and a sentence."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadTimeoutError,
    IgnoreRequest,
)
from scrapy.spidermiddlewares.httperror import HttpError

from catalog.crawl.hosts import OtherHost
from catalog.crawl.robots import Forbidden, RobotsUnreachable


@dataclass(frozen=True)
class Failed:
    """An UPPER_SNAKE reason, and one sentence for a person."""

    reason: str
    message: str


REMOVED: Final = Failed("REMOVED", "The shop has removed the product's page.")
REDIRECT_LOOP: Final = Failed("REDIRECT_LOOP", "The redirects lead round in a circle.")
TEMPORARY: Final = frozenset({"PAGE_FAILED", "PAGE_UNREADABLE", "ROBOTS_UNREACHABLE"})
"""Reasons that may pass: what an earlier run has read is kept."""
_FIXED: Final = (
    (Forbidden, Failed("FORBIDDEN_BY_ROBOTS", "The shop's robots.txt forbids it.")),
    (RobotsUnreachable, Failed("ROBOTS_UNREACHABLE", "The host's robots.txt cannot be read.")),
    # Scrapy's own: the last redirect of too many.
    (IgnoreRequest, Failed("TOO_MANY_REDIRECTS", "It is redirected again and again.")),
    (DownloadCancelledError, Failed("TOO_LARGE", "It is larger than the profile allows.")),
    (DownloadTimeoutError, Failed("PAGE_FAILED", "The shop did not answer in time.")),
)


def describe(failure: Any) -> Failed:
    """What a failed request, as Scrapy hands it to an errback, means."""
    error = failure.value
    if isinstance(error, HttpError):
        status = error.response.status
        if status in (404, 410):
            return Failed("NOT_FOUND", "The shop has no such page.")
        return Failed("PAGE_FAILED", f"The shop answered {status}.")
    if isinstance(error, OtherHost):
        return Failed("OTHER_HOST", f"{str(error)[:300]}.")
    host = urlsplit(failure.request.url).hostname or ""
    unreached = isinstance(error, CannotResolveHostError | RobotsUnreachable)
    if unreached and host in _refused_hosts():
        return Failed("PRIVATE_ADDRESS", f"{host} is a private address.")
    if isinstance(error, CannotResolveHostError):
        return Failed("PAGE_FAILED", f"{host} has no address.")
    for kind, failed in _FIXED:
        if isinstance(error, kind):
            return failed
    return Failed("PAGE_FAILED", f"The connection failed: {type(error).__name__}.")


def _refused_hosts() -> set[str]:
    # The reactor can be imported only once Scrapy has chosen it.
    from twisted.internet import reactor

    return getattr(reactor.nameResolver, "refused", set())
