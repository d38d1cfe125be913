"""qdrant.Collections: one method a call, message in, message out."""

from __future__ import annotations

from qdrant_edge_server.convert_info import collection_info
from qdrant_edge_server.offered import only
from qdrant_edge_server.store import Store
from qdrant_edge_server.stubs import wire


class CollectionsService:
    """Collections and aliases. Raises `Refusal` for what it will not do."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, request: wire.GetCollectionInfoRequest) -> wire.GetCollectionInfoResponse:
        collection = self._store.get(request.collection_name)
        return wire.GetCollectionInfoResponse(result=collection_info(collection))

    def list(self, request: wire.ListCollectionsRequest) -> wire.ListCollectionsResponse:
        names = sorted(self._store.state.collections)
        return wire.ListCollectionsResponse(
            collections=[wire.CollectionDescription(name=name) for name in names]
        )

    def exists(self, request: wire.CollectionExistsRequest) -> wire.CollectionExistsResponse:
        exists = self._store.find(request.collection_name) is not None
        return wire.CollectionExistsResponse(result=wire.CollectionExists(exists=exists))

    def create(self, request: wire.CreateCollection) -> wire.CollectionOperationResponse:
        self._store.create(request)
        return wire.CollectionOperationResponse(result=True)

    def update(self, request: wire.UpdateCollection) -> wire.CollectionOperationResponse:
        """Merge the collection's metadata; a null removes its key. Nothing else can change."""
        only(request, "collection_name", "metadata", "timeout")
        collection = self._store.get(request.collection_name)
        config = wire.CreateCollection()
        config.CopyFrom(collection.record.config)
        for key, value in request.metadata.items():
            if value.WhichOneof("kind") == "null_value":
                config.metadata.pop(key, None)
            else:
                config.metadata[key].CopyFrom(value)
        self._store.set_config(collection, config)
        return wire.CollectionOperationResponse(result=True)

    def delete(self, request: wire.DeleteCollection) -> wire.CollectionOperationResponse:
        return wire.CollectionOperationResponse(result=self._store.delete(request.collection_name))

    def update_aliases(self, request: wire.ChangeAliases) -> wire.CollectionOperationResponse:
        self._store.change_aliases(request.actions)
        return wire.CollectionOperationResponse(result=True)

    def list_aliases(self, request: wire.ListAliasesRequest) -> wire.ListAliasesResponse:
        return _aliases(dict(self._store.state.aliases))

    def list_collection_aliases(
        self, request: wire.ListCollectionAliasesRequest
    ) -> wire.ListAliasesResponse:
        name = self._store.get(request.collection_name).name
        aliases = self._store.state.aliases.items()
        return _aliases({alias: target for alias, target in aliases if target == name})


def _aliases(aliases: dict[str, str]) -> wire.ListAliasesResponse:
    return wire.ListAliasesResponse(
        aliases=[
            wire.AliasDescription(alias_name=alias, collection_name=target)
            for alias, target in sorted(aliases.items())
        ]
    )
