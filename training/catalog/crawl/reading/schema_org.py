"""A product of schema.org, with its variants, offers and further properties."""

import re
from collections.abc import Iterator
from typing import Final

from catalog.crawl.reading.found import Found, PictureLink
from catalog.crawl.reading.graph import PRODUCTS, Graph, Node, types
from catalog.crawl.reading.values import (
    clean,
    distinct,
    join,
    read_availability,
    read_price,
    split_list,
)
from catalog.feed.columns import attribute_name
from catalog.feed.drafts import MAX_ATTRIBUTES

_COLOR_NAMES: Final = frozenset({"color", "colour", "colors", "colours", "색상", "컬러", "색깔"})
_SIZE_NAMES: Final = frozenset({"size", "sizes", "사이즈", "크기"})
_KOREAN_NAMES: Final = {
    "소재": "material",
    "재질": "material",
    "패턴": "pattern",
    "무늬": "pattern",
    "핏": "fit",
    "소매": "sleeve",
    "소매기장": "sleeve_length",
    "기장": "length",
    "넥라인": "neckline",
    "성별": "gender",
    "계절": "season",
    "시즌": "season",
}
"""The service takes ASCII names alone; other Korean ones are left out."""
_CAPTIONS: Final = ("caption", "name", "description", "keywords", "additionalType", "alternateName")


def find_product(graph: Graph, page: str, heading: str) -> Node | None:
    """The product that a page is about: the only one, or the one that bears its address or name.

    None where there is none, and where there are several as on a list.
    """
    found = [node for node in graph.tops if types(node) & PRODUCTS]
    if len(found) <= 1:
        return found[0] if found else None
    for node in found:
        addresses = (graph.address(node, name) for name in ("url", "@id"))
        if any(each and join(page, each) == page for each in addresses):
            return node
    for node in found:
        if "ProductGroup" in types(node):
            return node
    named = [node for node in found if (name := graph.text(node, "name")) and name in heading]
    return named[0] if named else None


def read_product(graph: Graph, product: Node, page: str, words: tuple[str, ...]) -> Found:
    """What a node says. `words` in a picture's caption make it a snapshot."""
    variants = graph.nodes(product, "hasVariant")
    every = [product, *variants]
    price, currency = _price(graph, every)
    colors, sizes, attributes = _properties(graph, every)
    own = graph.texts(product, "color")
    return Found(
        id=_id(graph, product),
        title=graph.text(product, "name"),
        brand=graph.text(product, "brand", "manufacturer"),
        categories=_categories(graph, product),
        color=own[0] if len(own) == 1 else "",
        colors=colors,
        sizes=sizes,
        price=price,
        currency=currency,
        available=read_availability(
            text for offer in _offers(graph, every) for text in graph.texts(offer, "availability")
        ),
        pictures=_pictures(graph, every, page, words),
        attributes=attributes,
    )


def breadcrumbs(graph: Graph) -> list[str]:
    """Names on the way to the page, the nearest first, without the shop's front page."""
    for node in graph.tops:
        if "BreadcrumbList" not in types(node):
            continue
        steps = [
            (_place(graph.text(step, "position")), name)
            for step in graph.nodes(node, "itemListElement")
            if (name := graph.text(step, "name", "item"))
        ]
        return [name for _, name in sorted(steps, key=lambda step: step[0])][:0:-1]
    return []


def _place(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _id(graph: Graph, product: Node) -> str:
    group = ("productGroupID",) if "ProductGroup" in types(product) else ()
    return graph.text(product, *group, "sku", "productID", "mpn")[:256].removeprefix("sku:")


def _categories(graph: Graph, product: Node) -> tuple[str, ...]:
    """Of "Clothing > Coats" Coats comes first."""
    paths = [
        re.split(r"\s*[>\u203a\u00bb]\s*|\s+/\s+", text)
        for text in graph.texts(product, "category")
    ]
    return distinct(step for path in paths for step in reversed(path))


def _offers(graph: Graph, products: list[Node]) -> Iterator[Node]:
    for product in products:
        for offer in graph.nodes(product, "offers"):
            yield offer
            yield from graph.nodes(offer, "offers")


def _price(graph: Graph, products: list[Node]) -> tuple[float | None, str]:
    """The lowest."""
    found = []
    for offer in _offers(graph, products):
        for part in (offer, *graph.nodes(offer, "priceSpecification")):
            currency = graph.text(part, "priceCurrency") or graph.text(offer, "priceCurrency")
            for text in [graph.text(part, "price", "lowPrice")]:
                price, known = read_price(text, currency)
                if price is not None:
                    found.append((price, known))
    return min(found, default=(None, ""))


def _properties(
    graph: Graph, products: list[Node]
) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, str]]:
    colors: list[str] = []
    sizes: list[str] = []
    attributes: dict[str, str] = {}
    for product in products:
        colors += [part for text in graph.texts(product, "color") for part in split_list(text)]
        sizes += [part for text in graph.texts(product, "size") for part in split_list(text)]
        for each in graph.nodes(product, "additionalProperty"):
            name, values = graph.text(each, "name").casefold(), graph.texts(each, "value")
            parts = [part for text in values for part in split_list(text)]
            if name in _COLOR_NAMES:
                colors += parts
            elif name in _SIZE_NAMES:
                sizes += parts
            elif values and len(attributes) < MAX_ATTRIBUTES and (ours := _name(name)):
                attributes.setdefault(ours, clean(", ".join(values)))
    product = products[0]
    for name in ("material", "pattern"):
        if text := graph.text(product, name):
            attributes.setdefault(name, text)
    if group := graph.text(product, "productGroupID", "inProductGroupWithID"):
        attributes.setdefault("item_group_id", group)
    return distinct(colors), distinct(sizes), attributes


def _name(name: str) -> str:
    return _KOREAN_NAMES.get("".join(name.split()), "") or attribute_name(name)


def _pictures(
    graph: Graph, products: list[Node], page: str, words: tuple[str, ...]
) -> tuple[PictureLink, ...]:
    links: dict[str, PictureLink] = {}
    for product in products:
        value = product.get("image")
        for image in value if isinstance(value, list) else [value]:
            if isinstance(image, str):
                address, said = image, ""
            elif isinstance(image, dict):
                image = graph.nodes({"image": image}, "image")[0]
                address = graph.address(image, "contentUrl", "url", "@id")
                said = " ".join(graph.text(image, name) for name in _CAPTIONS).casefold()
            else:
                continue
            url = join(page, address)
            worn = any(word.casefold() in said for word in words)
            if url and url not in links:
                links[url] = PictureLink(url, worn)
    return tuple(links.values())
