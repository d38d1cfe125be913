"""The kinds of request that a crawl makes."""

from enum import StrEnum
from typing import Final

from scrapy import Request

KIND: Final = "catalog_kind"


class Kind(StrEnum):
    """What an address is asked for."""

    PAGE = "page"
    SITEMAP = "sitemap"
    PICTURE = "picture"
    ROBOTS = "robots"


def kind_of(request: Request) -> Kind:
    """The kind; Scrapy's own requests are those for robots.txt."""
    return Kind(request.meta.get(KIND, Kind.ROBOTS))
