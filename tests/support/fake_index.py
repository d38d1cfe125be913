"""The index ports in memory: MaxSim over float16 tokens, for tests of what uses an index."""

import math
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np

from retrieval.domain import (
    AllOf,
    AnyOf,
    Deadline,
    Facet,
    FacetValue,
    FieldKind,
    Filter,
    FilterableFields,
    HeldProduct,
    IndexedProduct,
    IndexPage,
    IndexQuery,
    Match,
    Not,
    NumberRange,
    Pooled,
    Product,
    Range,
    Ranked,
    Restoring,
    Scalar,
    Tuning,
)
from retrieval.errors import (
    DependencyTimeout,
    InvalidArgument,
    Reason,
    RecomposeError,
    ServiceUnavailable,
)

_PAGE: Final = 16
# The method `list` hides the type of that name from the annotations below it.
_Sample: TypeAlias = list[IndexedProduct]
_Held: TypeAlias = list[HeldProduct]


class FakeIndex:
    """An index that is only a dictionary; held to the same cases as the real one.

    Without a route it ranks every product.

    Attributes:
        live: whether the alias names this index; else `check` says MODEL_MISMATCH.
        failure: raised by every call, where set.
        kept: the tuning that was kept last.
        copied: points that count as copies of another model's collection.
        before_write: awaited before `put`, `replace_payload` and `delete`, where set.
        noted: the restore that was noted last.
        reads: what each `get` was asked for.
    """

    def __init__(self, fields: FilterableFields) -> None:
        self.live = True
        self.failure: RecomposeError | None = None
        self.kept: Tuning | None = None
        self.copied: set[uuid.UUID] = set()
        self.before_write: Callable[[Deadline], Awaitable[None]] | None = None
        self.noted: Restoring | None = None
        self.reads: list[list[uuid.UUID]] = []
        self._fields = fields
        self._products: dict[uuid.UUID, Product] = {}
        self._tokens: dict[uuid.UUID, Any] = {}
        self._pools: dict[uuid.UUID, Any] = {}

    async def search(self, query: IndexQuery, deadline: Deadline) -> list[Ranked]:
        self._begin(deadline)
        rows = np.atleast_2d(query.vectors)
        passing = [
            point_id
            for point_id, _ in self._of(query.catalog, query.filter)
            if point_id not in query.exclude
        ]
        if isinstance(query.route, Pooled):
            wanted = rows.mean(axis=0)
            passing.sort(key=lambda one: -float(wanted @ self._pools[one]))
            passing = passing[: max(query.route.depth, query.limit)]
        ranked = [
            Ranked(
                point_id,
                float((rows @ self._tokens[point_id].T).max(axis=1).mean()),
                self._words(point_id, query.values_of),
            )
            for point_id in passing
        ]
        return sorted(ranked, key=lambda hit: -hit.score)[: query.limit]

    async def get(
        self, point_ids: Sequence[uuid.UUID], deadline: Deadline
    ) -> dict[uuid.UUID, Product]:
        self._begin(deadline)
        self.reads.append([*point_ids])
        return {one: self._products[one] for one in point_ids if one in self._products}

    async def pools(
        self, point_ids: Sequence[uuid.UUID], deadline: Deadline
    ) -> dict[uuid.UUID, Any]:
        self._begin(deadline)
        return {one: self._pools[one] for one in point_ids if one in self._products}

    async def check(self, deadline: Deadline) -> None:
        self._begin(deadline)
        if not self.live:
            raise ServiceUnavailable(Reason.MODEL_MISMATCH)

    async def put(self, products: Sequence[IndexedProduct], deadline: Deadline) -> None:
        await self._allowed(deadline)
        self._put(products, deadline)

    def _put(self, products: Sequence[IndexedProduct], deadline: Deadline) -> None:
        self._begin(deadline)
        _check_norms(products)
        for item in products:
            self.copied.discard(item.product.point_id)
            self._products[item.product.point_id] = item.product
            kept = item.tokens.astype(np.float16).astype(np.float32)
            self._tokens[item.product.point_id] = kept
            self._pools[item.product.point_id] = _pooled(kept)

    async def replace_payload(self, product: Product, deadline: Deadline) -> None:
        await self._allowed(deadline)
        self._begin(deadline)
        before = self._products.get(product.point_id)
        if before is not None and before.source_sha256 == product.source_sha256:
            self._products[product.point_id] = product
            self.copied.discard(product.point_id)

    async def delete(self, point_ids: Sequence[uuid.UUID], deadline: Deadline) -> None:
        await self._allowed(deadline)
        self.remove(point_ids, deadline)

    def remove(self, point_ids: Sequence[uuid.UUID], deadline: Deadline) -> None:
        """Delete without asking."""
        self._begin(deadline)
        for point_id in point_ids:
            self._products.pop(point_id, None)
            self.copied.discard(point_id)

    async def _allowed(self, deadline: Deadline) -> None:
        if self.before_write is not None:
            await self.before_write(deadline)

    async def facet(
        self, catalog: str, field: str, filter: Filter | None, limit: int, deadline: Deadline
    ) -> Facet:
        self._begin(deadline)
        if field not in self._fields:
            raise InvalidArgument(Reason.FACET_FIELD_UNKNOWN)
        found = [product for _, product in self._of(catalog, filter)]
        if self._fields[field] is FieldKind.NUMBER:
            return _range(field, found)
        return _facet(field, found, limit)

    async def list(
        self,
        catalog: str,
        limit: int,
        after: uuid.UUID | None,
        deadline: Deadline,
        *,
        filter: Filter | None = None,
    ) -> "tuple[list[Product], uuid.UUID | None]":
        self._begin(deadline)
        found = sorted(point_id for point_id, _ in self._of(catalog, filter))
        rest = [point_id for point_id in found if after is None or point_id >= after]
        page = [self._products[point_id] for point_id in rest[:limit]]
        return page, rest[limit] if len(rest) > limit else None

    async def count(self, deadline: Deadline, *, updated_after_s: float | None = None) -> int:
        self._begin(deadline)
        since_s = -math.inf if updated_after_s is None else updated_after_s
        return sum(product.updated_at_s > since_s for product in self._products.values())

    async def last_written_s(self, deadline: Deadline) -> float | None:
        self._begin(deadline)
        return max((one.updated_at_s for one in self._products.values()), default=None)

    async def sample(self, count: int, deadline: Deadline) -> _Sample:
        self._begin(deadline)
        drawn = random.sample([*self._products], min(count, len(self._products)))
        return [IndexedProduct(self._products[one], self._tokens[one]) for one in drawn]

    async def tuning(self, deadline: Deadline) -> Tuning | None:
        self._begin(deadline)
        return self.kept

    async def keep(self, tuning: Tuning, deadline: Deadline) -> None:
        self._begin(deadline)
        self.kept = tuning

    async def held_page(
        self,
        limit: int,
        after: uuid.UUID | None,
        deadline: Deadline,
        *,
        updated_after_s: float | None = None,
    ) -> tuple[_Held, uuid.UUID | None]:
        self._begin(deadline)
        since_s = -math.inf if updated_after_s is None else updated_after_s
        rest = sorted(
            one
            for one, product in self._products.items()
            if product.updated_at_s > since_s and (after is None or one >= after)
        )
        held = [HeldProduct(self._products[one], one in self.copied) for one in rest[:limit]]
        return held, rest[limit] if len(rest) > limit else None

    async def find(
        self, point_ids: Sequence[uuid.UUID], deadline: Deadline
    ) -> dict[uuid.UUID, HeldProduct]:
        found = await self.get(point_ids, deadline)
        return {one: HeldProduct(product, one in self.copied) for one, product in found.items()}

    async def take_all_for_copies(self, deadline: Deadline) -> None:
        self._begin(deadline)
        self.copied |= set(self._products)

    async def put_copies(self, products: Sequence[IndexedProduct], deadline: Deadline) -> None:
        _check_norms(products)
        passing = [item for item in products if not self._is_own(item.product.point_id)]
        self._put(passing, deadline)
        self.copied |= {item.product.point_id for item in passing}

    async def put_copied_payload(self, product: Product, deadline: Deadline) -> None:
        self._begin(deadline)
        if product.point_id in self._products and not self._is_own(product.point_id):
            self._products[product.point_id] = product

    async def delete_copies(self, point_ids: Sequence[uuid.UUID], deadline: Deadline) -> None:
        self.remove([one for one in point_ids if not self._is_own(one)], deadline)

    def tokens_of(self, point_id: uuid.UUID) -> Any:
        """What is stored of a product's tokens, [K, D]."""
        return self._tokens[point_id]

    def _is_own(self, point_id: uuid.UUID) -> bool:
        return point_id in self._products and point_id not in self.copied

    async def page(self, after: uuid.UUID | None, deadline: Deadline) -> IndexPage:
        self._begin(deadline)
        rest = [one for one in sorted(self._products) if after is None or one >= after]
        items = [IndexedProduct(self._products[one], self._tokens[one]) for one in rest[:_PAGE]]
        return IndexPage(tuple(items), rest[_PAGE] if len(rest) > _PAGE else None, 0)

    async def is_live(self, deadline: Deadline) -> bool:
        self._begin(deadline)
        return self.live

    async def prepare(self, deadline: Deadline) -> None:
        self._begin(deadline)

    async def go_live(self, deadline: Deadline) -> bool:
        self._begin(deadline)
        return self.live

    async def restoring(self, deadline: Deadline) -> Restoring | None:
        self._begin(deadline)
        return self.noted

    async def note(self, restoring: Restoring | None, deadline: Deadline) -> None:
        self._begin(deadline)
        self.noted = restoring

    def _begin(self, deadline: Deadline) -> None:
        if self.failure is not None:
            raise self.failure
        if not deadline.remaining_s():
            raise DependencyTimeout(dependency="qdrant")

    def _words(self, point_id: uuid.UUID, field: str | None) -> tuple[str, ...]:
        values = _values(self._products[point_id], field) if field else ()
        return tuple(value for value in values if isinstance(value, str))

    def _of(self, catalog: str, filter: Filter | None) -> Sequence[tuple[uuid.UUID, Product]]:
        return [
            (point_id, product)
            for point_id, product in self._products.items()
            if product.catalog == catalog
            and (filter is None or _passes(filter, product, self._fields))
        ]


def _check_norms(products: Sequence[IndexedProduct]) -> None:
    for item in products:
        if not np.allclose(np.linalg.norm(item.tokens, axis=-1), 1, atol=0.02):
            raise ValueError("tokens must be finite and of unit norm")


def _pooled(tokens: Any) -> Any:
    mean = tokens.mean(axis=0)
    return mean / np.linalg.norm(mean)


def _passes(filter: Filter, product: Product, fields: FilterableFields) -> bool:
    match filter:
        case AllOf(filters):
            # Lists, not generators: an unknown field is refused wherever it stands.
            return all([_passes(one, product, fields) for one in filters])  # noqa: C419
        case AnyOf(filters):
            return any([_passes(one, product, fields) for one in filters])  # noqa: C419
        case Not(inner):
            return not _passes(inner, product, fields)
        case Match(field, wanted):
            values = _values(product, field, fields)
            return any(_same(value, one) for value in values for one in wanted)
        case Range(field, low, high):
            low, high = (-math.inf if low is None else low), (math.inf if high is None else high)
            values = _values(product, field, fields)
            return any(isinstance(value, float) and low <= value <= high for value in values)


def _values(
    product: Product, field: str, fields: FilterableFields | None = None
) -> Sequence[Scalar]:
    if fields is not None and field not in fields:
        raise InvalidArgument(Reason.FILTER_FIELD_UNKNOWN)
    value = product.attributes.get(field, ())
    return (value,) if isinstance(value, str | float | bool) else value


def _same(value: Scalar, other: Scalar) -> bool:
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _facet(field: str, products: Sequence[Product], limit: int) -> Facet:
    counts: Counter[Scalar] = Counter()
    for product in products:
        counts.update(set(_values(product, field)))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Facet(field, tuple(FacetValue(value, count) for value, count in ranked[:limit]))


def _range(field: str, products: Sequence[Product]) -> Facet:
    numbers = [
        value
        for product in products
        for value in _values(product, field)
        if isinstance(value, float)
    ]
    return Facet(field, range=NumberRange(min(numbers), max(numbers)) if numbers else None)
