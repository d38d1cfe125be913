"""`python -m tests.benchmarks.index_parts.resident SHARD QUERIES`: the memory of a search.

QUERIES is a pickled list of serialised ``QueryPoints``. A fresh process opens the shard and asks
each twice; it prints what memory came with that, as JSON: ``anonymous``, which only it can use, and
``mapped``, pages of the shard's files, which the kernel takes back when it needs them.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import qdrant_edge as edge

from qdrant_edge_server.convert_query import query_from_request
from qdrant_edge_server.schema import VectorSchema
from qdrant_edge_server.stubs import wire
from retrieval.qdrant.schema import POOL, TOKENS


def main(shard: Path, queries: Path) -> None:
    """Print the growth of the process's memory, in bytes."""
    messages = [wire.QueryPoints.FromString(each) for each in pickle.loads(queries.read_bytes())]
    dim = len(messages[0].query.nearest.multi_dense.vectors[0].data)
    schemas = {TOKENS: VectorSchema(dim, multi=True), POOL: VectorSchema(dim, multi=False)}
    requests = [query_from_request(each, schemas, {}) for each in messages]
    before = _memory()
    engine = edge.EdgeShard.load(str(shard))
    for request in requests * 2:
        engine.query(request)
    after = _memory()
    print(json.dumps({name: after[name] - before[name] for name in before}))


def _memory() -> dict[str, int]:
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = {line.partition(":")[0]: line.partition(":")[2] for line in lines}
    kilobytes = {name: int(fields[name].split()[0]) for name in ("RssAnon", "RssFile", "RssShmem")}
    return {
        "anonymous": 1024 * kilobytes["RssAnon"],
        "mapped": 1024 * (kilobytes["RssFile"] + kilobytes["RssShmem"]),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
