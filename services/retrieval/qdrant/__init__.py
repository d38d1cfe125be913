"""The product index in Qdrant. Only the modules of this package import qdrant_client.

Read `index` first: it is the adapter of both ports. The others each hold one thing it needs.
"""

from retrieval.qdrant.client import Connection, connect
from retrieval.qdrant.index import QdrantIndex
from retrieval.qdrant.pictures import QdrantPictureReferences
from retrieval.qdrant.registry import QdrantModelRegistry

__all__ = ["Connection", "QdrantIndex", "QdrantModelRegistry", "QdrantPictureReferences", "connect"]
