"""The product's own choice of a route, and what the stand-in engine process adds to a query."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Final

import grpc
import numpy as np
from qdrant_client import grpc as wire

from gateway.audit.recall import RecallAudit
from qdrant_edge_server.optimize_copy import copy_tree
from retrieval.domain import Pooled, Tuning
from tests.benchmarks.harness.timing import Timings, alternating
from tests.benchmarks.index_parts.catalogs import Catalog
from tests.benchmarks.index_parts.questions import Question
from tests.benchmarks.index_parts.shards import LIMIT, Built, Shard, index_of, wire_query
from tests.support.qdrant import running_qdrant

_BUDGET_S: Final = 3600.0


def audited(built: Built, catalog: Catalog, sample: int, budget_s: float) -> Tuning:
    """What the recall audit of the gateway chooses for a collection, without its rests."""

    async def audit(url: str) -> Tuning:
        index = index_of(url, catalog, budget_s=budget_s)
        audit = RecallAudit(
            index,
            index.audits,
            sample=sample,
            budget_s=_BUDGET_S,
            smallest_depth=LIMIT,
            random=np.random.default_rng(11),
            rest=0,
        )
        tuning = await audit.run()
        await index.close()
        if tuning is None:
            raise RuntimeError("the audit found nothing to compare")
        return tuning

    with running_qdrant(built.data_dir, 0, "--optimize-after", "0") as server:
        return asyncio.run(audit(server.url))


def stand_in(
    built: Built, catalog: Catalog, questions: Sequence[Question], depth: int, rounds: int,
    copy: Path,
) -> dict[str, Timings]:  # fmt: skip
    """A pooled search of the same shard in this process and through the stand-in, in turn.

    ``in process``: the request is made of numbers, the engine asked, ids and scores read.
    ``stand-in``: the gRPC message of the same search sent, the answer's message received.
    ``health check``: what a call costs that asks nothing.

    Args:
        copy: a folder for a copy of the shard, since only one process may open it.
    """
    copy_tree(built.shard, copy)
    route = Pooled(depth)
    with (
        running_qdrant(built.data_dir, 0, "--optimize-after", "0") as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        Shard(copy, catalog) as shard,
    ):
        points, qdrant = wire.PointsStub(channel), wire.QdrantStub(channel)
        direct = cycle([shard.asking_from_numbers(each, depth) for each in questions])
        messages = cycle([wire_query(built.name, each, catalog, route) for each in questions])
        return alternating(
            {
                "in process": lambda: next(direct)(),
                "stand-in": lambda: points.Query(next(messages)),
                "health check": lambda: qdrant.HealthCheck(wire.HealthCheckRequest()),
            },
            rounds,
            warm_up=10,
        )
