"""Containers as the chart's pods run: numeric user, read-only root, no capability, a tmpfs."""

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Final

from tests.deploy.image_building import Images

USER: Final = 10001
_RESTRICTED: Final = (
    *("--network", "host", "--read-only", "--read-only-tmpfs=false"),
    *("--tmpfs", "/tmp:rw,size=1g,mode=1777", "--user", f"{USER}:{USER}"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000"),
)


class Containers:
    """Containers of these images; leaving the block removes them."""

    def __init__(self, images: Images) -> None:
        self._podman = ("podman", *images.storage, "--runtime", "runc")
        self._podman += ("--cgroup-manager", "cgroupfs", "--events-backend", "file")
        self._images = images
        self._started: list[str] = []

    def __enter__(self) -> "Containers":
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(self._started):
            subprocess.run([*self._podman, "rm", "--force", "--time", "5", name], check=False)

    def start(self, name: str, image: str, *arguments: str, options: Sequence[str] = ()) -> None:
        """Start it and leave it running."""
        self._started.append(name)
        self.podman(
            "run", "--detach", "--name", name, *_RESTRICTED, *options,
            self._images.tag(image), *arguments,
        )  # fmt: skip

    def run(self, image: str, *arguments: str, options: Sequence[str] = ()) -> str:
        """Run it to its end; what it printed. Raises RuntimeError unless it ended with 0."""
        return self.podman(
            "run", "--rm", *_RESTRICTED, *options, self._images.tag(image), *arguments
        )

    def podman(self, *arguments: str) -> str:
        """Run podman; what it printed. Raises RuntimeError with its last words if it fails."""
        done = subprocess.run(
            [*self._podman, *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(
                f"podman {arguments[0]} failed:\n{(done.stdout + done.stderr)[-3000:]}"
            )
        return done.stdout

    def log(self, name: str) -> str:
        """What a container has written so far."""
        done = subprocess.run(
            [*self._podman, "logs", name], capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    def wait_for(self, url: str, name: str, within_s: float = 120) -> None:
        """Wait until a probe is answered with 200. Raises RuntimeError with the container's log."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            if answers(url):
                return
            time.sleep(0.5)
        raise RuntimeError(f"{name} did not answer {url}:\n{self.log(name)[-3000:]}")


def answers(url: str) -> bool:
    """Whether a probe gets 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
