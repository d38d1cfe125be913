"""Imports end to end, against the raw image encoder."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from recompose.v1 import catalog_pb2
from retrieval.bundle import load_bundle, model_name
from tests.benchmarks.harness.rows import Spec, at_least, at_most
from tests.benchmarks.harness.section import ROOT, Room
from tests.benchmarks.imports_parts.encoder import RawEncoder
from tests.benchmarks.load.watch import listener
from tests.benchmarks.preprocessing_parts.drawn import as_file, drawn
from tests.support.stack import Stack

TITLE: Final = "Importing a catalog"
ABOUT: Final = """
Products a second from a feed with pictures on disk, by `python -m indexer import` into a catalog of
its own of the running stack: read, sent, decoded, stored losslessly and synced, embedded, indexed
durably. Against it, in turn and on the same machine, the raw image encoder: ready tensors sent to
Triton by tritonclient, at the batch size that was fastest, four calls in flight, nothing stored.
The time of an import is that of the whole command less that of an import of one product. Demo
model; drawn JPEG pictures.
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of the feeds and of the pictures in them."""

    products: int
    rounds: int
    growth: tuple[int, int]
    megapixels: float
    window_s: float
    batches: tuple[int, ...]


SHORT: Final = Plan(200, 3, (500, 1_500), 0.08, 2.0, (1, 4, 8, 16, 32))
FULL: Final = Plan(1_000, 7, (2_000, 20_000), 0.08, 6.0, (1, 2, 4, 8, 16, 32))

SPECS: Final = (
    Spec(
        "imports/end_to_end",
        "products a second of an import, against pictures a second of the raw image encoder",
        target=at_least(0.9),
    ),
    Spec("imports/rate", "products a second of an import", "products/s"),
    Spec(
        "imports/memory_gateway",
        "highest resident memory of the gateway in a large import, against one of a third",
        target=at_most(1.1),
    ),
    Spec(
        "imports/memory_indexer",
        "highest resident memory of the indexer in a large import, against one of a third",
        target=at_most(1.1),
    ),
    Spec(
        "imports/again_inferences",
        "pictures that Triton embeds when an unchanged catalog is imported again (--again)",
        "inferences",
        target=at_most(0),
    ),
    Spec("imports/again_rate", "products a second of that", "products/s"),
)
_CATALOG: Final = "bench-imports"


def measure(room: Room) -> None:
    """Some 60 s in the short form beside the stack, some half an hour in the long one."""
    plan = FULL if room.full else SHORT
    stack = room.stack()
    told = psutil.Process(gateway := listener(stack.http_port)).environ()
    bundle = load_bundle(Path(told["BUNDLE_DIR"]))
    name = model_name("image_encoder", bundle.digest)
    raw = RawEncoder(told["TRITON_URL"], name, bundle.sizes.image_size)
    try:
        _rate(room, plan, stack, raw)
        _again(room, plan, stack, raw)
        _memory(room, plan, stack, gateway)
    finally:
        asyncio.run(_emptied(stack))


def _rate(room: Room, plan: Plan, stack: Stack, raw: RawEncoder) -> None:
    by_batch = {batch: raw.rate(batch, plan.window_s / 2) for batch in plan.batches}
    best = max(by_batch, key=lambda batch: by_batch[batch])
    single = _Feed(room.scratch / "single", 1, plan.megapixels, 0)
    idle_s = min(single.imported(stack, "--again").seconds for _ in range(3))
    raws, imports = [], []
    for number in range(plan.rounds):
        feed = _Feed(room.scratch / f"rate-{number}", plan.products, plan.megapixels, number + 1)
        raws.append(raw.rate(best, plan.window_s))
        imports.append((plan.products - 1) / (feed.imported(stack).seconds - idle_s))
    ratios = np.asarray(imports) / np.asarray(raws)
    note = (
        f"{np.median(imports):.4g} products/s ({min(imports):.4g} to {max(imports):.4g}) against "
        f"{np.median(raws):.4g} pictures/s ({min(raws):.4g} to {max(raws):.4g}) at batch {best}; "
        f"ratios {min(ratios):.3g} to {max(ratios):.3g}"
    )
    room.row("imports/end_to_end", float(np.median(imports) / np.median(raws)), note)
    room.row("imports/rate", float(np.median(imports)), f"{plan.products} products; {note}")
    room.table(
        "The raw image encoder by batch size",
        ("batch", "pictures a second"),
        [(batch, f"{rate:.4g}") for batch, rate in by_batch.items()],
    )

    def draw(axes: Any) -> None:
        axes.plot(list(by_batch), list(by_batch.values()), marker="o", label="raw image encoder")
        axes.axhline(float(np.median(imports)), color="#c2410c", label="import, end to end")
        axes.set(xscale="log", xlabel="batch of the raw encoder", ylabel="pictures a second")
        axes.set_xticks(list(by_batch), [str(batch) for batch in by_batch])
        axes.set_ylim(0, None)
        axes.legend()

    room.picture("imports-rate.png", "An import against the encoder alone", draw)


def _again(room: Room, plan: Plan, stack: Stack, raw: RawEncoder) -> None:
    feed = _Feed(room.scratch / "again", plan.products, plan.megapixels, 1_000)
    feed.imported(stack)
    before = raw.inferences()
    run = feed.imported(stack, "--again")
    embedded = raw.inferences() - before
    note = f"{plan.products} products in {run.seconds:.2f} s, start of the command included"
    room.row("imports/again_inferences", embedded, note)
    room.row("imports/again_rate", plan.products / run.seconds, note)


def _memory(room: Room, plan: Plan, stack: Stack, gateway: int) -> None:
    peaks = []
    for count in plan.growth:
        feed = _Feed(room.scratch / f"growth-{count}", count, plan.megapixels, 10_000 + count)
        peaks.append(feed.imported(stack, watched=gateway))
    for who, pair in (
        ("gateway", [peak.gateway_bytes for peak in peaks]),
        ("indexer", [peak.indexer_bytes for peak in peaks]),
    ):
        told = "; ".join(
            f"{count:,} products {size / 2**20:.0f} MiB"
            for count, size in zip(plan.growth, pair, strict=True)
        )
        room.row(f"imports/memory_{who}", pair[1] / pair[0], told)


@dataclass(frozen=True, slots=True)
class _Run:
    seconds: float
    indexer_bytes: int
    gateway_bytes: int


class _Feed:
    """JSON Lines beside pictures; each picture is another."""

    def __init__(self, folder: Path, count: int, megapixels: float, seed: int) -> None:
        folder.mkdir()
        self._file = folder / "products.jsonl"
        ids = [f"b-{seed}-{number}" for number in range(count)]
        # Sixteen drawn pictures, each time with another corner: other bytes, other pixels.
        bases = [drawn(megapixels, seed=100 * seed + number) for number in range(min(16, count))]
        with self._file.open("w") as lines:
            for number, product in enumerate(ids):
                picture = bases[number % 16].copy()
                mark = number.to_bytes(3, "big")
                picture.paste((mark[0], mark[1], mark[2]), (0, 0, 32, 32))
                (folder / f"{product}.jpg").write_bytes(as_file(picture, "JPEG"))
                row = {"id": product, "title": f"Lamp {number}", "image": f"{product}.jpg"}
                lines.write(json.dumps(row) + "\n")

    def imported(self, stack: Stack, *options: str, watched: int | None = None) -> _Run:
        """Import it. Raises RuntimeError where the import did not end well."""
        started = time.perf_counter()
        command = [sys.executable, "-m", "indexer", "import", str(self._file), *options]
        process = subprocess.Popen(
            [*command, "--server", f"127.0.0.1:{stack.grpc_port}", "--catalog", _CATALOG],
            env={**os.environ, "PYTHONPATH": str(ROOT / "services")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        indexer, gateway = 0, 0
        for resident in _resident(process, watched):
            indexer, gateway = max(indexer, resident[0]), max(gateway, resident[1])
        said = process.communicate()[0].decode()
        if process.returncode != 0:
            raise RuntimeError(f"the import ended with {process.returncode}: {said[-500:]}")
        return _Run(time.perf_counter() - started, indexer, gateway)


def _resident(process: subprocess.Popen[bytes], gateway: int | None) -> Iterator[tuple[int, int]]:
    """Resident bytes of importer and gateway, until the importer has ended."""
    own, other = psutil.Process(process.pid), psutil.Process(gateway) if gateway else None
    while process.poll() is None:
        try:
            yield own.memory_info().rss, other.memory_info().rss if other else 0
            process.wait(0.2 if other else 0.02)
        except (subprocess.TimeoutExpired, psutil.NoSuchProcess):
            continue


async def _emptied(stack: Stack) -> None:
    """Delete what was imported: other sections measure with the same index."""
    import grpc

    from recompose.v1 import catalog_pb2_grpc

    async with grpc.aio.insecure_channel(f"127.0.0.1:{stack.grpc_port}") as channel:
        stub: Any = catalog_pb2_grpc.CatalogServiceStub(channel)
        while True:
            wanted = catalog_pb2.ListProductsRequest(catalog=_CATALOG, page_size=100)
            page = (await stub.ListProducts(wanted)).products
            if not page:
                return
            for start in range(0, len(page), 8):
                await asyncio.gather(
                    *(
                        stub.DeleteProduct(
                            catalog_pb2.DeleteProductRequest(catalog=_CATALOG, id=product.id)
                        )
                        for product in page[start : start + 8]
                    )
                )
