"""sprc.evaluate calls a service that speaks TLS, and shows a certificate where it asks for one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from recompose.v1 import catalog_pb2, catalog_pb2_grpc, product_pb2
from sprc.evaluate import main
from sprc.evaluation.certificates import Certificates
from sprc.evaluation.endpoint import Endpoint, ServiceError
from sprc.evaluation.service import Service
from tests.support.certificates import Authority


class Catalog(catalog_pb2_grpc.CatalogServiceServicer):
    def ListProducts(self, request: Any, context: Any) -> Any:  # noqa: N802 - the name of the rpc
        return catalog_pb2.ListProductsResponse(products=[product_pb2.Product(id="p-1")])


class Shop:
    """A service behind TLS both ways, and the files of its callers."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        certificate, key = self.authority.issue("DNS:localhost", name="server")
        roots = self.authority.certificate.read_bytes()
        pair = (key.read_bytes(), certificate.read_bytes())
        self.server = grpc.server(ThreadPoolExecutor(2))
        catalog_pb2_grpc.add_CatalogServiceServicer_to_server(Catalog(), self.server)
        credentials = grpc.ssl_server_credentials([pair], roots, require_client_auth=True)
        self.port = self.server.add_secure_port("127.0.0.1:0", credentials)
        own, own_key = self.authority.issue("DNS:evaluation.test", name="own")
        self.environment = {
            "RECOMPOSE_TLS_CA": str(self.authority.certificate),
            "RECOMPOSE_TLS_CERT": str(own),
            "RECOMPOSE_TLS_KEY": str(own_key),
        }


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.server.start()
    yield shop
    shop.server.stop(None).wait()


def listed(shop: Shop, address: str) -> list[str]:
    with Service(Endpoint.parse(f"{address}:{shop.port}"), retry_for_s=0) as service:
        return list(service.product_ids("any"))


@pytest.mark.parametrize("address", ["https://localhost", "localhost"])
def test_certificates_come_from_the_environment(
    shop: Shop, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in shop.environment.items():
        monkeypatch.setenv(name, value)
    assert listed(shop, address) == ["p-1"]


@pytest.mark.parametrize("lacking", ["RECOMPOSE_TLS_CA", "RECOMPOSE_TLS_CERT"])
def test_without_them_nobody_comes_in(
    shop: Shop, lacking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The roots are the system's then; and a certificate goes with its key."""
    pair = ("RECOMPOSE_TLS_CERT", "RECOMPOSE_TLS_KEY")
    for name, value in shop.environment.items():
        if name != lacking and not (lacking in pair and name in pair):
            monkeypatch.setenv(name, value)
    with pytest.raises(ServiceError, match="answered UNAVAILABLE"):
        listed(shop, "https://localhost")


def test_a_key_is_not_shown(shop: Shop) -> None:
    assert "PRIVATE" not in repr(Certificates.of(shop.environment))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"RECOMPOSE_TLS_KEY": ""}, "RECOMPOSE_TLS_CERT and RECOMPOSE_TLS_KEY go together"),
        ({"RECOMPOSE_TLS_CA": "gone.pem"}, "gone.pem cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_used_is_said_at_once(
    shop: Shop,
    changed: dict[str, str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in {**shop.environment, **changed}.items():
        monkeypatch.setenv(name, value)
    command = ["--dataset", "FashionIQ", "--data-path", str(tmp_path / "none")]
    command += ["--endpoint", f"https://localhost:{shop.port}"]
    assert main([*command, "--output", str(tmp_path / "out.json")]) == 1
    assert sentence in capsys.readouterr().err
