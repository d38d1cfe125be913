"""What a deployment asks of the publisher: this digest and no other, and every Triton of a name."""

import socket
from pathlib import Path

import pytest

from publisher.__main__ import main
from publisher.addresses import addresses_of
from publisher.repository import PublishError
from retrieval.bundle import load_bundle
from tests.support.tiny_bundle import write_tiny_bundle


@pytest.mark.parametrize("digits", [12, 64])
def test_the_digest_that_was_asked_for_is_published(tmp_path: Path, digits: int) -> None:
    bundle = write_tiny_bundle(tmp_path / "bundle")
    digest = load_bundle(bundle).digest[:digits]
    repository = tmp_path / "models"
    assert main([str(bundle), "--repository", str(repository), "--digest", digest]) == 0
    assert any(repository.glob(f"image_encoder_{digest[:12]}"))


def test_another_digest_is_refused_before_anything_is_copied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = write_tiny_bundle(tmp_path / "bundle")
    repository = tmp_path / "models"
    assert main([str(bundle), "--repository", str(repository), "--digest", "0" * 12]) == 1
    found = load_bundle(bundle).short_digest
    told = f"Not published: the bundle is {found}, and {'0' * 12} was asked for.\n"
    assert capsys.readouterr().err == told
    assert not repository.exists()


def test_every_address_of_a_name_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [("10.0.0.2", 8001), ("10.0.0.1", 8001), ("10.0.0.2", 8001), ("fd00::1", 8001, 0, 0)]

    def resolve(host: str, port: int, *, type: int) -> list[tuple[object, ...]]:
        assert (host, port, type) == ("triton", 8001, socket.SOCK_STREAM)
        return [(2, type, 6, "", address) for address in answers]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert addresses_of("triton:8001") == ["10.0.0.1:8001", "10.0.0.2:8001", "[fd00::1]:8001"]


@pytest.mark.parametrize("server", ["triton", ":8001", "triton:grpc"])
def test_no_address_without_host_and_port(server: str) -> None:
    with pytest.raises(PublishError, match="HOST:PORT"):
        addresses_of(server)


def test_an_unknown_name_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    bundle = write_tiny_bundle(tmp_path / "bundle")
    options = ["--repository", str(tmp_path / "models"), "--triton", "triton:8001"]
    assert main([str(bundle), *options, "--all-addresses"]) == 1
    assert capsys.readouterr().err == "Not published: the name of triton:8001 is not known.\n"
