"""Collection settings: `CreateCollection` to the engine's configuration, and info back."""

from __future__ import annotations

import qdrant_edge as edge

from qdrant_edge_server.errors import InvalidRequest, NotOffered
from qdrant_edge_server.offered import only, set_fields
from qdrant_edge_server.schema import vector_params
from qdrant_edge_server.stubs import wire

_LARGEST_VECTOR = 65_536

_DISTANCES = {
    wire.Distance.Cosine: edge.Distance.Cosine,
    wire.Distance.Euclid: edge.Distance.Euclid,
    wire.Distance.Dot: edge.Distance.Dot,
    wire.Distance.Manhattan: edge.Distance.Manhattan,
}
_DATATYPES = {
    wire.Datatype.Default: edge.VectorStorageDatatype.Float32,
    wire.Datatype.Float32: edge.VectorStorageDatatype.Float32,
    wire.Datatype.Float16: edge.VectorStorageDatatype.Float16,
    wire.Datatype.Uint8: edge.VectorStorageDatatype.Uint8,
}
MEMORY = {
    wire.Memory.Cold: edge.Memory.Cold,
    wire.Memory.Cached: edge.Memory.Cached,
    wire.Memory.Pinned: edge.Memory.Pinned,
}
# Qdrant's defaults (its config.yaml); full_scan_threshold is in kB of vectors.
DEFAULT_HNSW = wire.HnswConfigDiff(
    m=16, ef_construct=100, full_scan_threshold=10_000, max_indexing_threads=0
)
# The engine's defaults, as `Collections.Get` tells them; thresholds of sizes are in kB.
DEFAULT_OPTIMIZERS = wire.OptimizersConfigDiff(
    deleted_threshold=0.2,
    vacuum_min_vector_number=1000,
    default_segment_number=0,
    indexing_threshold=10_000,
    flush_interval_sec=1,
)


def check_create(request: wire.CreateCollection) -> None:
    """Refuse a collection this server cannot hold.

    Raises:
        NotOffered: sharding, replication, sparse vectors, a strict mode and the like.
        InvalidRequest: no vectors, or a vector without a size or a distance.
    """
    only(
        request,
        "collection_name",
        "vectors_config",
        "hnsw_config",
        "quantization_config",
        "optimizers_config",
        "on_disk_payload",
        "shard_number",
        "replication_factor",
        "write_consistency_factor",
        "metadata",
        "timeout",
    )
    for field in ("shard_number", "replication_factor", "write_consistency_factor"):
        if request.HasField(field) and getattr(request, field) != 1:
            raise NotOffered(f"CreateCollection.{field} above 1 is not offered by this server.")
    if not vector_params(request.vectors_config):
        raise InvalidRequest("Wrong input: a collection needs at least one vector.")


def engine_config(request: wire.CreateCollection) -> edge.EdgeConfig:
    """The engine's configuration of a collection.

    Raises:
        NotOffered, InvalidRequest: a parameter the engine or this server does not know.
    """
    return edge.EdgeConfig(
        vectors={
            name: _vector(params, request)
            for name, params in vector_params(request.vectors_config).items()
        },
        on_disk_payload=request.on_disk_payload if request.HasField("on_disk_payload") else None,
        optimizers=_optimizers(request.optimizers_config),
    )


def _vector(params: wire.VectorParams, request: wire.CreateCollection) -> edge.EdgeVectorParams:
    if not 1 <= params.size <= _LARGEST_VECTOR:
        raise InvalidRequest(f"Wrong input: a vector's size is 1 to {_LARGEST_VECTOR}.")
    if params.distance not in _DISTANCES:
        raise InvalidRequest("Wrong input: a vector needs a distance.")
    if params.datatype not in _DATATYPES:
        raise NotOffered("VectorParams.datatype of this kind is not offered by this server.")
    quantization = (
        params.quantization_config
        if params.HasField("quantization_config")
        else request.quantization_config
    )
    return edge.EdgeVectorParams(
        size=params.size,
        distance=_DISTANCES[params.distance],
        on_disk=params.on_disk if params.HasField("on_disk") else None,
        multivector_config=(
            edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim)
            if params.HasField("multivector_config")
            else None
        ),
        datatype=_DATATYPES[params.datatype],
        quantization_config=_quantization(quantization),
        hnsw_config=_hnsw(merged_hnsw(request.hnsw_config, params.hnsw_config)),
        memory=_memory(params),
    )


def merged_hnsw(*diffs: wire.HnswConfigDiff) -> wire.HnswConfigDiff:
    """Qdrant's defaults with each of `diffs` laid over them in turn."""
    merged = wire.HnswConfigDiff()
    merged.CopyFrom(DEFAULT_HNSW)
    for diff in diffs:
        merged.MergeFrom(diff)
    return merged


def _hnsw(config: wire.HnswConfigDiff) -> edge.HnswIndexConfig:
    return edge.HnswIndexConfig(
        m=config.m,
        ef_construct=config.ef_construct,
        full_scan_threshold=config.full_scan_threshold,
        max_indexing_threads=config.max_indexing_threads,
        on_disk=config.on_disk if config.HasField("on_disk") else None,
        payload_m=config.payload_m if config.HasField("payload_m") else None,
        inline_storage=config.inline_storage if config.HasField("inline_storage") else None,
        memory=_memory(config),
    )


def _quantization(config: wire.QuantizationConfig) -> edge.ScalarQuantizationConfig | None:
    match config.WhichOneof("quantization"):
        case None:
            return None
        case "scalar":
            scalar = config.scalar
            if scalar.type != wire.QuantizationType.Int8:
                raise InvalidRequest("Wrong input: scalar quantization needs the type Int8.")
            return edge.ScalarQuantizationConfig(
                type=edge.ScalarType.Int8,
                quantile=scalar.quantile if scalar.HasField("quantile") else None,
                always_ram=scalar.always_ram if scalar.HasField("always_ram") else None,
                memory=_memory(scalar),
            )
        case kind:
            raise NotOffered(f"QuantizationConfig.{kind} is not offered by this server.")


def _optimizers(config: wire.OptimizersConfigDiff) -> edge.EdgeOptimizersConfig:
    offered = (
        "deleted_threshold",
        "vacuum_min_vector_number",
        "default_segment_number",
        "max_segment_size",
        "indexing_threshold",
    )
    only(config, *offered)
    return edge.EdgeOptimizersConfig(**set_fields(config, offered))


def _memory(
    message: wire.VectorParams | wire.HnswConfigDiff | wire.ScalarQuantization,
) -> edge.Memory | None:
    return MEMORY.get(message.memory) if message.HasField("memory") else None
