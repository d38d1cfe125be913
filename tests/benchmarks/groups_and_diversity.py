"""What groups and diversity cost a search, side by side with the same search without them.

    PYTHONPATH=services:. .venv/bin/python -m tests.benchmarks.groups_and_diversity

Fills the Qdrant stand-in with drawn products of the demo catalog's number and the demo model's
sizes, three to a style, and asks it as the gateway does, by each shape in turn. It prints the
median and the slowest tenth in milliseconds, both as a ratio to the plain search, and the bytes of
what the shape reads besides: the group's attribute with each hit, or pooled vectors.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np

from gateway.diversity import HEAD, diversified
from gateway.grouping import best_of_groups, in_order
from retrieval.bundle import load_bundle
from retrieval.domain import (
    Deadline,
    F32Array,
    FieldKind,
    IndexedProduct,
    IndexQuery,
    Pooled,
    Product,
    Ranked,
)
from retrieval.qdrant import QdrantIndex, connect
from tests.support.index_cases import random_tokens, unit
from tests.support.qdrant import running_qdrant

ROOT = Path(__file__).parents[2]
SHAPES = ("plain", "grouped", "diverse", "grouped and diverse")
RANKING_DEPTH, PREFETCH_DEPTH = 200, 300  # the default, and the demo catalog's after its audit


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--products", type=int, default=3000, help="default: %(default)s")
    parser.add_argument("--style", type=int, default=3, help="products (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=40, help="default: %(default)s")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_qdrant(Path(folder)) as server:
        asyncio.run(measure(server.url, chosen.products, chosen.style, chosen.rounds))


async def measure(url: str, products: int, style: int, rounds: int) -> None:
    """Fill an index, ask it, and print the table."""
    sizes = load_bundle(ROOT / "models").sizes
    index = QdrantIndex(
        connect(url),
        digest=uuid.uuid4().hex,
        query_tokens=sizes.query_tokens,
        embed_dim=sizes.embed_dim,
        fields={"style": FieldKind.KEYWORD},
        budget_s=60.0,
        bulk_budget_s=600.0,
    )
    await index.ensure_collection(_soon())
    tokens = random_tokens(
        products, seed=0, query_tokens=sizes.query_tokens, embed_dim=sizes.embed_dim
    )
    await index.put(
        [
            IndexedProduct(Product(f"p{n}", "", {"style": f"style {n // style}"}), own)
            for n, own in enumerate(tokens)
        ],
        _soon(),
    )
    random = np.random.default_rng(1)
    seconds: dict[str, list[float]] = {shape: [] for shape in SHAPES}
    for turn in range(rounds + 3):
        near = tokens[random.integers(products), 0]
        query = unit(near + random.normal(size=near.shape) / np.sqrt(near.size))
        for shape in SHAPES:
            started = time.perf_counter()
            await _ask(index, query, shape)
            if turn >= 3:
                seconds[shape].append(time.perf_counter() - started)
    await index.close()

    plain = np.median(seconds["plain"])
    print(f"{products} products, K={sizes.query_tokens}, D={sizes.embed_dim}, {style} to a style")
    print("| search | median ms | p90 ms | ratio of medians |\n|---|---|---|---|")
    for shape, each in seconds.items():
        median, p90 = np.median(each), np.quantile(each, 0.9)
        print(f"| {shape} | {median * 1e3:.1f} | {p90 * 1e3:.1f} | {median / plain:.2f} |")
    vectors = HEAD * sizes.embed_dim * 4
    print(f"diversity reads {vectors} bytes of vectors (tokens: {vectors * sizes.query_tokens})")


async def _ask(index: QdrantIndex, vector: F32Array, shape: str) -> list[Ranked]:
    """As `gateway.search` ranks."""
    query = IndexQuery("default", vector, RANKING_DEPTH, route=Pooled(PREFETCH_DEPTH))
    if "grouped" in shape:
        ranked = await best_of_groups(index, query, "style", _soon())
    else:
        ranked = in_order(await index.search(query, _soon()))
    if "diverse" in shape:
        pools = await index.pools([hit.point_id for hit in ranked[:HEAD]], _soon())
        ranked = diversified(ranked, pools, 0.3)
    return ranked


def _soon() -> Deadline:
    return Deadline.after(600)


if __name__ == "__main__":
    main()
