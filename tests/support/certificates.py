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

    def issue(self, names: str, *, name: str) -> tuple[Path, Path]:
        """A certificate for ``names``, as ``DNS:shop.example``, in NAME.pem, and its key."""
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        _openssl(
            *("req", "-x509", *_NEW_KEY, "-days", "2", "-subj", f"/CN={name}"),
            *("-CA", self.certificate, "-CAkey", self._key),
            *("-addext", f"subjectAltName={names}", "-addext", "basicConstraints=CA:FALSE"),
            *("-keyout", key, "-out", certificate),
        )
        return certificate, key

    def server(self, names: str) -> ssl.SSLContext:
        """TLS of a server with a certificate for ``names``."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(names, name="server"))
        return context

    def client(self) -> ssl.SSLContext:
        """TLS of a client that trusts this authority alone."""
        return ssl.create_default_context(cafile=self.certificate)


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
