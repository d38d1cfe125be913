"""Filters that let a known share of the catalog pass."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import httpx

from recompose.v1 import filter_pb2

SHARE: Final = 0.1
_WITHIN: Final = 1.25
"""How much more or less than the share a filter may let pass, as a factor."""


@dataclass(frozen=True, slots=True)
class ValueFilter:
    """Products whose attribute ``field`` is ``value``: this share of all."""

    field: str
    value: str
    share: float

    def as_json(self) -> dict[str, Any]:
        """As REST takes it."""
        return {"field": self.field, "any_of": [self.value]}

    def write_to(self, message: filter_pb2.Filter) -> None:
        """As gRPC takes it."""
        message.match.field = self.field
        message.match.any_of.add(string_value=self.value)


def read_filters(rest: httpx.Client) -> list[ValueFilter]:
    """Values of the catalog's attributes that about a tenth of its products have; the nearest one
    where there is none. Empty where no attribute is words. Raises httpx.HTTPError."""
    answer = rest.get("/v1/products:facets")
    answer.raise_for_status()
    return near(answer.json()["facets"])


def near(facets: Iterable[dict[str, Any]], share: float = SHARE) -> list[ValueFilter]:
    """``facets``: as REST answers with them. One of them is taken to be of every product."""
    counted = {
        facet["field"]: {
            entry["value"]: entry["count"]
            for entry in facet["values"]
            if isinstance(entry["value"], str)
        }
        for facet in facets
    }
    products = max((sum(counts.values()) for counts in counted.values()), default=0)
    found = [
        ValueFilter(name, value, count / products)
        for name, counts in counted.items()
        for value, count in counts.items()
    ]
    found.sort(key=lambda each: max(each.share / share, share / each.share))
    return [f for f in found if share / _WITHIN <= f.share <= share * _WITHIN] or found[:1]
