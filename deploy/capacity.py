"""How much of everything a catalog needs: the arithmetic of ARCHITECTURE.md, "Past one machine".

    .venv/bin/python -m deploy.capacity

prints the table; a test holds the page to it. Change a figure here, not there.
"""

import math
from dataclasses import dataclass
from typing import Final

GB: Final = 1e9
TB: Final = 1e12

# The model at full size (SPRC with ViT-g; published): 32 tokens of 256 for each product.
TOKENS_FLOAT16_BYTES: Final = 32 * 256 * 2
TOKENS_INT8_BYTES: Final = 32 * 256
POOL_FLOAT32_BYTES: Final = 256 * 4
POOL_INT8_BYTES: Final = 256
# HNSW with m=16: 32 links of 4 bytes on the lowest layer, 7 % more above it (Malkov and Yashunin).
GRAPH_BYTES: Final = 32 * 4 * 1.07
# Measured: what the fields of a product of the demo catalog take.
FIELDS_BYTES: Final = 500
# Assumed: payload indexes and the table of ids, in memory.
KEYS_BYTES: Final = 150

# Counted on the graphs: a picture, and a composed query whose picture is known.
PICTURE_FLOP: Final = 521e9
QUERY_FLOP: Final = 29e9
# Published for NVIDIA's L4 (dense FP16); assumed that 40 % of it is reached.
GPU_FLOP_S: Final = 121e12 * 0.4
# Assumed: the price of such a GPU.
GPU_HOUR_USD: Final = 0.8
# Measured: `image_embeds` of one picture as Redis keeps them.
EMBEDS_BYTES: Final = 724e3

# Measured on one slow core: processor time of a search whose picture is known, in the gateway, and
# in the index's engine with 3,000 products; a real shard's graph is deeper, its server faster.
GATEWAY_CORE_S: Final = 0.0136
INDEX_CORE_S: Final = 0.0077
# Each candidate's tokens are one read; the depth before an audit has chosen.
READS: Final = 1000
# Assumed: a node of Qdrant, and how far it is filled.
NODE_MEMORY: Final = 64 * GB * 0.6
NODE_DISK: Final = 2 * TB * 0.7
NODE_CORES: Final = 16 * 0.6
NODE_READS_S: Final = 500e3
# Assumed: one search in ten shows a picture that is in no cache, and the pictures of an hour are
# kept, of which one in ten is another.
NEW_PICTURES: Final = 0.1
HOT_SEARCHES: Final = 3600 * 0.1


@dataclass(frozen=True)
class Need:
    """What a catalog needs, for its number of products and its searches a second at the peak."""

    products: float
    searches_s: float

    @property
    def disk_bytes(self) -> float:
        """One copy of the index."""
        vectors = TOKENS_FLOAT16_BYTES + TOKENS_INT8_BYTES + POOL_FLOAT32_BYTES + POOL_INT8_BYTES
        return self.products * (vectors + GRAPH_BYTES + FIELDS_BYTES + KEYS_BYTES)

    @property
    def memory_bytes(self) -> float:
        """What of one copy is pinned: candidates are found in memory, tokens read from disk."""
        pool = POOL_FLOAT32_BYTES + POOL_INT8_BYTES
        return self.products * (pool + GRAPH_BYTES + KEYS_BYTES)

    @property
    def shards(self) -> int:
        """Nodes that hold one copy."""
        return math.ceil(max(self.disk_bytes / NODE_DISK, self.memory_bytes / NODE_MEMORY))

    @property
    def replicas(self) -> int:
        """Copies. Every shard takes part in every search, so that copies alone share the load."""
        cores = self.searches_s * INDEX_CORE_S / NODE_CORES
        reads = self.searches_s * READS / NODE_READS_S
        return max(2, math.ceil(cores), math.ceil(reads))

    @property
    def gpus(self) -> int:
        flop = QUERY_FLOP + NEW_PICTURES * PICTURE_FLOP
        return max(2, math.ceil(self.searches_s * flop / GPU_FLOP_S))

    @property
    def gateway_cores(self) -> int:
        return max(2, math.ceil(self.searches_s * GATEWAY_CORE_S / 0.6))

    @property
    def redis_bytes(self) -> float:
        return self.searches_s * HOT_SEARCHES * EMBEDS_BYTES

    @property
    def import_gpu_hours(self) -> float:
        return self.products * PICTURE_FLOP / GPU_FLOP_S / 3600


NEEDS: Final = (Need(1e5, 10), Need(1e7, 200), Need(1e9, 5000))


def size(amount: float) -> str:
    """Bytes to two figures."""
    for unit, name in ((TB, "TB"), (GB, "GB")):
        if amount >= unit:
            return f"{rounded(amount / unit)} {name}"
    return f"{rounded(amount / 1e6)} MB"


def rounded(number: float) -> str:
    """Two figures, with commas."""
    digits = max(0, 1 - math.floor(math.log10(number)))
    step = 10.0 ** (math.floor(math.log10(number)) - 1)
    return f"{round(number / step) * step:,.{digits}f}"


def table() -> str:
    """The page's table, in Markdown."""
    hours = [need.import_gpu_hours for need in NEEDS]
    rows = [
        ("products", [f"{need.products:,.0f}" for need in NEEDS]),
        ("searches a second at the peak (assumed)", [f"{need.searches_s:,}" for need in NEEDS]),
        ("index, one copy on disk", [size(need.disk_bytes) for need in NEEDS]),
        ("of it pinned in memory", [size(need.memory_bytes) for need in NEEDS]),
        ("Qdrant: shards x copies", [f"{need.shards} x {need.replicas}" for need in NEEDS]),
        ("GPUs (L4)", [f"{need.gpus}" for need in NEEDS]),
        ("cores for gateways", [f"{need.gateway_cores}" for need in NEEDS]),
        ("Redis, hot references", [size(need.redis_bytes) for need in NEEDS]),
        (
            "import, in hours of one GPU",
            [f"{rounded(hour)} (${rounded(hour * GPU_HOUR_USD)})" for hour in hours],
        ),
    ]
    head, *rest = [f"| {name} | {' | '.join(cells)} |" for name, cells in rows]
    return "\n".join([head, "|---|" + "---|" * len(NEEDS), *rest])


if __name__ == "__main__":
    print(table())
