"""Which bundle the commands that stand beside a gateway take: the live model's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.settings import Settings
from gateway.space_wiring import index_of, live_bundle
from publisher.bundles import keep_bundle
from retrieval.bundle import Bundle, load_bundle
from retrieval.qdrant import QdrantModelRegistry, connect
from tests.support.image_places import soon
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import server_in_memory
from tests.support.tiny_bundle import write_tiny_bundle


@pytest.fixture(scope="module")
def server() -> Iterator[QdrantProcess]:
    with server_in_memory() as process:
        yield process


async def test_it_is_the_live_ones_wherever_that_is_kept(
    server: QdrantProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QDRANT_URL", server.url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("BUNDLE_DIR", str(write_tiny_bundle(tmp_path / "first")))
    settings = Settings()
    first = load_bundle(settings.bundle_dir)
    second = load_bundle(write_tiny_bundle(tmp_path / "second", seed=2))
    third = load_bundle(write_tiny_bundle(tmp_path / "third", seed=3))
    keep_bundle(tmp_path / "second", settings.published_bundles)
    client = connect(server.url)
    try:
        assert await live_bundle(settings, client) == first
        for live, expected in ((first, first), (second, second), (third, first)):
            await make_live(settings, live, server)
            assert await live_bundle(settings, client) == expected
    finally:
        await client.close()


async def make_live(settings: Settings, bundle: Bundle, server: QdrantProcess) -> None:
    client = connect(server.url)
    await index_of(settings, bundle, client).ensure_collection(soon())
    await QdrantModelRegistry(client).move(bundle.short_digest, soon())
    await client.close()
