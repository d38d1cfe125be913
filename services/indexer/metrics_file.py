"""What an import tells Prometheus: a file for node_exporter's textfile collector.

An import ends, so nobody could scrape it; the file stays, and says how the last one went. Where no
node_exporter reads it, as in a cluster, a Pushgateway keeps the same.
"""

import math
import re
import time
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.error import URLError

from prometheus_client import CollectorRegistry, Gauge, push_to_gateway, write_to_textfile

from indexer.checkpoint import Checkpoint

_SUCCEEDED: Final = "recompose_indexer_last_success_timestamp_seconds"
_JOB: Final = "indexer"
_PUSH_TIMEOUT_S: Final = 10


def write_metrics(
    path: Path, catalog: str, status: int, state: Checkpoint | None
) -> CollectorRegistry:
    """Replace the file by how an import has ended; the time of the last good one stays in it.

    Args:
        path: of the file, one for each feed; its name ends with ``.prom``.
        catalog: that was imported into.
        status: the import's exit status.
        state: what the service answered for; None where the feed could not be read.

    Returns:
        What the file says, to push.

    Raises:
        OSError: the disk refuses.
    """
    registry = CollectorRegistry()
    now_s = time.time()

    def gauge(name: str, text: str, value: float) -> None:
        Gauge(name, text, ["catalog"], registry=registry).labels(catalog).set(value)

    gauge(
        "recompose_indexer_last_run_timestamp_seconds",
        "When the last import ended, in seconds since the epoch.",
        now_s,
    )
    gauge(
        _SUCCEEDED,
        "When an import last ended with status 0, in seconds since the epoch; NaN before.",
        now_s if status == 0 else _last_success_s(path),
    )
    gauge("recompose_indexer_last_status", "Exit status of the last import.", status)
    rows = Gauge(
        "recompose_indexer_last_rows",
        "Rows of the last import's feed, by what became of each: imported, unchanged, failed.",
        ["catalog", "outcome"],
        registry=registry,
    )
    if state is not None:
        rows.labels(catalog, "imported").set(state.imported)
        rows.labels(catalog, "unchanged").set(state.unchanged)
        rows.labels(catalog, "failed").set(state.failed)
    write_to_textfile(str(path), registry)
    return registry


def push_metrics(url: str, feed: str, registry: CollectorRegistry) -> None:
    """Put it in the place of what a Pushgateway keeps of this feed.

    Args:
        url: of the Pushgateway, ``http://HOST:PORT``.
        feed: the feed's name, by which imports of other feeds are told apart.

    Raises:
        OSError: it is not reached within 10 s, or refuses.
    """
    try:
        push_to_gateway(url, _JOB, registry, grouping_key={"feed": feed}, timeout=_PUSH_TIMEOUT_S)
    except HTTPException as error:
        raise OSError("what answers there does not speak HTTP") from error
    except URLError as error:
        # Inside is what the system said, or a status that is no success.
        cause = error.reason
        raise OSError(cause.strerror if isinstance(cause, OSError) else cause) from error


def _last_success_s(path: Path) -> float:
    try:
        found = re.search(rf"^{_SUCCEEDED}\{{[^}}]*\}} (\S+)$", path.read_text(), re.MULTILINE)
        return math.nan if found is None else float(found[1])
    except (OSError, ValueError):
        return math.nan
