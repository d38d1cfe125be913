"""Certificates of an authority of the tests' own, made by openssl."""

import ssl
import subprocess
from pathlib import Path
from typing import Final

_NEW_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """An authority in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.certificate = folder / "authority.pem"
        self._key = folder / "authority.key"
        _openssl(
            *("req", "-x509", *_NEW_KEY, "-days", "2", "-subj", "/CN=Authority of the tests"),
            *("-keyout", self._key, "-out", self.certificate),
        )

    def server(self, name: str) -> ssl.SSLContext:
        """TLS of a server with a certificate for ``name``, as ``DNS:shop.example``."""
        certificate, key = self._folder / "server.pem", self._folder / "server.key"
        _openssl(
            *("req", "-x509", *_NEW_KEY, "-days", "2", "-subj", "/CN=Server"),
            *("-CA", self.certificate, "-CAkey", self._key),
            *("-addext", f"subjectAltName={name}", "-addext", "basicConstraints=CA:FALSE"),
            *("-keyout", key, "-out", certificate),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context

    def client(self) -> ssl.SSLContext:
        """TLS of a client that trusts this authority alone."""
        return ssl.create_default_context(cafile=self.certificate)


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
