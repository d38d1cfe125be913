"""Importing into a gateway's edge that asks for keys and certificates."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
import trustme

from gateway.access.credentials import Credentials
from gateway.access.guard import Guard
from gateway.access.key_file import new_key
from gateway.access.keys import ApiKeys
from gateway.access.rate import CallerLimits
from gateway.grpc_server import build_grpc_server
from indexer.channel import Access, ChannelError, open_channel
from retrieval.rate_limit import LocalRateLimit
from tests.support.fake_core import FakeCore, edge_parts

ROOT = Path(__file__).resolve().parents[3]


class Door:
    """A real gRPC edge over a core that stores nothing, behind TLS both ways and a file of keys."""

    def __init__(self, folder: Path) -> None:
        self.core = FakeCore()
        self.folder = folder
        self.roots, self.clients = trustme.CA(), trustme.CA()
        self.roots.cert_pem.write_to_path(str(folder / "ca.pem"))
        own = self.clients.issue_cert("importer.test")
        own.cert_chain_pems[0].write_to_path(str(folder / "own.pem"))
        own.private_key_pem.write_to_path(str(folder / "own.key"))
        self.writer, writes = new_key("writer")
        self.reader, reads = new_key("reader")
        (folder / "keys.toml").write_text(
            f'[keys.writer]\nsha256 = ["{writes}"]\nscopes = ["catalog.write", "catalog.read"]\n'
            f'[keys.reader]\nsha256 = ["{reads}"]\nscopes = ["catalog.read"]\n'
        )
        self.port = 0

    async def serve(self) -> grpc.aio.Server:
        limits = CallerLimits(LocalRateLimit(), LocalRateLimit())
        keys = ApiKeys(self.folder / "keys.toml")
        guard = Guard(Credentials(keys, None), limits)
        server = build_grpc_server(replace(edge_parts(self.core), access=guard))
        issued = self.roots.issue_cert("127.0.0.1")
        pair = (issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes())
        credentials = grpc.ssl_server_credentials([pair], self.clients.cert_pem.bytes(), True)
        self.port = server.add_secure_port("127.0.0.1:0", credentials)
        await server.start()
        return server

    def environment(self, key: str) -> dict[str, str]:
        return {
            "PYTHONPATH": str(ROOT / "services"),
            "RECOMPOSE_API_KEY": key,
            "RECOMPOSE_TLS_CA": str(self.folder / "ca.pem"),
            "RECOMPOSE_TLS_CERT": str(self.folder / "own.pem"),
            "RECOMPOSE_TLS_KEY": str(self.folder / "own.key"),
        }


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    door = Door(tmp_path)
    server = await door.serve()
    yield door
    await server.stop(0)


async def imported(door: Door, environment: dict[str, str], server: str = "") -> tuple[int, str]:
    """Exit status, and all that was said."""
    feed = door.folder / "feed.jsonl"
    feed.write_text('{"id": "a"}\n{"id": "b"}\n')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "indexer", "import", str(feed), "--retry-for", "1"),
        *("--server", server or f"127.0.0.1:{door.port}"),
        env=environment,
        stdout=PIPE,
        stderr=PIPE,
    )
    said = b"".join(await asyncio.wait_for(process.communicate(), 60)).decode()
    assert process.returncode is not None
    return process.returncode, said


async def test_a_writer_imports(door: Door) -> None:
    status, said = await imported(door, door.environment(door.writer))
    assert (status, said.splitlines()[0]) == (0, "imported 2, unchanged 0, failed 0, of 2 rows")
    assert [name for name, _ in door.core.calls] == ["import"]


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ("", "UNAUTHENTICATED. Put a key with scope catalog.write into RECOMPOSE_API_KEY."),
        ("rck_writer_no", "UNAUTHENTICATED. Put a key"),
        ("reader", "PERMISSION_DENIED. The key in RECOMPOSE_API_KEY is not for this call"),
    ],
)
async def test_others_are_told_what_is_missing(door: Door, who: str, told: str) -> None:
    key = door.reader if who == "reader" else who
    status, said = await imported(door, door.environment(key))
    assert status == 1
    assert told in said
    assert not key or key not in said
    assert door.core.calls == []


async def test_without_a_certificate_nobody_gets_in(door: Door) -> None:
    environment = door.environment(door.writer)
    del environment["RECOMPOSE_TLS_CERT"], environment["RECOMPOSE_TLS_KEY"]
    status, said = await imported(door, environment)
    assert (status, "out of reach: UNAVAILABLE" in said) == (1, True)


async def test_https_uses_the_roots_of_the_system(door: Door) -> None:
    environment = door.environment(door.writer)
    del environment["RECOMPOSE_TLS_CA"]
    status, said = await imported(door, environment, f"https://127.0.0.1:{door.port}")
    assert (status, "UNAVAILABLE" in said) == (1, True)  # a CA that the system does not know
    environment["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = str(door.folder / "ca.pem")
    assert (await imported(door, environment, f"https://127.0.0.1:{door.port}"))[0] == 0


async def test_a_file_that_is_not_there_is_named(door: Door) -> None:
    environment = door.environment(door.writer) | {"RECOMPOSE_TLS_CA": "/no/such/file"}
    status, said = await imported(door, environment)
    assert (status, said) == (
        2,
        "indexer: /no/such/file cannot be read: No such file or directory.\n",
    )


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"RECOMPOSE_API_KEY": "schlüssel"}, "no key has"),
        ({"RECOMPOSE_API_KEY": "a\nb"}, "no key has"),
        ({"RECOMPOSE_TLS_CERT": "own.pem"}, "go together"),
        ({"RECOMPOSE_TLS_KEY": "own.key"}, "go together"),
    ],
)
def test_an_environment_that_cannot_be_used(environment: dict[str, str], told: str) -> None:
    with pytest.raises(ChannelError, match=told):
        Access.of(environment)


async def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(Access.of({"RECOMPOSE_API_KEY": "secret"}))
    await open_channel("127.0.0.1:1", Access()).close()
