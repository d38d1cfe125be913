"""Nodes of schema.org, from JSON-LD and microdata alike."""

import html
from collections.abc import Iterable, Iterator
from typing import Any, Final

from catalog.crawl.reading.values import LONGEST_ADDRESS, clean

Node = dict[str, Any]
PRODUCTS: Final = frozenset(
    {"Product", "ProductGroup", "ProductModel", "IndividualProduct", "SomeProducts"}
)
_DEEPEST: Final = 12
_CARRIERS: Final = ("@graph", "mainEntity", "mainEntityOfPage", "children")


def from_microdata(item: Any) -> Any:
    """extruct's form of microdata, in that of JSON-LD."""
    if isinstance(item, list):
        return [from_microdata(each) for each in item]
    if not isinstance(item, dict):
        return item
    node = {name: from_microdata(value) for name, value in item.get("properties", {}).items()}
    if "type" in item:
        node["@type"] = item["type"]
    if "id" in item:
        node["@id"] = item["id"]
    if item.get("value") is not None and not node.get("name"):
        node["name"] = item["value"]
    return node


def types(node: Node) -> frozenset[str]:
    """The node's types without their vocabulary: Product, ImageObject."""
    return frozenset(
        each.replace("#", "/").rstrip("/").rsplit("/", 1)[-1].removeprefix("schema:")
        for each in as_list(node.get("@type"))
        if isinstance(each, str)
    )


def as_list(value: Any) -> list[Any]:
    """A list of one or none, where it is none."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


class Graph:
    """All nodes of a page in one syntax; knows which node an ``@id`` means."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.tops = [*_tops(items, 0)]
        self._by_id: dict[str, Node] = {}
        for node in _walk(self.tops, 0):
            if isinstance(node.get("@id"), str) and len(node) > 1:
                self._by_id.setdefault(node["@id"], node)

    def nodes(self, node: Node, name: str) -> list[Node]:
        """A property's nodes; references are followed."""
        found = []
        for each in as_list(node.get(name)):
            if isinstance(each, dict):
                found.append(self._follow(each))
        return found

    def texts(self, node: Node, name: str) -> list[str]:
        """A property's values as text: a node says its name or value."""
        found = (self._text(each) for each in as_list(node.get(name)))
        return [text for text in found if text]

    def address(self, node: Node, *names: str) -> str:
        """The first text of a property that may be long."""
        for name in names:
            for value in as_list(node.get(name)):
                if isinstance(value, str) and value.strip():
                    return clean(html.unescape(value), LONGEST_ADDRESS)
        return ""

    def text(self, node: Node, *names: str) -> str:
        """The first text of the first property that has one."""
        for name in names:
            for text in self.texts(node, name):
                return text
        return ""

    def _follow(self, node: Node) -> Node:
        if set(node) <= {"@id", "@type"} and isinstance(node.get("@id"), str):
            return self._by_id.get(node["@id"], node)
        return node

    def _text(self, value: Any) -> str:
        if isinstance(value, dict):
            value = self._follow(value)
            for name in ("name", "@value", "value"):
                for each in as_list(value.get(name)):
                    if isinstance(each, str | int | float):
                        return clean(html.unescape(str(each)))
            return ""
        return clean(html.unescape(str(value))) if isinstance(value, str | int | float) else ""


def _tops(items: Iterable[Any], depth: int) -> Iterator[Node]:
    """The nodes that a page is about, not those that they mention."""
    for item in items:
        if isinstance(item, list) and depth < _DEEPEST:
            yield from _tops(item, depth + 1)
        elif isinstance(item, dict):
            yield item
            if depth < _DEEPEST:
                for name in _CARRIERS:
                    yield from _tops(as_list(item.get(name)), depth + 1)


def _walk(values: Iterable[Any], depth: int) -> Iterator[Node]:
    for value in values:
        if isinstance(value, dict):
            yield value
        if depth < _DEEPEST and isinstance(value, dict | list):
            yield from _walk(value.values() if isinstance(value, dict) else value, depth + 1)
