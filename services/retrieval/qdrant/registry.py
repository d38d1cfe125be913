"""The collections of all models, the alias of the live one, and how far each swap has come.

A swap's record lies in the metadata of the collection that it leads to, as an audit's choice does:
it goes where the collection goes, and whoever runs the next step, anywhere, reads the same.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from qdrant_client import AsyncQdrantClient, models

from retrieval.bundle import SHORT_DIGEST_LENGTH
from retrieval.domain import (
    Deadline,
    IndexedModels,
    Observe,
    SwapRecord,
    Trace,
    ignore_observation,
    ignore_trace,
)
from retrieval.errors import DependencyBroken, ServiceUnavailable
from retrieval.ports import BULK_BUDGET_S
from retrieval.qdrant.calls import Calls
from retrieval.qdrant.failures import DEPENDENCY
from retrieval.qdrant.schema import ALIAS, collection_name

METADATA_KEY: Final = "recompose_swap"
_FORMAT: Final = 1
_RECORD: Final = TypeAdapter(SwapRecord)


class QdrantModelRegistry:
    """The `ModelRegistry` port over one Qdrant address.

    Args:
        client: from `connect`; indexes may share it.
        budget_s: for each call.
        observe, trace: told of each call.
    """

    def __init__(
        self,
        client: AsyncQdrantClient,
        *,
        budget_s: float = BULK_BUDGET_S,
        observe: Observe = ignore_observation,
        trace: Trace = ignore_trace,
    ) -> None:
        self._client = client
        self._budget_s = budget_s
        self._calls = Calls(client, observe, trace)

    async def models(self, deadline: Deadline) -> IndexedModels:
        """Which models have a collection, and which is live."""
        answer = await self._calls.read(
            "get_collections", lambda _: self._client.get_collections(), deadline, self._budget_s
        )
        found = {one.name for one in answer.collections}
        aliases = await self._calls.read(
            "get_aliases", lambda _: self._client.get_aliases(), deadline, self._budget_s
        )
        names = {alias.alias_name: alias.collection_name for alias in aliases.aliases}
        live = _model_of(names[ALIAS]) if ALIAS in names else None
        # The alias may name a collection that was made after the first answer.
        named = {*map(_model_of, found), live or ""}
        return IndexedModels(live, frozenset(named - {""}))

    async def move(self, model: str, deadline: Deadline) -> None:
        """Make a model the live one, in one step."""
        alias = models.CreateAlias(collection_name=collection_name(model), alias_name=ALIAS)
        await self._calls.write(
            "update_collection_aliases",
            lambda timeout_s: self._client.update_collection_aliases(
                [
                    models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=ALIAS)),
                    models.CreateAliasOperation(create_alias=alias),
                ],
                timeout=timeout_s,
            ),
            deadline,
            self._budget_s,
        )

    async def delete_from(
        self, model: str, point_ids: Sequence[uuid.UUID], deadline: Deadline
    ) -> None:
        """Remove points from a model's collection; neither need exist."""
        selector = models.PointIdsList(points=[*map(str, point_ids)])
        try:
            await self._calls.write(
                "delete",
                lambda timeout_s: self._client.delete(
                    collection_name(model),
                    selector,
                    wait=True,
                    ordering=models.WriteOrdering.STRONG,
                    timeout=timeout_s,
                ),
                deadline,
                self._budget_s,
                collection=collection_name(model),
            )
        except ServiceUnavailable:
            return  # retired meanwhile

    async def drop(self, model: str, deadline: Deadline) -> None:
        """Remove a model's collection; it need not exist."""
        await self._calls.write(
            "delete_collection",
            lambda timeout_s: self._client.delete_collection(
                collection_name(model), timeout=timeout_s
            ),
            deadline,
            self._budget_s,
        )

    async def record(self, model: str, deadline: Deadline) -> SwapRecord:
        """How far a swap to this model has come; a blank one where nothing was kept.

        Raises:
            DependencyBroken: a record of another version, which must not be taken for none.
        """
        info = await self._calls.read(
            "get_collection",
            lambda _: self._client.get_collection(collection_name(model)),
            deadline,
            self._budget_s,
        )
        kept = (info.config.metadata or {}).get(METADATA_KEY)
        return SwapRecord() if kept is None else _from_json(kept)

    async def keep_record(self, model: str, record: SwapRecord, deadline: Deadline) -> None:
        """Keep a record with the model's collection, durably, in place of an older one.

        Raises:
            DependencyBroken: also where this Qdrant takes metadata and forgets it.
        """
        await self._calls.write(
            "update_collection",
            lambda timeout_s: self._client.update_collection(
                collection_name(model),
                metadata={METADATA_KEY: {"format": _FORMAT, **asdict(record)}},
                timeout=timeout_s,
            ),
            deadline,
            self._budget_s,
        )
        if await self.record(model, deadline) != record:
            raise DependencyBroken(dependency=DEPENDENCY)

    async def close(self) -> None:
        """Close the client, for everyone who shares it."""
        await self._client.close()


def _model_of(collection: str) -> str:
    """The short digest in a collection's name; empty where it is none of ours."""
    model = collection.removeprefix(f"{ALIAS}_")
    ours = len(model) == SHORT_DIGEST_LENGTH and set(model) <= set("0123456789abcdef")
    return model if ours and model != collection else ""


def _from_json(kept: Any) -> SwapRecord:
    try:
        if not isinstance(kept, Mapping) or kept.get("format") != _FORMAT:
            raise DependencyBroken(dependency=DEPENDENCY)
        return _RECORD.validate_python({k: v for k, v in kept.items() if k != "format"})
    except ValidationError:
        raise DependencyBroken(dependency=DEPENDENCY) from None
