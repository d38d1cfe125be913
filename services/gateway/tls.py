"""TLS on both edges, with certificates that are followed while they change.

A new handshake gets the newest good files; connections that are open stay as they are. Files that
do not go together (a certificate that was renewed before its key, say) are passed over until they
do, and the log says so once.
"""

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import structlog

REFRESH_S: Final = 1.0


class TlsError(Exception):
    """The certificates cannot be used; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files."""

    certificate: Path
    """The server's certificate, and those between it and a root."""
    key: Path
    client_ca: Path | None = None
    """Roots of the callers' certificates: with it callers need one (mutual TLS)."""

    @property
    def all(self) -> tuple[Path, ...]:
        """Those that are in use."""
        return tuple(filter(None, (self.certificate, self.key, self.client_ca)))


class Certificates:
    """The certificates in force, as each edge takes them."""

    def __init__(self, files: TlsFiles) -> None:
        """Raises `TlsError`: a gateway begins with good files or not at all."""
        self._files = files
        self._read: tuple[bytes, ...] = ()
        self._context: ssl.SSLContext
        self._configuration: Any
        problem = self._load()
        if problem:
            raise TlsError(problem)
        # Its own certificate is never shown: every handshake is given the newest context.
        self._door = _context(files)
        self._door.sni_callback = self._show_newest

    @property
    def rest(self) -> ssl.SSLContext:
        """For a listening socket; one object that follows the files."""
        return self._door

    def grpc(self) -> grpc.ServerCredentials:
        """For a port of a gRPC server; they follow the files."""
        credentials: grpc.ServerCredentials = grpc.dynamic_ssl_server_credentials(
            self._configuration,
            lambda: self._configuration,
            require_client_authentication=self._files.client_ca is not None,
        )
        return credentials

    async def watch(self) -> None:
        """Follow the files until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_S)
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Take the files if they have changed and go together."""
        before = self._read
        problem = self._load()
        if self._read != before:
            log = structlog.get_logger()
            if problem:
                log.error("certificates_unusable", problem=problem)
            else:
                log.info("certificates_read")

    def _load(self) -> str:
        """Read the files; says what is wrong with them, and then leaves what is in force."""
        try:
            content = tuple(path.read_bytes() for path in self._files.all)
        except OSError as error:
            content, problem = (), f"A TLS file cannot be read: {error.strerror}."
        else:
            if content == self._read:
                return ""
            problem = ""
            try:
                self._context = _context(self._files)
                certificate, key, *roots = content
                self._configuration = grpc.ssl_server_certificate_configuration(
                    [(key, certificate)], roots[0] if roots else None
                )
            except (OSError, ValueError):
                problem = "TLS_CERT_FILE, TLS_KEY_FILE and TLS_CLIENT_CA_FILE do not go together."
        self._read = content
        return problem

    def _show_newest(
        self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext
    ) -> None:
        connection.context = self._context


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.certificate, files.key)
    context.set_alpn_protocols(["http/1.1"])
    if files.client_ca is not None:
        context.load_verify_locations(files.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
