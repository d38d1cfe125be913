"""One model's collection as a whole: that it exists, and whether it is the live one."""

from typing import TypeVar

from qdrant_client import AsyncQdrantClient, models

from retrieval.breaker import Breaker
from retrieval.domain import Deadline, FilterableFields, Observe, Trace, ignore_trace
from retrieval.errors import DependencyBroken
from retrieval.qdrant import schema
from retrieval.qdrant.calls import Call, Calls

_Answer = TypeVar("_Answer")


class Collection:
    """The collection of a model, and calls of its client under their budgets.

    Args:
        client: the connection.
        name: of the collection.
        embed_dim: D.
        fields: filterable fields; each gets a payload index.
        budget_s: for what a search waits for.
        bulk_budget_s: for each other call.
        observe, trace: told of each call.
    """

    def __init__(
        self,
        client: AsyncQdrantClient,
        name: str,
        *,
        embed_dim: int,
        fields: FilterableFields,
        budget_s: float,
        bulk_budget_s: float,
        observe: Observe,
        trace: Trace = ignore_trace,
    ) -> None:
        self.name = name
        self._client = client
        self._embed_dim = embed_dim
        self._fields = fields
        self._budget_s = budget_s
        self._bulk_budget_s = bulk_budget_s
        self.calls = Calls(client, observe, trace, Breaker(patience_s=budget_s / 2))

    async def search(self, operation: str, call: Call[_Answer], deadline: Deadline) -> _Answer:
        """Make a read that a search waits for."""
        return await self.calls.read(
            operation, call, deadline, self._budget_s, collection=self.name
        )

    async def read(self, operation: str, call: Call[_Answer], deadline: Deadline) -> _Answer:
        """Make any other read."""
        return await self.calls.read(
            operation, call, deadline, self._bulk_budget_s, collection=self.name
        )

    async def write(self, operation: str, call: Call[_Answer], deadline: Deadline) -> _Answer:
        """Make a write, once."""
        return await self.calls.write(
            operation, call, deadline, self._bulk_budget_s, collection=self.name
        )

    async def exists(self, deadline: Deadline) -> bool:
        """Whether the server has this collection."""
        return await self.read(
            "collection_exists", lambda _: self._client.collection_exists(self.name), deadline
        )

    async def live(self, deadline: Deadline) -> str | None:
        """The name of the collection that the alias points to; None without an alias."""
        answer = await self.read("get_aliases", lambda _: self._client.get_aliases(), deadline)
        names = {alias.alias_name: alias.collection_name for alias in answer.aliases}
        return names.get(schema.ALIAS)

    async def ensure(self, deadline: Deadline) -> None:
        """Create what is missing of the collection, its payload indexes and the alias.

        May be called again at any time, also by several replicas at once. An alias that exists
        is never moved: which model is live is decided elsewhere.
        """
        await self.prepare(deadline)
        if await self.live(deadline) is None:
            await self._create_alias(deadline)

    async def prepare(self, deadline: Deadline) -> None:
        """Do as `ensure` does, but leave the alias as it is."""
        if not await self.exists(deadline):
            await self._create(deadline)
        for path, index in schema.payload_indexes(self._fields).items():
            await self._create_payload_index(path, index, deadline)

    async def _create(self, deadline: Deadline) -> None:
        try:
            await self.write(
                "create_collection",
                lambda timeout_s: self._client.create_collection(
                    self.name,
                    vectors_config=schema.vectors_config(self._embed_dim),
                    timeout=timeout_s,
                ),
                deadline,
            )
        except DependencyBroken:
            # Refused: another replica was faster, or it is a refusal indeed.
            if not await self.exists(deadline):
                raise

    async def _create_payload_index(
        self, path: str, index: schema.PayloadIndex, deadline: Deadline
    ) -> None:
        await self.write(
            "create_payload_index",
            lambda timeout_s: self._client.create_payload_index(
                self.name, path, index, wait=True, timeout=timeout_s
            ),
            deadline,
        )

    async def _create_alias(self, deadline: Deadline) -> None:
        alias = models.CreateAlias(collection_name=self.name, alias_name=schema.ALIAS)
        await self.write(
            "update_collection_aliases",
            lambda timeout_s: self._client.update_collection_aliases(
                [models.CreateAliasOperation(create_alias=alias)], timeout=timeout_s
            ),
            deadline,
        )
