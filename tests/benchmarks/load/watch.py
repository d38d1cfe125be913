"""What the gateway's process holds and how late its event loop is, read from outside."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

_LAG: Final = "recompose_loop_lag_seconds_bucket"


Buckets = dict[float, float]
"""Upper bound in seconds -> observations up to it."""


@dataclass(frozen=True, slots=True)
class Held:
    """The process at one moment."""

    at_s: float
    resident_bytes: int
    descriptors: int
    threads: int
    tasks: int
    in_flight: int
    cpu_s: float
    """User and system time since its start."""
    lag: Buckets
    """How late the event loop woke up since its start."""

    def as_dict(self) -> dict[str, Any]:
        """All but the lag."""
        return {name: value for name, value in asdict(self).items() if name != "lag"}


class GatewayWatch:
    """Reads ``/metrics`` of a gateway and ``/proc`` of its process."""

    def __init__(self, rest: httpx.AsyncClient, pid: int) -> None:
        """``rest``: with the address of the REST edge as its base."""
        self._rest, self._process = rest, psutil.Process(pid)

    async def look(self, at_s: float = 0.0) -> Held:
        """What it holds now, the watch's own request included. Raises httpx.HTTPError."""
        answer = await self._rest.get("/metrics")
        answer.raise_for_status()
        values: dict[str, float] = {}
        lag: Buckets = {}
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                if sample.name == _LAG:
                    lag[float(sample.labels["le"])] = sample.value
                elif not sample.labels:
                    values[sample.name] = sample.value
        with self._process.oneshot():
            cpu = self._process.cpu_times()
            return Held(
                at_s=round(at_s, 3),
                resident_bytes=self._process.memory_info().rss,
                descriptors=self._process.num_fds(),
                threads=self._process.num_threads(),
                tasks=int(values["recompose_event_loop_tasks"]),
                in_flight=int(values["recompose_requests_in_flight"]),
                cpu_s=round(cpu.user + cpu.system, 3),
                lag=lag,
            )

    async def follow(self, found: list[Held], interval_s: float = 1.0) -> None:
        """Look for ever, adding to ``found``; a gateway that is too busy to answer leaves a gap.
        Cancel to end."""
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        while True:
            with contextlib.suppress(httpx.HTTPError):
                found.append(await self.look(loop.time() - start_s))
            await asyncio.sleep(interval_s)


def lag_bound_ms(looks: Sequence[Held], share: float) -> float | None:
    """A bound in milliseconds that this share of the event loop's wake-ups between the first look
    and the last kept; the histogram's own bounds are all that is known. None where there was none.
    """
    if not looks:
        return None
    before, after = looks[0].lag, looks[-1].lag
    counts = {bound: count - before.get(bound, 0.0) for bound, count in sorted(after.items())}
    total = max(counts.values(), default=0.0)
    if not total:
        return None
    return next(bound * 1000 for bound, count in counts.items() if count >= share * total)


def listener(port: int) -> int:
    """Process id of who listens on a TCP port. Raises LookupError."""
    for process in psutil.process_iter():
        try:
            connections = process.net_connections("tcp")
        except psutil.Error:
            continue
        if any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in connections):
            return int(process.pid)
    raise LookupError(f"No process that can be seen listens on port {port}.")
