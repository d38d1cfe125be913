"""What `make up` refuses before it starts anything."""

import socket
from pathlib import Path

import pytest

from deploy.local.ports import free_ports, require_free
from deploy.local.settings import SettingsError, read_settings


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    """A folder that has a bundle.json."""
    (tmp_path / "bundle.json").write_text("{}")
    return str(tmp_path)


def test_the_defaults_are_the_documented_ones(bundle: str) -> None:
    settings = read_settings({"BUNDLE_DIR": bundle})
    assert (settings.http_port, settings.grpc_port) == (8080, 50051)
    assert settings.data_dir == Path(".data").absolute()
    assert settings.catalog is None


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"HTTP_PORT": "eighty"}, "HTTP_PORT is a port"),
        ({"GRPC_PORT": "0"}, "GRPC_PORT is a port"),
        ({"GRPC_PORT": "70000"}, "GRPC_PORT is a port"),
        ({"HTTP_PORT": "9000", "GRPC_PORT": "9000"}, "must differ"),
        ({"CATALOG": "/nowhere/feed.csv"}, "CATALOG names no file"),
        ({"BUNDLE_DIR": "/nowhere"}, "no model bundle"),
    ],
)
def test_a_bad_setting_is_one_sentence(
    bundle: str, environment: dict[str, str], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        read_settings({"BUNDLE_DIR": bundle, **environment})


def test_a_busy_port_is_said_with_its_name() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=f"HTTP_PORT {port} is in use"):
            require_free("HTTP_PORT", "127.0.0.1", port)
    require_free("HTTP_PORT", "127.0.0.1", port)


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20
