"""What the user may choose, from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class SettingsError(Exception):
    """A setting cannot be used; the text is one sentence."""


@dataclass(frozen=True)
class Settings:
    """Where a stack runs, and what it serves."""

    http_port: int
    grpc_port: int
    data_dir: Path
    bundle_dir: Path
    catalog: Path | None
    """A feed to import; None is the demo catalog."""
    catalog_options: str
    """Further arguments of `python -m indexer import`, in the syntax of a shell."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read and check the settings.

    Raises:
        SettingsError: a value is of no use.
    """
    catalog = environment.get("CATALOG")
    settings = Settings(
        http_port=_port(environment, "HTTP_PORT", 8080),
        grpc_port=_port(environment, "GRPC_PORT", 50051),
        data_dir=data_dir(environment),
        bundle_dir=Path(environment.get("BUNDLE_DIR") or "models").absolute(),
        catalog=Path(catalog).expanduser().absolute() if catalog else None,
        catalog_options=environment.get("CATALOG_OPTIONS", ""),
    )
    if settings.http_port == settings.grpc_port:
        raise SettingsError("HTTP_PORT and GRPC_PORT must differ.")
    if settings.catalog is not None and not settings.catalog.is_file():
        raise SettingsError(f"CATALOG names no file: {settings.catalog}.")
    if not (settings.bundle_dir / "bundle.json").is_file():
        raise SettingsError(f"There is no model bundle in {settings.bundle_dir}.")
    return settings


def data_dir(environment: Mapping[str, str]) -> Path:
    """The folder of everything that a stack keeps, absolute."""
    return Path(environment.get("DATA_DIR") or ".data").expanduser().absolute()


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise SettingsError(f"{name} is a port, 1 to 65535.")
    return int(text)
