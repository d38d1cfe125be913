"""Google Merchant Center's XML: RSS 2.0 or Atom, with elements of the ``g:`` namespace.

Read as a stream, whatever its size. Entities of the file's own and whatever lies outside it are
refused (defusedxml), so no feed can unfold into gigabytes or read a file of this machine.
Source: https://support.google.com/merchants/answer/14987622.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from catalog.errors import CatalogError
from catalog.feed.rows import Row

_GOOGLE: Final = "{http://base.google.com/ns/1.0}"
_PRODUCTS: Final = frozenset({"item", "entry"})
# What RSS and Atom say of the entry, not of the product.
_HOUSEKEEPING: Final = frozenset(
    {"guid", "pubDate", "updated", "published", "author", "comments", "source", "enclosure"}
)


def read_merchant(path: Path) -> Iterator[Row]:
    """The rows, one in memory at a time.

    Raises:
        CatalogError: The file is not XML, or declares entities.
    """
    open_elements: list[Element] = []
    number = 0
    with path.open("rb") as file:
        try:
            for event, element in iterparse(file, events=("start", "end")):
                if event == "start":
                    open_elements.append(element)
                    continue
                open_elements.pop()
                if _local(element) in _PRODUCTS:
                    number += 1
                    yield Row(f"item {number}", _fields(element))
                    element.clear()
                    if open_elements:
                        open_elements[-1].remove(element)
        except ParseError as error:
            raise CatalogError(f"{path} is not XML: {error}") from None
        except DefusedXmlException:
            raise CatalogError(
                f"{path} declares entities of its own, which might unfold without end; not read"
            ) from None
        except (LookupError, ValueError):
            # Expat knows no multi-byte encoding but UTF-8 and UTF-16.
            raise CatalogError(f"{path} is not UTF-8; save it in that encoding") from None


def _fields(product: Element) -> dict[str, Any]:
    """Google's elements, and of RSS and Atom those that Google has not said itself."""
    fields: dict[str, list[str]] = {}
    googles = {_local(child) for child in product if child.tag.startswith(_GOOGLE)}
    for child in product:
        name = _local(child)
        googles_own = child.tag.startswith(_GOOGLE)
        if not googles_own and (name in googles or name in _HOUSEKEEPING):
            continue
        if len(child):
            name, value = _detail(child)
        else:
            # Atom's links and categories are attributes.
            value = child.text or child.get("href") or child.get("term") or ""
        if name and value.strip():
            fields.setdefault(name, []).append(value.strip())
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def _detail(element: Element) -> tuple[str, str]:
    """Name and value of a ``product_detail``; of other nested elements nothing is taken."""
    if _local(element) != "product_detail":
        return "", ""
    parts = {_local(child): (child.text or "").strip() for child in element}
    return parts.get("attribute_name", ""), parts.get("attribute_value", "")


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]
