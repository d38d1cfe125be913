"""How a service is checked by TLS, and what is shown to one that asks for a certificate."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sprc.evaluation.endpoint import ServiceError

TLS_CA: Final = "RECOMPOSE_TLS_CA"
TLS_CERT: Final = "RECOMPOSE_TLS_CERT"
TLS_KEY: Final = "RECOMPOSE_TLS_KEY"


@dataclass(frozen=True)
class Certificates:
    """PEM, read out of the files that the environment names."""

    roots: bytes | None = None
    """Of the service's certificate; with them TLS is spoken. gRPC's own where there are none."""
    certificate: bytes | None = None
    """The evaluation's own."""
    key: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Certificates":
        """Raises `ServiceError`."""
        if bool(environment.get(TLS_CERT)) != bool(environment.get(TLS_KEY)):
            raise ServiceError(f"{TLS_CERT} and {TLS_KEY} go together")
        return cls(*(_read(environment.get(name)) for name in (TLS_CA, TLS_CERT, TLS_KEY)))


def _read(path: str | None) -> bytes | None:
    try:
        return Path(path).read_bytes() if path else None
    except OSError as error:
        raise ServiceError(f"{path} cannot be read: {error.strerror}") from None
