"""What products have in one field: counts of its values, or the range of its numbers."""

from qdrant_client import AsyncQdrantClient, models

from retrieval.domain import Deadline, Facet, FacetValue, NumberRange
from retrieval.qdrant.collection import Collection
from retrieval.qdrant.payload import attribute_path


async def counts_of(
    client: AsyncQdrantClient,
    collection: Collection,
    field: str,
    passing: models.Filter,
    limit: int,
    deadline: Deadline,
) -> Facet:
    """Exact counts of at most ``limit`` values, most frequent first, then by value."""
    answer = await collection.read(
        "facet",
        lambda timeout_s: client.facet(
            collection.name,
            attribute_path(field),
            facet_filter=passing,
            limit=limit,
            exact=True,
            timeout=timeout_s,
        ),
        deadline,
    )
    return Facet(field, tuple(FacetValue(hit.value, hit.count) for hit in answer.hits))


async def range_of(
    client: AsyncQdrantClient,
    collection: Collection,
    field: str,
    passing: models.Filter,
    deadline: Deadline,
) -> Facet:
    """The least and the greatest number, each the first of the points in that order.

    Of a product with several numbers all count, also those that a filter on them did not ask for.
    """
    least, greatest = [
        await first_value(
            client,
            collection,
            models.OrderBy(key=attribute_path(field), direction=end),
            passing,
            deadline,
        )
        for end in (models.Direction.ASC, models.Direction.DESC)
    ]
    if least is None or greatest is None:
        return Facet(field)
    return Facet(field, range=NumberRange(least, greatest))


async def first_value(
    client: AsyncQdrantClient,
    collection: Collection,
    order: models.OrderBy,
    passing: models.Filter | None,
    deadline: Deadline,
) -> float | None:
    """The number by which the first point stands where it does; None where no point has one."""
    records, _ = await collection.read(
        "scroll",
        lambda timeout_s: client.scroll(
            collection.name,
            scroll_filter=passing,
            limit=1,
            order_by=order,
            with_payload=False,
            with_vectors=False,
            timeout=timeout_s,
        ),
        deadline,
    )
    value = records[0].order_value if records else None
    return None if value is None else float(value)
