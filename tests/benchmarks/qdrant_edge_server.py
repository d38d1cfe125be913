"""What qdrant_edge_server costs on this machine: acknowledged writes, and the longest waits.

    PYTHONPATH=services:. .venv/bin/python -m tests.benchmarks.qdrant_edge_server flush
    PYTHONPATH=services:. .venv/bin/python -m tests.benchmarks.qdrant_edge_server stalls

`flush` times upserts of 1, 32 and 256 products, synced before the answer (wait=True) and not.
`stalls` fills a collection, then searches it without a pause while it is optimised beside the
service and written to, and tells the longest search and the longest write. Both work in a folder
that they make in `--folder`, so name one on the disk that matters.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from qdrant_client import QdrantClient, models

from tests.support.qdrant import running_qdrant

NAME = "products"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["flush", "stalls"])
    parser.add_argument("--products", type=int, default=10_000, help="default: %(default)s")
    parser.add_argument("--tokens", type=int, default=8, help="of a product (default: %(default)s)")
    parser.add_argument("--dim", type=int, default=64, help="of a vector (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path("/tmp"), help="default: %(default)s")
    chosen = parser.parse_args()
    catalog = Products(chosen.tokens, chosen.dim)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        if chosen.what == "flush":
            flush(catalog, Path(folder))
        else:
            stalls(catalog, Path(folder), chosen.products)


class Products:
    """Drawn products: tokens that resemble each other, and their mean."""

    def __init__(self, tokens: int, dim: int) -> None:
        self.tokens, self.dim = tokens, dim
        self._random = np.random.default_rng(0)
        self._asked = np.random.default_rng(1)  # searches run on a thread of their own

    def config(self) -> dict[str, models.VectorParams]:
        """As Recompose makes its collection."""
        int8 = models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        )
        common: dict[str, Any] = {"size": self.dim, "distance": models.Distance.DOT}
        return {
            "tokens": models.VectorParams(
                **common,
                multivector_config=models.MultiVectorConfig(
                    comparator=models.MultiVectorComparator.MAX_SIM
                ),
                datatype=models.Datatype.FLOAT16,
                on_disk=True,
                hnsw_config=models.HnswConfigDiff(m=0),
                quantization_config=int8,
            ),
            "pool": models.VectorParams(
                **common,
                hnsw_config=models.HnswConfigDiff(m=16, ef_construct=128),
                quantization_config=int8,
            ),
        }

    def make(self, client: QdrantClient) -> None:
        client.create_collection(NAME, vectors_config=self.config())
        client.create_payload_index(NAME, "color", models.PayloadSchemaType.KEYWORD)
        client.create_payload_index(NAME, "price", models.PayloadSchemaType.FLOAT)

    def points(self, start: int, count: int) -> list[models.PointStruct]:
        rows = self._random.normal(size=(count, self.tokens, self.dim))
        rows += self._random.normal(size=(count, 1, self.dim))
        rows /= np.linalg.norm(rows, axis=2, keepdims=True)
        return [
            models.PointStruct(
                id=start + number,
                vector={"tokens": own.tolist(), "pool": own.mean(axis=0).tolist()},
                payload={"color": "red", "price": float(number), "title": f"Product {number}"},
            )
            for number, own in enumerate(rows)
        ]

    def search(self, client: QdrantClient) -> None:
        """As the gateway asks: 500 candidates by pool, rescored with tokens."""
        vector = self._asked.normal(size=self.dim).tolist()
        client.query_points(
            NAME,
            [vector],
            using="tokens",
            prefetch=models.Prefetch(query=vector, using="pool", limit=500),
            search_params=models.SearchParams(
                quantization=models.QuantizationSearchParams(ignore=True)
            ),
            limit=50,
        )


def flush(catalog: Products, folder: Path) -> None:
    """Print what an upsert takes, by its size and by whether it is synced."""
    with running_qdrant(folder, 0, "--optimize-after", "0") as server:
        client = server.client(60)
        catalog.make(client)
        start = 0
        print("| points | wait=True: fastest, median, p95 | wait=False |")
        print("|---|---|---|")
        for size in (1, 32, 256):
            texts = []
            for wait in (True, False):
                taken = []
                for _ in range(60):
                    points = catalog.points(start, size)
                    start += size
                    taken.append(_seconds(lambda p=points, w=wait: client.upsert(NAME, p, wait=w)))  # type: ignore[misc]
                texts.append(", ".join(_ms(np.quantile(taken, q)) for q in (0.0, 0.5, 0.95)))
            print(f"| {size} | {texts[0]} | {texts[1]} |", flush=True)
        client.close()


def stalls(catalog: Products, folder: Path, count: int) -> None:
    """Print the longest search and write: at rest, and while the collection is optimised."""
    with running_qdrant(folder, 0, "--optimize-after", "1000") as server:
        client = server.client(120)
        _fill(client, catalog, count)
        shards = folder / "collections"
        with _searching(server.client(120), catalog) as searches:
            time.sleep(2)
            _tell("searches before", searches)
            _until(lambda: len(list(shards.iterdir())) == 2)
            _tell("searches until it begins", searches)
            began, writes, number = time.perf_counter(), [], 0
            while len(list(shards.iterdir())) == 2:
                points = catalog.points(number % count, 32)
                number += 32
                writes.append(_seconds(lambda p=points: client.upsert(NAME, p, wait=True)))  # type: ignore[misc]
            took = time.perf_counter() - began
            indexed = client.get_collection(NAME).indexed_vectors_count
            print(f"optimised beside the service in {took:.1f} s; {indexed} vectors indexed")
            _tell("searches meanwhile", searches)
            _tell("writes of 32 meanwhile", writes)
            time.sleep(2)
            _tell("searches after", searches)
        _tell_log(server.log())
    _at_a_start(catalog, folder / "again", count)


def _at_a_start(catalog: Products, folder: Path, count: int) -> None:
    """Print how long the same takes in the process that serves: there it is one wait of all."""
    with running_qdrant(folder, 0, "--optimize-after", "0") as server:
        _fill(server.client(120), catalog, count)
        server.stop()
    with running_qdrant(folder) as server:
        _tell_log(server.log())


def _fill(client: QdrantClient, catalog: Products, count: int) -> None:
    catalog.make(client)
    for start in range(0, count, 250):
        client.upsert(NAME, catalog.points(start, min(250, count - start)), wait=False)


def _tell_log(log: str) -> None:
    for line in log.splitlines():
        if "optimised" in line:
            print(line.split(": ", 1)[1])


@contextmanager
def _searching(client: QdrantClient, catalog: Products) -> Iterator[list[float]]:
    """Search one after another on a thread; yields what each took."""
    taken: list[float] = []
    done = threading.Event()

    def search() -> None:
        while not done.is_set():
            taken.append(_seconds(lambda: catalog.search(client)))

    thread = threading.Thread(target=search)
    thread.start()
    yield taken
    done.set()
    thread.join()
    client.close()


def _tell(what: str, taken: list[float]) -> None:
    """Print the figures, and forget them."""
    own = list(taken)
    del taken[: len(own)]
    if own:
        print(
            f"{what}: {len(own)}, median {_ms(np.median(own))}, "
            f"p99 {_ms(np.quantile(own, 0.99))}, longest {_ms(max(own))}",
            flush=True,
        )


def _until(met: Callable[[], bool]) -> None:
    while not met():
        time.sleep(0.005)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _ms(seconds: Any) -> str:
    return f"{float(seconds) * 1e3:.1f} ms"


if __name__ == "__main__":
    main()
