"""What a profile's selectors find on a page."""

from parsel import Selector

from catalog.crawl.profile import Selectors, is_xpath
from catalog.crawl.reading.found import Found, PictureLink
from catalog.crawl.reading.values import LONGEST_ADDRESS, clean, distinct, join, read_price
from catalog.feed.values import MAX_TEXT


def select(page: Selector, selector: str | None, longest: int = MAX_TEXT) -> list[str]:
    """Texts of a selector, CSS or XPath; an element without ``::text`` gives all of its text."""
    if selector is None:
        return []
    found = page.xpath(selector) if is_xpath(selector) else page.css(selector)
    texts = (
        each.xpath("string()").get("") if hasattr(each.root, "tag") else each.get()
        for each in found
    )
    return [text for each in texts if (text := clean(str(each), longest))]


def read_selected(page: Selector, selectors: Selectors, base: str) -> Found:
    """What the selectors find; nothing at all where there are none."""

    def first(selector: str | None) -> str:
        return next(iter(select(page, selector)), "")

    price, currency = read_price(first(selectors.price))
    return Found(
        id=first(selectors.id)[:256],
        title=first(selectors.title),
        brand=first(selectors.brand),
        categories=distinct(reversed(select(page, selectors.category))),
        color=first(selectors.color),
        colors=distinct(select(page, selectors.colors)),
        sizes=distinct(select(page, selectors.sizes)),
        price=price,
        currency=currency,
        available=False if select(page, selectors.sold_out) else None,
        pictures=selected_pictures(page, selectors, base),
    )


def selected_pictures(page: Selector, selectors: Selectors, base: str) -> tuple[PictureLink, ...]:
    """Pictures of the two selectors, each in the role of its own."""
    product = select(page, selectors.images, LONGEST_ADDRESS)
    worn = select(page, selectors.snapshots, LONGEST_ADDRESS)
    return (
        *(PictureLink(join(base, each)) for each in product),
        *(PictureLink(join(base, each), snapshot=True) for each in worn),
    )
