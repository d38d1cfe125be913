"""Collections, aliases and what is refused: scenarios over a collection of their own."""

from __future__ import annotations

from typing import Any

from grpc import StatusCode
from qdrant_client import QdrantClient, models

from tests.integration.qdrant_edge_server import catalog
from tests.integration.qdrant_edge_server.congruence.scenario import Scenario, plain

VECTOR = [0.1] * catalog.DIM
INVALID, MISSING = StatusCode.INVALID_ARGUMENT, StatusCode.NOT_FOUND


def create(collection: str, alias: str) -> models.CreateAliasOperation:
    return models.CreateAliasOperation(
        create_alias=models.CreateAlias(collection_name=collection, alias_name=alias)
    )


def drop(alias: str) -> models.DeleteAliasOperation:
    return models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))


def rename(old: str, new: str) -> models.RenameAliasOperation:
    return models.RenameAliasOperation(
        rename_alias=models.RenameAlias(old_alias_name=old, new_alias_name=new)
    )


def _aliases(client: QdrantClient, name: str) -> Any:
    return sorted(each.alias_name for each in client.get_collection_aliases(name).aliases)


def _an_alias(client: QdrantClient, name: str) -> Any:
    alias = f"{name}_alias"
    client.update_collection_aliases([create(name, alias)])
    client.upsert(alias, catalog.points(1, start=30), wait=True)
    hits = client.query_points(alias, catalog.query_vector(1), using="pool", limit=3).points
    return {
        "count": [client.count(alias).count, client.count(name).count],
        "hits": [plain(hit) for hit in hits],
        "aliases": [each == alias for each in _aliases(client, name)],
    }


def _alias_actions(client: QdrantClient, name: str) -> Any:
    one, two = f"{name}_1", f"{name}_2"
    seen = []
    steps: list[list[Any]] = [
        [create(name, one), create(name, two)],
        [drop(one), rename(two, one)],
        [create(name, one)],
        [drop(one), create(name, two), create(name, one)],
        [drop(f"{name}_not_there")],
    ]
    for actions in steps:
        client.update_collection_aliases(actions)
        seen.append(_aliases(client, name))
    return [[alias[-1] for alias in each] for each in seen]


def _an_alias_moves(client: QdrantClient, name: str) -> Any:
    other, alias = f"{name}_other", f"{name}_alias"
    catalog.make(client, other, 5)
    client.update_collection_aliases([create(name, alias)])
    counts = [client.count(alias).count]
    client.update_collection_aliases([drop(alias), create(other, alias)])
    counts.append(client.count(alias).count)
    client.update_collection_aliases([create(name, alias)])
    counts.append(client.count(alias).count)
    client.delete_collection(other)
    return [*counts, client.collection_exists(other)]


def _unnamed(distance: models.Distance) -> Scenario:
    """A collection with one unnamed vector, and what each distance makes of it."""

    def ask(client: QdrantClient, name: str) -> Any:
        other = f"{name}_unnamed"
        client.create_collection(other, models.VectorParams(size=catalog.DIM, distance=distance))
        points = [
            models.PointStruct(id=number, vector=(2 * catalog.tokens(number)[0]).tolist())
            for number in range(1, 20)
        ]
        client.upsert(other, points, wait=True)
        hits = client.query_points(other, catalog.query_vector(3), with_vectors=True).points
        near = client.query_points(other, 7, score_threshold=hits[4].score).points
        client.delete_collection(other)
        return [plain(hit) for hit in [*hits, *near]]

    return Scenario(ask)


COLLECTIONS: dict[str, Scenario] = {
    "an alias stands for its collection": Scenario(_an_alias),
    "alias actions": Scenario(_alias_actions),
    "an alias moves and comes back": Scenario(_an_alias_moves),
    **{f"unnamed, {each.value}": _unnamed(each) for each in models.Distance},
    "delete what is not there": Scenario(lambda c, n: c.delete_collection(f"{n}_not_there")),
    "alias of no collection": Scenario(
        lambda c, n: c.update_collection_aliases([create(f"{n}_not_there", f"{n}_x")]), MISSING
    ),
    "rename no alias": Scenario(
        lambda c, n: c.update_collection_aliases([rename(f"{n}_not_there", f"{n}_x")]), MISSING
    ),
    "alias with a collection's name": Scenario(
        lambda c, n: c.update_collection_aliases([create(n, n)]), INVALID
    ),
    "create what is there": Scenario(
        lambda c, n: c.create_collection(n, catalog.PLAIN), StatusCode.ALREADY_EXISTS
    ),
    "create with a name unfit for a file": Scenario(
        lambda c, n: c.create_collection(f"{n}/x", catalog.PLAIN), INVALID
    ),
    "create with a size of 0": Scenario(
        lambda c, n: c.create_collection(
            f"{n}_x", models.VectorParams(size=0, distance=models.Distance.DOT)
        ),
        INVALID,
    ),
}


_NO_INDEXES = (
    "It has no payload indexes, as it warns itself, and so needs none; Qdrant's documentation of "
    "ordered scrolls and of facets asks for one, and its engine refuses without."
)

REFUSED: dict[str, Scenario] = {
    "a short query": Scenario(lambda c, n: c.query_points(n, VECTOR[:-1], using="pool"), INVALID),
    "ragged rows": Scenario(
        lambda c, n: c.query_points(n, [VECTOR, VECTOR[:-1]], using="tokens"), INVALID
    ),
    "rows for one vector": Scenario(
        lambda c, n: c.query_points(n, [VECTOR, VECTOR], using="pool"), INVALID
    ),
    "an unknown vector": Scenario(lambda c, n: c.query_points(n, VECTOR, using="other"), INVALID),
    "no vector named": Scenario(lambda c, n: c.query_points(n, VECTOR), INVALID),
    "an unknown vector to return": Scenario(
        lambda c, n: c.retrieve(n, [10], with_vectors=["other"]),
        INVALID,
        "It leaves the name out. Qdrant's engine (qdrant-edge-py 0.9.0) refuses it by itself: "
        "Not existing vector name error.",
    ),
    "limit 0": Scenario(lambda c, n: c.query_points(n, VECTOR, using="pool", limit=0), INVALID),
    "scroll limit 0": Scenario(lambda c, n: c.scroll(n, limit=0), INVALID),
    "a prefetch without a query": Scenario(
        lambda c, n: c.query_points(
            n, prefetch=models.Prefetch(query=VECTOR, using="pool", limit=5)
        ),
        INVALID,
    ),
    "a bad path": Scenario(
        lambda c, n: c.count(
            n, models.Filter(must=[models.IsEmptyCondition(is_empty={"key": "a..b["})])
        ),
        INVALID,
    ),
    "min should of none": Scenario(
        lambda c, n: c.count(
            n,
            models.Filter(
                min_should=models.MinShould(
                    conditions=[models.HasIdCondition(has_id=[10])], min_count=0
                )
            ),
        ),
        INVALID,
    ),
    "order by a field without an index": Scenario(
        lambda c, n: c.scroll(n, order_by="maker.since"), INVALID, _NO_INDEXES
    ),
    "facet of a field without an index": Scenario(
        lambda c, n: c.facet(n, "maker.since"), INVALID, _NO_INDEXES
    ),
    "offset and order": Scenario(lambda c, n: c.scroll(n, order_by="price", offset=10), INVALID),
    "a query by a missing point": Scenario(
        lambda c, n: c.query_points(n, 12345, using="pool"), MISSING
    ),
    **{
        f"{method} of no collection": Scenario(
            lambda c, n, method=method: getattr(c, method)(f"{n}_not_there"),  # type: ignore[misc]
            MISSING,
        )
        for method in ("count", "scroll", "get_collection", "query_points")
    },
}
