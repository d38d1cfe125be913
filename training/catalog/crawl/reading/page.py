"""A page's product: JSON-LD over microdata over OpenGraph over the profile's selectors."""

import logging
import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import lxml.html
from extruct.jsonld import JsonLdExtractor
from extruct.opengraph import OpenGraphExtractor
from extruct.w3cmicrodata import MicrodataExtractor
from lxml.etree import LxmlError
from scrapy.http import TextResponse

from catalog.crawl.hosts import may_ask
from catalog.crawl.profile import Profile
from catalog.crawl.reading.found import Found, PictureLink
from catalog.crawl.reading.graph import Graph, from_microdata
from catalog.crawl.reading.open_graph import Properties, is_product, read_properties
from catalog.crawl.reading.schema_org import breadcrumbs, find_product, read_product
from catalog.crawl.reading.selected import read_selected
from catalog.crawl.reading.values import clean, distinct, join
from catalog.crawl.requests import Kind

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Published:
    graphs: tuple[Graph, ...]
    """JSON-LD, then microdata."""
    properties: Properties


def read_page(response: TextResponse, profile: Profile) -> Found | None:
    """The product that a page is about; None where it is about none, or about several."""
    published = _published(response)
    base = _base(response)
    page = _canonical(response, profile)
    heading = clean(" ".join(response.xpath("//title//text() | //h1//text()").getall()))
    sources = []
    for graph in published.graphs:
        product = find_product(graph, page, heading)
        if product is not None:
            found = read_product(graph, product, base, profile.snapshots.words)
            sources.append(found)
    selected = read_selected(response.selector, profile.selectors, base)
    # The selectors alone make a product too, where they find the two things that each one has.
    chosen = bool(selected.title) and selected.price is not None
    if not (sources or chosen or is_product(published.properties)):
        return None
    sources.append(read_properties(published.properties, base))
    merged = Found()
    for source in sources:
        merged = merged.over(source)
    pictures = (*merged.pictures, *selected.pictures)
    merged = merged.over(selected)
    if selected.available is False:
        merged = replace(merged, available=False)
    trail = [name for graph in published.graphs for name in breadcrumbs(graph)]
    return replace(
        merged,
        url=page,
        categories=tuple(
            each
            for each in distinct([*merged.categories, *trail])
            if each.casefold() != merged.title.casefold()
        ),
        pictures=_with_roles(pictures, profile),
        currency=merged.currency or (profile.currency if merged.price is not None else ""),
    )


def _published(response: TextResponse) -> _Published:
    # As UTF-8 bytes: lxml refuses a text that declares an encoding, and Scrapy has found it out.
    parser = lxml.html.HTMLParser(encoding="utf-8")
    try:
        tree = lxml.html.fromstring(response.text.encode("utf-8", "replace"), parser=parser)
    except (LxmlError, ValueError):
        return _Published((), ())
    json_ld: list[Any] = []
    for script in tree.xpath("//script[@type='application/ld+json']"):
        try:
            json_ld += JsonLdExtractor().extract_items(script)
        except (ValueError, RecursionError):
            _log.info("JSON-LD that is no JSON on %s", response.url)
    microdata = [from_microdata(each) for each in MicrodataExtractor().extract_items(tree, None)]
    properties = [
        (name, value)
        for each in OpenGraphExtractor().extract_items(tree)
        for name, value in each["properties"]
    ]
    return _Published((Graph(json_ld), Graph(microdata)), properties)


def _base(response: TextResponse) -> str:
    base = response.css("base::attr(href)").get()
    return join(response.url, base or "") or response.url


def _canonical(response: TextResponse, profile: Profile) -> str:
    """The address that the page calls its own, if that is the shop's; without a fragment."""
    for selector in ("link[rel=canonical]::attr(href)", "meta[property='og:url']::attr(content)"):
        address = response.css(selector).get()
        url = join(response.url, address or "")
        if url and may_ask(profile, url, Kind.PAGE):
            return url.partition("#")[0]
    return response.url.partition("#")[0]


def _with_roles(pictures: tuple[PictureLink, ...], profile: Profile) -> tuple[PictureLink, ...]:
    """Each address once. What names a picture a snapshot outweighs what only lists it."""
    roles: dict[str, bool] = {}
    for picture in pictures:
        if urlsplit(picture.url).scheme in ("http", "https"):
            worn = picture.snapshot or any(
                re.search(pattern, picture.url) for pattern in profile.snapshots.addresses
            )
            roles[picture.url] = roles.get(picture.url, False) or worn
    return tuple(PictureLink(url, worn) for url, worn in roles.items())
