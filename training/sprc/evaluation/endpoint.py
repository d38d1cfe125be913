"""The address of a running service, and whether anything answers there."""

import re
import socket
from dataclasses import dataclass
from typing import Final

_ADDRESS: Final = re.compile(
    r"(?P<tls>https://)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\s/]+):(?P<port>\d{1,5})"
)
_CONNECT_S: Final = 5.0


class ServiceError(Exception):
    """A service is out of reach, refused, or answered nonsense; one sentence says which."""


@dataclass(frozen=True)
class Endpoint:
    """Host and port of a gateway's gRPC edge."""

    host: str
    port: int
    tls: bool = False

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """Read HOST:PORT, or https://HOST:PORT for TLS. Raises ValueError."""
        match = _ADDRESS.fullmatch(text)
        if match is None or not 1 <= int(match["port"]) <= 65535:
            raise ValueError(f"{text!r} is not HOST:PORT")
        return cls(match["host"], int(match["port"]), match["tls"] is not None)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def require_reachable(self) -> None:
        """Connect once, so that a wrong port shows before hours of work. Raises `ServiceError`."""
        try:
            socket.create_connection((self.host.strip("[]"), self.port), _CONNECT_S).close()
        except OSError:
            raise ServiceError(f"nothing answers at {self}") from None
