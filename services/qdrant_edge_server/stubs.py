"""The messages and services of Qdrant's API: a part of its client's package, without the client.

To import a part of a package is to run its `__init__` first, and this one's builds the models of
Qdrant's REST API: a second of processor time at each start, for classes that nothing here uses.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING


def import_alone(package: str, part: str) -> ModuleType:
    """Import `package.part` without running the package's own `__init__`.

    The package itself stays unimported: whoever imports it later gets all of it, with this part.

    Raises:
        ModuleNotFoundError: there is no such package, or no such part of it.
    """
    name = f"{package}.{part}"
    if package in sys.modules:
        return importlib.import_module(name)
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    sys.modules[package] = importlib.util.module_from_spec(spec)
    try:
        return importlib.import_module(name)
    finally:
        del sys.modules[package]


if TYPE_CHECKING:
    from qdrant_client import grpc as wire
    from qdrant_client.grpc import collections_service_pb2, points_service_pb2, qdrant_pb2
else:
    wire = import_alone("qdrant_client", "grpc")
    collections_service_pb2 = wire.collections_service_pb2
    points_service_pb2 = wire.points_service_pb2
    qdrant_pb2 = wire.qdrant_pb2

__all__ = ["collections_service_pb2", "import_alone", "points_service_pb2", "qdrant_pb2", "wire"]
