"""Does a caption name a product instead of saying how it looks?"""

import re
from collections.abc import Sequence
from typing import Final

from catalog.caption.english import is_known, words_of
from catalog.products import Product

_TOKEN: Final = re.compile(r"\w+")


def names_product(caption: str, products: Sequence[Product]) -> bool:
    """Whether a caption has the id, the brand or the title of one of the products.

    A title of ordinary words alone ("Black Hoodie") is a description, so saying it is none of a
    name. Of another title, neither the whole may be said nor, with a capital letter, one of its
    words that is not ordinary ("the Nordlys one"). A brand that is an ordinary word ("Mesh") counts
    only as the shop writes it, and not as the first word, which may have its capital for another
    reason.
    """
    return any(
        _has_id(caption, product) or _has_brand(caption, product) or _has_title(caption, product)
        for product in products
    )


def _has(caption: str, name: str, *, as_written: bool = False) -> bool:
    """Whole words only. An id of one or two letters or digits would be found by chance."""
    name = " ".join(name.split())
    if len(name) <= 2:
        return False
    flags = re.NOFLAG if as_written else re.IGNORECASE
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", caption, flags) is not None


def _has_id(caption: str, product: Product) -> bool:
    return not _is_ordinary(product.id) and _has(caption, product.id)


def _has_brand(caption: str, product: Product) -> bool:
    if _is_ordinary(product.brand) and len(product.brand.split()) == 1:
        return not product.brand.islower() and _has(
            caption.partition(" ")[2], product.brand, as_written=True
        )
    return _has(caption, product.brand)


def _has_title(caption: str, product: Product) -> bool:
    own = {product.category.lower(), *words_of(product.category)}
    words = {word for word in _TOKEN.findall(product.title.lower()) if len(word) > 1}
    naming = {word for word in words if not is_known(word) and word not in own}
    if not naming:
        return False
    capitals = [word for word in caption.split()[1:] if word[:1].isupper()]
    return _has(caption, product.title) or any(
        word in naming for written in capitals for word in _TOKEN.findall(written.lower())
    )


def _is_ordinary(name: str) -> bool:
    words = _TOKEN.findall(name.lower())
    return bool(words) and all(map(is_known, words))
