"""The peers' processes, with the environment that `make setup-peers` makes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from tests.support.triton import free_ports

FOLDER: Final = Path(__file__).parent
ROOT: Final = FOLDER.parents[2]
PYTHON: Final = ROOT / ".venv-peers" / "bin" / "python"
_READY_WITHIN_S: Final = 180.0
_OFFLINE: Final = {
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
    "INFINITY_ANONYMOUS_USAGE_STATS": "0",
    "TOKENIZERS_PARALLELISM": "false",  # pragma: allowlist secret
}
MODEL_NAME: Final = "clip"


@dataclass(frozen=True, slots=True)
class Peers:
    """Ports on which they serve HTTP."""

    infinity: int
    plain: int


def is_installed() -> bool:
    """Whether their environment is there, whole."""
    return (ROOT / ".venv-peers" / ".ready").exists() and PYTHON.exists()


@contextmanager
def running(
    scratch: Path, *, bundle_dir: Path, pictures: Path, qdrant_port: int, candidates: int
) -> Iterator[Peers]:
    """Both, until the block ends.

    Args:
        scratch: an empty folder.
        bundle_dir: the graphs that the plain service runs, and whose shape infinity's CLIP has.
        pictures: PRODUCT.jpg of each product.
        qdrant_port: gRPC.
        candidates: products that the plain service ranks.

    Raises:
        RuntimeError: one did not start, with its last words.
    """
    clip = scratch / MODEL_NAME
    _make_clip(bundle_dir, clip)
    infinity, plain = free_ports(2)
    with ExitStack() as started:
        logs = [
            started.enter_context(
                _server(
                    scratch / "infinity.log",
                    [PYTHON.with_name("infinity_emb"), "v2", "--model-id", clip,
                     "--served-model-name", MODEL_NAME, "--host", "127.0.0.1",
                     "--port", infinity],
                    {},
                )
            ),
            started.enter_context(
                _server(
                    scratch / "plain.log",
                    [PYTHON, "-m", "uvicorn", "plain_service:app", "--app-dir", FOLDER,
                     "--port", plain],
                    {
                        "MODEL_DIR": str(bundle_dir),
                        "PICTURES": str(pictures),
                        "QDRANT_PORT": str(qdrant_port),
                        "CANDIDATES": str(candidates),
                    },
                )
            ),
        ]  # fmt: skip
        for port, (process, log) in zip((infinity, plain), logs, strict=True):
            _wait(port, process, log)
        yield Peers(infinity, plain)


def _make_clip(bundle_dir: Path, folder: Path) -> None:
    ran = subprocess.run(
        [PYTHON, FOLDER / "make_clip.py", bundle_dir, folder],
        env={**os.environ, **_OFFLINE},
        capture_output=True,
        text=True,
        timeout=_READY_WITHIN_S,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(f"no CLIP was made: {ran.stderr[-2000:]}")


@contextmanager
def _server(
    log: Path, command: list[object], environment: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A process, ended with the block."""
    with log.open("wb") as told:
        process = subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, **_OFFLINE, **environment},
            stdout=told,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process, log
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            print(f"{log.stem} did not end by itself", file=sys.stderr)
            process.kill()
            process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.25)
    raise RuntimeError(f"{log.stem} did not start: {log.read_text(errors='replace')[-2000:]}")
