"""The reranker against a real Triton: what it suffers is its own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from publisher.repository import PublishError, copy_bundle, models_of
from publisher.serving import load_models, unload_models
from retrieval.breaker import BreakerOpen
from retrieval.bundle import Bundle, load_bundle
from retrieval.domain import Deadline, F32Array
from retrieval.errors import DependencyBroken, DependencyExhausted, DependencyUnavailable
from retrieval.triton import ModelRepository, TritonEncoder, TritonReranker
from tests.integration.triton.inputs import texts
from tests.support.tiny_bundle import SIZES, write_tiny_bundle
from tests.support.triton import TritonServer


@pytest.fixture(scope="module")
def judged_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with a reranker."""
    return write_tiny_bundle(tmp_path_factory.mktemp("judged") / "bundle", seed=40, reranker=1)


@pytest.fixture
async def judged(server: TritonServer, judged_dir: Path) -> Bundle:
    """The same, published."""
    return await asyncio.to_thread(server.publish, judged_dir)


@pytest.fixture
async def reranker(server: TritonServer, judged: Bundle) -> AsyncIterator[TritonReranker]:
    ready = TritonReranker(server.address, judged)
    yield ready
    await ready.close()


def soon() -> Deadline:
    return Deadline.after(5)


async def matched(reranker: TritonReranker, count: int, seed: int = 0) -> F32Array:
    random = np.random.default_rng(seed)
    shape = (1 + count, SIZES.patches, SIZES.vision_width)
    embeds = random.standard_normal(shape).astype(np.float16)
    (ids,), (mask,) = texts(1, seed)
    return await reranker.match(embeds[0], embeds[1:], ids, mask, soon())


async def test_callers_at_the_same_time_get_their_own_answers(reranker: TritonReranker) -> None:
    counts = [1, 3, 2, 3, 17, 1]
    alone = [await matched(reranker, count, seed) for seed, count in enumerate(counts)]
    together = await asyncio.gather(
        *(matched(reranker, count, seed) for seed, count in enumerate(counts))
    )
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


async def test_a_full_line_here_refuses_at_once(server: TritonServer, judged: Bundle) -> None:
    reranker = TritonReranker(server.address, judged, max_in_flight=1, max_waiting=1)
    await reranker.check(soon())
    answers = await asyncio.gather(
        *(matched(reranker, 200) for _ in range(4)), return_exceptions=True
    )
    await reranker.close()
    assert sum(isinstance(answer, DependencyExhausted) for answer in answers) == 2


@pytest.mark.parametrize("fault", [np.nan, 1.0, -1.0])
async def test_an_unusable_answer_is_never_returned_nor_published(
    server: TritonServer, tmp_path: Path, fault: float
) -> None:
    folder = write_tiny_bundle(tmp_path / "bundle", seed=41, reranker=2, reranker_fault=fault)
    published = copy_bundle(folder, server.repository)
    with pytest.raises(PublishError, match="the reranker is loaded, but answers with"):
        await load_models(published, server.address, timeout_s=30)
    triton = ModelRepository(server.address)
    assert not await triton.is_ready(published.models[0], soon())
    await triton.load(published.models[-1], Deadline.after(30))
    reranker = TritonReranker(server.address, published.bundle)
    with pytest.raises(DependencyBroken):
        await matched(reranker, 3)
    await triton.unload(published.models[-1], soon())
    await reranker.close()
    await triton.close()


async def test_a_reranker_that_is_away_leaves_the_three_graphs_alone(
    server: TritonServer, judged: Bundle
) -> None:
    assert judged.reranker is not None
    absent = judged.model_copy(
        update={"reranker": judged.reranker.model_copy(update={"digest": "ab" * 32})}
    )
    reranker, encoder = (kind(server.address, absent) for kind in (TritonReranker, TritonEncoder))
    for _ in range(5):
        with pytest.raises(DependencyUnavailable):
            await matched(reranker, 2)
    with pytest.raises(BreakerOpen):
        await matched(reranker, 2)
    await encoder.check(soon())
    await encoder.close()
    await reranker.close()


async def test_a_bundle_without_one_has_no_reranker(bundle: Bundle, server: TritonServer) -> None:
    with pytest.raises(ValueError, match="has no reranker"):
        TritonReranker(server.address, bundle)


async def test_every_reranker_of_a_space_is_unloaded_with_it(
    server: TritonServer, tmp_path: Path
) -> None:
    folders = [write_tiny_bundle(tmp_path / str(seed), seed=42, reranker=seed) for seed in (1, 2)]
    published = [await asyncio.to_thread(server.publish, folder) for folder in folders]
    names = {*published[0].models.values(), *published[1].models.values()}
    short = load_bundle(folders[0]).short_digest
    assert {*models_of(short, server.repository)} == names
    triton = ModelRepository(server.address)
    assert all([await triton.is_ready(name, soon()) for name in names])
    await unload_models(models_of(short, server.repository), server.address)
    assert not any([await triton.is_ready(name, soon()) for name in names])
    await triton.close()
