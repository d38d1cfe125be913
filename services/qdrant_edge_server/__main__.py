"""`python -m qdrant_edge_server --data-dir DIR --port N [...]`; `--help` tells the rest."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from qdrant_edge_server.errors import Refusal
from qdrant_edge_server.registry import RegistryUnreadable
from qdrant_edge_server.server import PortTaken, Settings, serve
from qdrant_edge_server.store import DataDirInUse


def main(arguments: list[str] | None = None) -> int:
    """Run the server; the exit code is 0 after a clean stop and 1 when it cannot start."""
    parser = argparse.ArgumentParser(
        prog="python -m qdrant_edge_server",
        description="Qdrant's gRPC API over its in-process engine, for one machine and for tests.",
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="folder for all data")
    parser.add_argument("--port", type=int, required=True, help="gRPC port; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument(
        "--metrics-port",
        type=int,
        help="port for Prometheus, on the same address; 0 takes a free one (default: no metrics)",
    )
    parser.add_argument(
        "--optimize-after",
        type=int,
        default=Settings.optimize_after_points,
        metavar="POINTS",
        help="optimise a collection beside the service once so many of its points have changed, "
        "and a tenth of them; 0 leaves that to the next start (default: %(default)s)",
    )
    chosen = parser.parse_args(arguments)
    if chosen.optimize_after < 0:
        parser.error("--optimize-after takes 0 or more")
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        settings = Settings(
            chosen.data_dir,
            chosen.port,
            chosen.host,
            metrics_port=chosen.metrics_port,
            optimize_after_points=chosen.optimize_after,
        )
        serve(settings, ready=_announce)
    except (DataDirInUse, PortTaken, RegistryUnreadable) as error:
        print(f"qdrant_edge_server: {error}", file=sys.stderr)
        return 1
    except Refusal as refusal:
        print(f"qdrant_edge_server: {refusal.message}", file=sys.stderr)
        return 1
    return 0


def _announce(address: str, metrics_address: str | None) -> None:
    """The line a supervisor or a test waits for, and one more where there are metrics."""
    print(f"listening on {address}", flush=True)
    if metrics_address:
        print(f"metrics on {metrics_address}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
