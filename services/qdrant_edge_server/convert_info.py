"""What `Collections.Get` tells of a collection."""

from __future__ import annotations

from qdrant_edge_server.collection import Collection
from qdrant_edge_server.convert_config import DEFAULT_OPTIMIZERS, merged_hnsw
from qdrant_edge_server.convert_index import index_info
from qdrant_edge_server.stubs import wire


def collection_info(collection: Collection) -> wire.CollectionInfo:
    """Counts from the engine, settings from the request that made the collection.

    The status is always green: nothing is optimised behind the server's back.
    """
    shard = collection.read("Info", lambda open_shard: open_shard.info())
    info = wire.CollectionInfo(
        status=wire.CollectionStatus.Green,
        optimizer_status=wire.OptimizerStatus(ok=True),
        segments_count=shard.segments_count,
        points_count=shard.points_count,
        indexed_vectors_count=shard.indexed_vectors_count,
        config=_config(collection.record.config),
        payload_schema={field: index_info(index) for field, index in shard.payload_schema.items()},
    )
    info.created_at.FromNanoseconds(int(collection.record.created_at_s * 1e9))
    return info


def _config(made: wire.CreateCollection) -> wire.CollectionConfig:
    config = wire.CollectionConfig(
        params=wire.CollectionParams(
            shard_number=1,
            on_disk_payload=made.on_disk_payload if made.HasField("on_disk_payload") else True,
            vectors_config=made.vectors_config,
            replication_factor=1,
            write_consistency_factor=1,
        ),
        hnsw_config=merged_hnsw(made.hnsw_config),
        optimizer_config=DEFAULT_OPTIMIZERS,
        wal_config=wire.WalConfigDiff(wal_capacity_mb=32, wal_segments_ahead=0),
        metadata=made.metadata,
    )
    config.optimizer_config.MergeFrom(made.optimizers_config)
    if made.HasField("quantization_config"):
        config.quantization_config.CopyFrom(made.quantization_config)
    return config
