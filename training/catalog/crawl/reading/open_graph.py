"""OpenGraph: the properties ``og:`` and ``product:``."""

from collections.abc import Sequence
from typing import Final

from catalog.crawl.reading.found import Found, PictureLink
from catalog.crawl.reading.values import (
    clean,
    distinct,
    join,
    read_availability,
    read_price,
    split_list,
)

Properties = Sequence[tuple[str, str]]
_IDS: Final = ("product:retailer_item_id", "product:retailer_part_no", "product:mfr_part_no")


def is_product(properties: Properties) -> bool:
    """Whether a page calls itself a product, or gives the price of one."""
    return any(
        (name == "og:type" and "product" in value.casefold())
        or name in ("product:price:amount", "og:price:amount")
        for name, value in properties
    )


def read_properties(properties: Properties, page: str) -> Found:
    """What the properties say."""

    def every(*names: str) -> list[str]:
        return [clean(value) for name in names for key, value in properties if key == name]

    def first(*names: str) -> str:
        return next((value for value in every(*names) if value), "")

    def addresses_of(*names: str) -> list[str]:
        return [value for name, value in properties if name in names]

    currency = first("product:price:currency", "og:price:currency")
    price, known = read_price(first("product:price:amount", "og:price:amount"), currency)
    colors = distinct(part for text in every("product:color") for part in split_list(text))
    addresses = addresses_of("og:image", "og:image:url") or addresses_of("og:image:secure_url")
    return Found(
        id=first(*_IDS)[:256],
        title=first("og:title"),
        brand=first("product:brand", "og:brand"),
        categories=distinct(
            step.strip() for text in every("product:category") for step in reversed(text.split(">"))
        ),
        color=colors[0] if len(colors) == 1 else "",
        colors=colors,
        sizes=distinct(part for text in every("product:size") for part in split_list(text)),
        price=price,
        currency=known,
        available=read_availability(every("product:availability", "og:availability")),
        pictures=tuple(
            PictureLink(url)
            for url in dict.fromkeys(join(page, each) for each in addresses if each)
        ),
        attributes={
            name: text for name in ("material", "pattern") if (text := first(f"product:{name}"))
        }
        | ({"item_group_id": group} if (group := first("product:item_group_id")) else {}),
    )
