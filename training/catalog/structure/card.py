"""``DATACARD.md``: what a data set is made of, for those who use it."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from catalog.errors import CatalogError
from catalog.pairs import PairKind
from catalog.products import PRODUCTS, Product, write_text
from catalog.structure.arrange import Arranged
from catalog.structure.captioned import CAPTIONS, UNCAPTIONED
from catalog.structure.layout import CARD, OTHER, slug
from catalog.structure.set_aside import MESSAGES, count
from catalog.structure.splits import DISTANCE, Assignment, Shares, Split

_KINDS: Final = {
    PairKind.SNAPSHOT: "snapshot of a product to its product picture",
    PairKind.PRODUCT: "product to another product of its category",
}
_NOT_STATED: Final = {
    "licence": "**Not stated: to fill in.** Who holds the rights, and what may be done with it?",
    "source": "**Not stated: to fill in.** Who gathered this, with whose permission, and what for?",
}


@dataclass(frozen=True)
class CardNotes:
    """What only people know; empty for what was not said."""

    license: str = ""
    source: str = ""
    """Where the pictures come from, in words."""
    origin: str = ""
    """Name of the feed or shop."""


def write_card(
    root: Path,
    folder: Path,
    products: Sequence[Product],
    arranged: Arranged,
    assignment: Assignment,
    shares: Shares,
    notes: CardNotes,
) -> None:
    """Write a data set's card; what was filled in by hand stays unless `notes` say otherwise."""
    environment = Environment(
        loader=PackageLoader("catalog.structure", "."),
        autoescape=False,  # noqa: S701 - Markdown; `_cell` keeps a value in its line
        undefined=StrictUndefined,
        trim_blocks=False,
        keep_trailing_newline=True,
    )
    try:
        old = (root / CARD).read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        old = ""
    text = environment.get_template("datacard.md.j2").render(
        name=_cell(root.resolve().name),
        written=_day(datetime.now(UTC).timestamp()),
        gathered=_day((folder / PRODUCTS).stat().st_mtime),
        captioned=_day((folder / CAPTIONS).stat().st_mtime),
        sources=_sources(products, notes.origin),
        license=_filled_in("licence", notes.license, old),
        source_note=_filled_in("source", notes.source, old),
        **_figures(arranged),
        products=len(_known(products, assignment)),
        split_products=_split_products(products, assignment),
        joined=OTHER in arranged.categories and any(slug(p.category) != OTHER for p in products),
        shares=shares,
        distance=DISTANCE,
        set_aside=list(count(arranged.set_aside).items()),
        uncaptioned=list(_uncaptioned(folder).items()),
        messages=MESSAGES,
        snapshots=_snapshots(products, arranged),
    )
    write_text(root / CARD, text)


def _figures(arranged: Arranged) -> dict[str, object]:
    every = [item for items in arranged.questions.values() for item in items]
    rows = [
        (
            _cell(category),
            [len(arranged.questions.get((category, split), ())) for split in Split]
            + [len(arranged.gallery.get((category, split), ())) for split in Split],
        )
        for category in arranged.categories
    ]
    kinds = Counter(item.pair.kind for item in every)
    captioners = Counter(item.captioner for item in every)
    return {
        "questions": len(every),
        "pictures": len(arranged.pictures),
        "categories": rows,
        "kinds": [(_KINDS[kind], kinds[kind]) for kind in PairKind if kinds[kind]],
        "captioners": [(_cell(name), number) for name, number in captioners.most_common()],
    }


def _sources(products: Sequence[Product], origin: str) -> list[str]:
    hosts = Counter(urlsplit(product.url).hostname or "" for product in products)
    lines = [f"Gathered from {_cell(origin)}."] if origin else []
    lines += [
        f"{number} products with pages at {_cell(host)}"
        for host, number in hosts.most_common()
        if host
    ]
    if hosts[""]:
        lines.append(f"{hosts['']} products without a page's address, as from a feed")
    return lines


def _known(products: Sequence[Product], assignment: Assignment) -> list[Product]:
    return [product for product in products if product.id in assignment.assigned.products]


def _split_products(products: Sequence[Product], assignment: Assignment) -> str:
    splits = assignment.assigned.products
    sizes = Counter(splits[product.id] for product in _known(products, assignment))
    return ", ".join(f"{sizes[split]} {split}" for split in Split)


def _uncaptioned(folder: Path) -> dict[str, int]:
    """Pairs that got no captions, by reason, the most frequent first."""
    reasons: Counter[str] = Counter()
    try:
        with (folder / UNCAPTIONED).open(encoding="utf-8") as file:
            for line in file:
                reasons[_cell(str(json.loads(line)["reason"]))] += 1
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError):
        raise CatalogError(f"{folder / UNCAPTIONED} is not what `catalog caption` wrote") from None
    return dict(reasons.most_common())


def _snapshots(products: Sequence[Product], arranged: Arranged) -> int:
    used = set(arranged.pictures.values())
    return len(used & {path for product in products for path in product.snapshots})


def _filled_in(field: str, note: str, old: str) -> str:
    begin, end = f"<!-- fill in: {field} -->", f"<!-- end: {field} -->"
    found = re.search(re.escape(begin) + r"\n(.*?)\n" + re.escape(end), old, re.DOTALL)
    text = note or (found[1] if found else "") or _NOT_STATED[field]
    return f"{begin}\n{text}\n{end}"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _cell(text: str) -> str:
    """A value that neither ends a table's cell nor its line."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
