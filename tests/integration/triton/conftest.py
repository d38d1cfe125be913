"""One real Triton for the module's tests, and an encoder for each test."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from retrieval.bundle import Bundle, load_bundle
from retrieval.domain import Deadline
from retrieval.triton import TritonEncoder
from tests.support.tiny_bundle import write_tiny_bundle
from tests.support.triton import TritonServer, triton_serving

MakeEncoder = Callable[..., TritonEncoder]


@pytest.fixture(scope="package")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that answers at once."""
    return write_tiny_bundle(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="package")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose requests wait 400 ms in a queue of three."""
    return write_tiny_bundle(
        tmp_path_factory.mktemp("slow"), seed=1, queue_delay_us=400_000, max_queue_size=3
    )


@pytest.fixture(scope="package")
def server(
    tmp_path_factory: pytest.TempPathFactory, tiny: Path, slow: Path
) -> Iterator[TritonServer]:
    with triton_serving(tmp_path_factory.mktemp("triton"), tiny, slow) as running:
        yield running


@pytest.fixture
def bundle(tiny: Path) -> Bundle:
    return load_bundle(tiny)


@pytest.fixture
def slow_bundle(slow: Path) -> Bundle:
    return load_bundle(slow)


@pytest.fixture
async def make_encoder(server: TritonServer) -> AsyncIterator[MakeEncoder]:
    """Makes encoders on the test's loop and closes them."""
    closing: list[Callable[[], Awaitable[None]]] = []

    def make(bundle: Bundle, *, address: str = "", **options: Any) -> TritonEncoder:
        encoder = TritonEncoder(address or server.address, bundle, **options)
        closing.append(encoder.close)
        return encoder

    yield make
    for close in closing:
        await close()


@pytest.fixture
async def encoder(make_encoder: MakeEncoder, bundle: Bundle) -> TritonEncoder:
    ready = make_encoder(bundle)
    await ready.check(Deadline.after(5))
    return ready
