"""Offer searches to a running stack on a schedule of their own, and report how it bore them.

    PYTHONPATH=services:. .venv/bin/python -m tests.benchmarks.load --rest http://127.0.0.1:8080 \\
      --grpc 127.0.0.1:50051 --seconds 30

Steps of growing load find C, the peak of goodput (answers inside their deadline), and the best one
is made twice; then it offers
0.7 C, 0.3 C with the largest uploads beside it (pictures of 16 megapixels, JSON of 10 MiB), 2 C and
4 C, each of the latter two with the peak's load at once after it. Without --rest, as
by `make load`, it starts a stack of its own. Generator and stack share the machine: the report says
how late the generator began its requests, and beyond its means figures are worth nothing.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.benchmarks.load import report
from tests.benchmarks.load.edges import Edge, GrpcEdge, RestEdge
from tests.benchmarks.load.filters import read_filters
from tests.benchmarks.load.large import LargeQuestions
from tests.benchmarks.load.plan import (
    Found,
    NothingAnswered,
    Options,
    Phase,
    carry_out,
    offering,
)
from tests.benchmarks.load.publish import publish
from tests.benchmarks.load.questions import DEFAULT_MIX, KINDS, Questions, read_catalog
from tests.benchmarks.load.verdicts import verdicts
from tests.benchmarks.load.watch import GatewayWatch, listener
from tests.support.stack import StartingStack


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when it was measured, whatever the figures; 1 with a sentence where it could not be."""
    chosen = _parser().parse_args(arguments)
    how = Options(
        seconds=chosen.seconds,
        deadline_s=chosen.deadline,
        arrivals=chosen.arrivals,
        cancelled=chosen.cancelled,
        rates=chosen.rates,
        large_per_s=chosen.large,
        seed=chosen.seed,
    )
    try:
        with _stack(chosen):
            found = asyncio.run(_measure(chosen, how))
    except (httpx.HTTPError, OSError, LookupError, ValueError, RuntimeError) as error:
        print(f"load: {chosen.rest or 'a stack'} cannot be measured: {error}", file=sys.stderr)
        return 1
    except NothingAnswered:
        print("load: no step got an answer inside its deadline.", file=sys.stderr)
        return 1
    _write(chosen, how, found)
    return 0


@contextlib.contextmanager
def _stack(chosen: argparse.Namespace) -> Iterator[None]:
    """The stack that was named; without one, a stack of its own with the demo catalog."""
    if chosen.rest:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="recompose-load-") as folder:
        print("starting a stack with the demo catalog, which takes a few minutes", flush=True)
        # An audit of the index would begin in the midst of it, a minute after the import.
        with StartingStack(Path(folder), AUDIT_QUIET_S="3600").running() as stack:
            chosen.rest = f"http://127.0.0.1:{stack.http_port}"
            chosen.grpc = f"127.0.0.1:{stack.grpc_port}"
            yield


async def _measure(chosen: argparse.Namespace, how: Options) -> Found:
    with httpx.Client(base_url=chosen.rest, timeout=30) as reader:
        products, pictures = read_catalog(reader, chosen.seed)
        filters = read_filters(reader)
    questions = Questions(
        products,
        pictures,
        filters=filters,
        mix=chosen.mix,
        repeated=chosen.repeated,
        seed=chosen.seed,
    )
    large = LargeQuestions(seed=chosen.seed)
    where = urlsplit(chosen.rest)
    pid = chosen.pid or listener(where.port or 80)
    async with contextlib.AsyncExitStack() as closing:
        edges: list[Edge] = [RestEdge([where.netloc])]
        if chosen.grpc:
            edges.append(GrpcEdge([chosen.grpc]))
        for edge in edges:
            closing.push_async_callback(edge.close)
        rest = await closing.enter_async_context(httpx.AsyncClient(base_url=chosen.rest, timeout=5))
        watch = GatewayWatch(rest, pid)
        offer = offering(edges, questions.next, large.next, watch, how)
        return await carry_out(offer, how, _say)


def _say(phase: Phase) -> None:
    summary = phase.summary
    print(
        f"{phase.name:>10}: offered {summary.offered_per_s:.1f}/s, goodput "
        f"{summary.goodput_per_s:.1f}/s, p50 {summary.answered_ms.get('p50', 0):.0f} ms, "
        f"p99 {summary.answered_ms.get('p99', 0):.0f} ms, lag p99 {phase.lag_p99_ms or 0:g} ms, "
        f"generator late p99 {summary.late_start_p99_ms:.0f} ms, {summary.outcomes}",
        flush=True,
    )


def _write(chosen: argparse.Namespace, how: Options, found: Found) -> None:
    judged = verdicts(found, how.deadline_s)
    told: dict[str, Any] = {
        "seconds a phase": how.seconds,
        "deadline, s": how.deadline_s,
        "arrivals": how.arrivals,
        "mix": " ".join(f"{kind}={share:g}" for kind, share in chosen.mix.items()),
        "repeated": chosen.repeated,
        "cancelled": how.cancelled,
        "edges": "REST and gRPC" if chosen.grpc else "REST",
        "seed": how.seed,
        "processors": os.cpu_count(),
        "largest uploads a second": how.large_per_s,
        "load average before": chosen.busy,
    }
    chosen.output.mkdir(parents=True, exist_ok=True)
    if chosen.publish:
        publish(chosen.publish, found, judged, told)
    page = chosen.output / "load.html"
    page.write_text(report.as_html(found, judged, told))
    (chosen.output / "load.json").write_text(
        json.dumps(report.as_json(found, judged, told), indent=1) + "\n"
    )
    for verdict in judged:
        word = {True: "held", False: "BROKEN", None: "not seen"}[verdict.held]
        print(f"{word:>8}  {verdict.expected}: {verdict.measured}")
    if not found.peak_is_passed:
        print("C may be more than was found: no step offered clearly more than it brought.")
    print(f"C is {found.peak_per_s:.1f}/s; the report is {page}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tests.benchmarks.load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--rest", help="address of the REST edge, http://HOST:PORT; without it a stack is started")
    add("--grpc", help="address of the gRPC edge, IP:PORT; without it REST alone is asked")
    add("--seconds", type=_positive, default=30.0, help="of each phase (default: %(default)g)")
    add(
        "--rates",
        type=_positive,
        nargs="+",
        default=[],
        help="requests a second of the steps; without them they double while goodput grows",
    )
    add("--deadline", type=_positive, default=8.0, help="seconds (default: %(default)g)")
    add("--arrivals", choices=["poisson", "constant"], default="poisson")
    add(
        "--mix",
        type=_mix,
        default=DEFAULT_MIX,
        help=f"weights of {', '.join(KINDS)}, as composed=6,text=3,picture=1",
    )
    add("--repeated", type=_share, default=0.2, help="share asked before (default: %(default)g)")
    add("--cancelled", type=_share, default=0.0, help="share given up (default: %(default)g)")
    add(
        "--large",
        type=float,
        default=2.0,
        help="largest uploads a second in their phase; 0 leaves it out (default: %(default)g)",
    )
    add("--seed", type=int, default=0, help="of schedule and questions (default: %(default)s)")
    add("--pid", type=int, help="of the gateway, where it is not who listens on --rest here")
    add("--publish", type=Path, help="folder for a page of Markdown and its picture, as docs/load")
    add("--output", type=Path, default=Path(".bench/load"), help="folder (default: %(default)s)")
    parser.set_defaults(busy=round(os.getloadavg()[0], 1))
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("it must be over 0")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError("it must be from 0 to less than 1")
    return value


def _mix(text: str) -> dict[str, float]:
    mix = {}
    for part in text.split(","):
        kind, _, weight = part.partition("=")
        if kind not in KINDS:
            raise argparse.ArgumentTypeError(f"a kind is one of {', '.join(KINDS)}")
        mix[kind] = _positive(weight)
    return mix


if __name__ == "__main__":
    sys.exit(main())
