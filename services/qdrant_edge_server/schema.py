"""The vectors of a collection, as the guards need them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from qdrant_edge_server.stubs import wire

DEFAULT_VECTOR = ""  # Qdrant's name for the vector of a collection that names none


@dataclass(frozen=True)
class VectorSchema:
    """One named vector: `size` numbers, or rows of `size` numbers where `multi`."""

    size: int
    multi: bool


def vector_params(config: wire.VectorsConfig) -> Mapping[str, wire.VectorParams]:
    """The parameters of each vector by name; the unnamed vector is called ""."""
    if config.WhichOneof("config") == "params":
        return {DEFAULT_VECTOR: config.params}
    return dict(config.params_map.map)


def vector_schemas(config: wire.VectorsConfig) -> Mapping[str, VectorSchema]:
    """The shape of each vector by name."""
    return MappingProxyType(
        {
            name: VectorSchema(size=params.size, multi=params.HasField("multivector_config"))
            for name, params in vector_params(config).items()
        }
    )
