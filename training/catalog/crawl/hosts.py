"""Only the hosts that the profile names are asked."""

from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest

from catalog.crawl.profile import Profile
from catalog.crawl.requests import Kind, kind_of

_USUAL_PORTS = {"http": 80, "https": 443}


class OtherHost(IgnoreRequest):
    """The address is on a host that was not given."""


def host_of(url: str) -> str:
    """Host in lower case, with its port where that is not the usual one; empty for no page."""
    try:
        parts = urlsplit(url)
        usual = parts.port in (None, _USUAL_PORTS[parts.scheme])
    except (KeyError, ValueError):
        return ""
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    return host if usual else f"{host}:{parts.port}"


def may_ask(profile: Profile, url: str, kind: Kind) -> bool:
    """Whether an address lies on a host for such requests."""
    host = host_of(url)
    if host in map(_without_usual_port, profile.hosts):
        return bool(host)
    if kind not in (Kind.PICTURE, Kind.ROBOTS):
        return False
    return any(_fits(host, _without_usual_port(each)) for each in profile.picture_hosts)


def _without_usual_port(host: str) -> str:
    return host.removesuffix(":443").removesuffix(":80")


def _fits(host: str, named: str) -> bool:
    if named.startswith("*."):
        return host.endswith(named[1:]) and len(host) > len(named) - 1
    return host == named


class HostsOnly:
    """Downloader middleware: every request passes here, redirects and retries too."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "HostsOnly":
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Raises `OtherHost`."""
        profile: Profile = self._crawler.spider.profile  # type: ignore[union-attr]
        if not may_ask(profile, request.url, kind_of(request)):
            raise OtherHost(f"{host_of(request.url)} is not one of the shop's hosts")
