"""A channel to the service, with the key and the certificates that the environment names.

They are no options, since a command line is seen by everyone on a machine.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import grpc

KEY: Final = "RECOMPOSE_API_KEY"
TLS_CA: Final = "RECOMPOSE_TLS_CA"
TLS_CERT: Final = "RECOMPOSE_TLS_CERT"
TLS_KEY: Final = "RECOMPOSE_TLS_KEY"
_HTTPS: Final = "https://"
_OPTIONS: Final = [
    ("grpc.max_send_message_length", -1),
    # The service is a neighbour: a proxy for the web has no part in reaching it.
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5000),
]


class ChannelError(Exception):
    """The environment names something that cannot be used; the text says what."""


@dataclass(frozen=True)
class Access:
    """How a caller shows who it is."""

    key: str = field(default="", repr=False)
    tls_ca: Path | None = None
    """Roots of the service's certificate; the system's where it is None and TLS is asked for."""
    tls_cert: Path | None = None
    """The caller's own certificate, with `tls_key`, for a service that asks for one."""
    tls_key: Path | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Access":
        """What the environment says. Raises `ChannelError`."""
        key = environment.get(KEY, "").strip()
        if not key.isascii() or not key.isprintable():
            raise ChannelError(f"{KEY} holds characters that no key has.")
        ca, cert, own = (
            Path(environment[name]) if environment.get(name) else None
            for name in (TLS_CA, TLS_CERT, TLS_KEY)
        )
        if (cert is None) != (own is None):
            raise ChannelError(f"{TLS_CERT} and {TLS_KEY} go together.")
        return cls(key, ca, cert, own)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What every call carries."""
        return (("authorization", f"Bearer {self.key}"),) if self.key else ()


def open_channel(server: str, access: Access) -> grpc.aio.Channel:
    """A channel to HOST:PORT, or by TLS to https://HOST:PORT or where roots are given.

    Nothing is sent yet. Raises `ChannelError`.
    """
    address = server.removeprefix(_HTTPS)
    if address == server and access.tls_ca is None:
        return grpc.aio.insecure_channel(address, options=_OPTIONS)
    credentials = grpc.ssl_channel_credentials(
        _read(access.tls_ca), _read(access.tls_key), _read(access.tls_cert)
    )
    return grpc.aio.secure_channel(address, credentials, options=_OPTIONS)


def environment_access() -> Access:
    """`Access.of` this process' environment. Raises `ChannelError`."""
    return Access.of(os.environ)


def _read(path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise ChannelError(f"{path} cannot be read: {error.strerror}.") from None
