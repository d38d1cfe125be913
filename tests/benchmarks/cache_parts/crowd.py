"""Searches of uploaded pictures through a running stack, and what its Triton counted."""

import asyncio
import itertools
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import psutil

from recompose.v1 import product_pb2, search_pb2, search_pb2_grpc
from retrieval.bundle import load_bundle, model_name
from tests.benchmarks.harness.refusals import until_admitted
from tests.benchmarks.load.watch import listener
from tests.support.stack import Stack

_PATIENCE_S: Final = 30.0
_REST_S: Final = 0.3
"""Longer than a probe takes, and shorter than the pause between two."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the parts of a stack are, as its own gateway was told."""

    triton: str
    triton_metrics: str
    redis: str
    qdrant_port: int
    bundle_dir: Path

    @classmethod
    def of(cls, stack: Stack) -> "Parts":
        told = psutil.Process(listener(stack.http_port)).environ()
        port = int(told["TRITON_URL"].rpartition(":")[2])
        command = psutil.Process(listener(port)).cmdline()
        metrics = next(word for word in command if word.startswith("--metrics-port="))
        return cls(
            triton=told["TRITON_URL"],
            triton_metrics=f"http://127.0.0.1:{metrics.partition('=')[2]}/metrics",
            redis=told["REDIS_URL"],
            qdrant_port=int(told["QDRANT_URL"].rpartition(":")[2]),
            bundle_dir=Path(told["BUNDLE_DIR"]),
        )

    async def embedded(self) -> int:
        """Pictures that Triton has embedded beside those of readiness probes.

        A probe runs each graph once, the text encoder last, and composed searches never run that
        one: what it counted is how many probes there were. Between two probes both stand still.
        Raises TimeoutError where Triton comes to no rest.
        """
        async with asyncio.timeout(_PATIENCE_S):
            before = None
            while True:
                counts = [self._inferences(graph) for graph in ("image_encoder", "text_encoder")]
                if counts == before:
                    return counts[0] - counts[1]
                before = counts
                await asyncio.sleep(_REST_S)

    def _inferences(self, graph: str) -> int:
        model = model_name(graph, load_bundle(self.bundle_dir).digest)
        with urllib.request.urlopen(self.triton_metrics) as answer:
            lines = answer.read().decode().splitlines()
        wanted = (line for line in lines if line.startswith("nv_inference_count{"))
        return int(sum(float(line.rsplit(" ", 1)[1]) for line in wanted if f'"{model}"' in line))


class Uploads:
    """One client of the gRPC edge."""

    def __init__(self, stack: Stack) -> None:
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{stack.grpc_port}")
        self._search: Any = search_pb2_grpc.SearchServiceStub(self._channel)
        self._words: Iterator[str] = (f"longer, in navy, {number}" for number in itertools.count())

    async def ask(self, picture: bytes, words: str = "") -> int:
        """How many products the page has; without ``words``, words that were never sent."""
        image = product_pb2.Image(content=picture)
        request = search_pb2.SearchRequest(
            reference=search_pb2.Reference(image=image),
            modification=words or next(self._words),
            page_size=20,
        )
        answer = await until_admitted(lambda: self._search.Search(request, timeout=_PATIENCE_S))
        return len(answer.hits)

    async def crowd(self, picture: bytes, callers: int) -> None:
        """All ask at once with one picture, each with words of its own; who is refused, again."""
        await asyncio.gather(*(self.ask(picture) for _ in range(callers)))

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close(None)
