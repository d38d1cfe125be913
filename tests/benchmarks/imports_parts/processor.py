"""Processor time that the parts of a stack have taken."""

import os
from collections.abc import Mapping
from typing import Final

import psutil

from tests.benchmarks.load.watch import listener
from tests.support.stack import Stack

PARTS: Final = ("gateway", "triton", "index", "importer")


class Processor:
    """Of a stack's gateway, Triton and index, and of the importers that this process started."""

    def __init__(self, stack: Stack) -> None:
        gateway = psutil.Process(listener(stack.http_port))
        told = gateway.environ()
        self._roots = {
            "gateway": gateway,
            "triton": psutil.Process(listener(_port(told["TRITON_URL"]))),
            "index": psutil.Process(listener(_port(told["QDRANT_URL"]))),
        }

    def seconds(self) -> dict[str, float]:
        """User and system time since the start, by part; importers count once they have ended."""
        found = {
            name: sum(_seconds(each) for each in (root, *root.children(recursive=True)))
            for name, root in self._roots.items()
        }
        own = os.times()
        return found | {"importer": own.children_user + own.children_system}

    def since(self, before: Mapping[str, float], products: int) -> dict[str, float]:
        """Milliseconds a product by part, since ``before``."""
        return {
            name: 1e3 * (seconds - before[name]) / products
            for name, seconds in self.seconds().items()
        }


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
