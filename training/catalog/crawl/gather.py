"""From the journal to the list of products."""

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from catalog.crawl.failures import TEMPORARY
from catalog.crawl.journal import Journal, Note, PictureRow, key
from catalog.crawl.profile import Profile
from catalog.crawl.reading.found import Found
from catalog.crawl.reading.values import join
from catalog.feed.drafts import MAX_OPTIONS, fitted
from catalog.feed.gather import MAX_PICTURES
from catalog.feed.values import MAX_ID
from catalog.products import Product
from catalog.set_aside import SetAside

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5


@dataclass(frozen=True)
class Gathered:
    """What the journal holds of a shop."""

    products: tuple[Product, ...]
    set_aside: tuple[SetAside, ...]
    gone: tuple[str, ...]
    """Pages that a whole run has not found a product on any more."""


@dataclass(frozen=True)
class _Page:
    page: str
    found: Found
    id: str


def gather(journal: Journal, profile: Profile, *, whole: bool) -> Gathered:
    """Products with their stored pictures, ids unique.

    `whole`: the run has seen all of the shop, so what it has not found is gone. Otherwise what an
    earlier run has read stays until this one says otherwise.
    """
    notes = journal.notes()
    pages, gone, aside = [], [], []
    for page, current, row in journal.products():
        note = notes.get(page)
        found = Found.from_row(row)
        temporary = note is not None and note.reason in TEMPORARY
        if (note is None and (current or not whole)) or temporary:
            pages.append(_Page(page, found, service_id(found.id) or _id_of(found.url)))
        else:
            gone.append(page)
            if note is None:
                moved = "The product's page leads elsewhere now."
                aside.append(SetAside("MOVED", moved, found.id, where=page))
    products: list[Product] = []
    pictures: set[str] = set()
    for each in _unique(pages, aside):
        category = _category(each, profile, journal)
        if profile.only_categories and category not in _wanted(profile):
            other = f"The profile does not name the category {category or '(none)'}."
            aside.append(SetAside("OTHER_CATEGORY", other, each.id, where=each.page))
            continue
        product, dropped = _product(each, category, journal, notes)
        pictures |= {key(link.url) for link in each.found.pictures}
        products.append(product)
        aside.extend(dropped)
    aside.extend(
        SetAside(note.reason, note.message, where=note.subject)
        for note in notes.values()
        if note.subject not in pictures
    )
    return Gathered(tuple(products), tuple(aside), tuple(gone))


def service_id(text: str) -> str:
    """A shop's id as the service takes ids: no slashes; empty where nothing else is left."""
    found = unicodedata.normalize("NFC", text).replace("/", "-").replace("\\", "-")[:MAX_ID]
    return "" if found in (".", "..") else found


def _id_of(url: str) -> str:
    return f"url-{hashlib.sha256(key(url).encode()).hexdigest()[:16]}"


def _unique(pages: list[_Page], aside: list[SetAside]) -> Iterator[_Page]:
    """Each product once, from the page that calls its address its own.

    Two products that a shop gave one id keep apart: the later ones' gets the hash of their address.
    """
    by_id: dict[str, list[_Page]] = {}
    for page in sorted(pages, key=lambda each: (each.page != key(each.found.url), each.page)):
        same_id = by_id.setdefault(page.id, [])
        for other in same_id:
            if _is_same(page.found, other.found):
                aside.append(
                    SetAside("DUPLICATE", f"The same as {other.page}.", page.id, where=page.page)
                )
                break
        else:
            same_id.append(page)
    for first, *others in by_id.values():
        yield first
        for other in others:
            yield replace(other, id=f"{other.id[:230]}-{_id_of(other.found.url)}")


def _is_same(one: Found, other: Found) -> bool:
    return key(one.url) == key(other.url) or one.title == other.title


def _wanted(profile: Profile) -> set[str]:
    return {*profile.categories, *(start.category for start in profile.start if start.category)}


def _category(page: _Page, profile: Profile, journal: Journal) -> str:
    """Ours, by what the page says or by the list that leads there; else the shop's own."""
    said = {each.casefold() for each in page.found.categories}
    for name, theirs in profile.categories.items():
        if said & {name, *(each.casefold() for each in theirs)}:
            return name
    listed = journal.listed_category(page.page) or journal.listed_category(page.found.url)
    return listed or next(iter(page.found.categories), "").lower()


def _product(
    page: _Page, category: str, journal: Journal, notes: Mapping[str, Note]
) -> tuple[Product, list[SetAside]]:
    found = page.found
    images: list[str] = []
    snapshots: list[str] = []
    aside = []
    for link in found.pictures:
        kept = snapshots if link.snapshot else images
        row = _picture(journal, link.url)
        if row is not None and row.path:
            if len(kept) < MAX_PICTURES:
                kept.append(row.path)
        elif (why := row or notes.get(key(link.url))) is not None:
            aside.append(SetAside(why.reason, why.message, page.id, link.url))
    product = Product(
        id=page.id,
        title=found.title,
        brand=found.brand,
        category=category,
        color=found.color or (found.colors[0] if len(found.colors) == 1 else ""),
        colors=found.colors[:MAX_OPTIONS],
        sizes=found.sizes[:MAX_OPTIONS],
        price=found.price,
        currency=found.currency,
        url=found.url,
        available=found.available is not False,
        images=tuple(dict.fromkeys(images)),
        snapshots=tuple(each for each in dict.fromkeys(snapshots) if each not in images),
        attributes=found.attributes,
    )
    return fitted(product), aside


def _picture(journal: Journal, url: str) -> PictureRow | None:
    """What became of a picture, at the end of its redirects."""
    for _ in range(_MOST_REDIRECTS + 1):
        if (row := journal.picture(url)) is not None:
            return row
        answer = journal.answer(url)
        if answer is None or answer.status not in _REDIRECTS:
            return None
        url = join(url, answer.headers.get("Location", ("",))[0])
    return None
