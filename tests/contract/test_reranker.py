"""One suite for the fake reranker and the real adapter over Triton, which serves a second stage
that the real exporter wrote."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from retrieval.bundle import Bundle, load_bundle
from retrieval.domain import Deadline, F32Array, FloatArray, I64Array
from retrieval.errors import DependencyTimeout
from retrieval.ports import Reranker
from retrieval.triton import TritonReranker
from tests.support.fake_encoder import BUNDLE
from tests.support.fake_reranker import FakeReranker
from tests.support.tiny_bundle import write_tiny_bundle
from tests.support.triton import ROOT, TritonServer, triton_serving

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def bundle_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_tiny_bundle(tmp_path_factory.mktemp("reranker") / "bundle")
    paths = os.pathsep.join(str(ROOT / each) for each in ("services", "training", "."))
    subprocess.run(
        [ROOT / "training/.venv/bin/python", ROOT / "tests/training/exported_reranker.py", folder],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def server(bundle_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    with triton_serving(tmp_path_factory.mktemp("triton"), bundle_dir) as running:
        yield running


@dataclass(frozen=True)
class Judge:
    """A reranker, and the bundle whose shapes it takes."""

    reranker: Reranker
    bundle: Bundle

    async def match(
        self,
        reference: FloatArray,
        candidates: FloatArray,
        ids: I64Array,
        mask: I64Array,
        within_s: float = 10.0,
    ) -> F32Array:
        deadline = Deadline.after(within_s)
        return await self.reranker.match(reference, candidates, ids, mask, deadline)

    def images(self, count: int, seed: int = 0) -> FloatArray:
        """Embeds [count, P, W] as a layer norm gives them."""
        sizes = self.bundle.sizes
        shape = (count, sizes.patches, sizes.vision_width)
        made: FloatArray = (
            np.random.default_rng(seed).standard_normal(shape).astype(self.bundle.precision)
        )
        return made

    def words(self, length: int, seed: int = 0) -> tuple[I64Array, I64Array]:
        """Ids and mask [T] of a text of so many words."""
        count = self.bundle.sizes.text_length
        ids = np.random.default_rng(seed).integers(1, 50, size=count)
        return ids, (np.arange(count) < length).astype(np.int64)


@pytest.fixture(params=["fake", "triton"])
async def judge(request: pytest.FixtureRequest) -> AsyncIterator[Judge]:
    if request.param == "fake":
        yield Judge(FakeReranker(), BUNDLE)
        return
    bundle = load_bundle(request.getfixturevalue("bundle_dir"))
    reranker = TritonReranker(request.getfixturevalue("server").address, bundle)
    yield Judge(reranker, bundle)
    await reranker.close()


@pytest.mark.parametrize("count", [1, 2, 8, 50])
async def test_each_candidate_gets_a_probability(judge: Judge, count: int) -> None:
    found = await judge.match(judge.images(1)[0], judge.images(count, 1), *judge.words(5))
    assert found.shape == (count,)
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()


async def test_a_candidate_is_judged_alike_in_any_company(judge: Judge) -> None:
    reference, candidates, words = judge.images(1)[0], judge.images(7, 1), judge.words(5)
    together = await judge.match(reference, candidates, *words)
    alone = [await judge.match(reference, each[None], *words) for each in candidates]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=TOLERANCE)
    backwards = await judge.match(reference, candidates[::-1], *words)
    np.testing.assert_allclose(together, backwards[::-1], atol=TOLERANCE)


async def test_reference_words_and_candidates_all_count(judge: Judge) -> None:
    candidates = judge.images(6, 1)
    plain = await judge.match(judge.images(1)[0], candidates, *judge.words(5))
    other_reference = await judge.match(judge.images(1, 9)[0], candidates, *judge.words(5))
    other_words = await judge.match(judge.images(1)[0], candidates, *judge.words(5, 9))
    assert np.abs(plain - other_reference).max() > 1e-3
    assert np.abs(plain - other_words).max() > 1e-3
    assert np.ptp(plain) > 1e-3


async def test_words_behind_the_mask_do_not_count(judge: Judge) -> None:
    reference, candidates, (ids, mask) = judge.images(1)[0], judge.images(3, 1), judge.words(4)
    plain = await judge.match(reference, candidates, ids, mask)
    padded = np.where(mask == 1, ids, 0)
    np.testing.assert_allclose(
        await judge.match(reference, candidates, padded, mask), plain, atol=TOLERANCE
    )


async def test_inputs_of_another_shape_or_type_are_a_bug_here(judge: Judge) -> None:
    reference, candidates, (ids, mask) = judge.images(1)[0], judge.images(3, 1), judge.words(4)
    other = np.float64
    for wrong in (
        (reference[1:], candidates, ids, mask),
        (reference[None], candidates, ids, mask),
        (reference, candidates[:, 1:], ids, mask),
        (reference, candidates[:0], ids, mask),
        (reference, candidates, ids[1:], mask),
        (reference, candidates, ids, mask[1:]),
        (reference.astype(other), candidates, ids, mask),
        (reference, candidates.astype(other), ids, mask),
        (reference, candidates, ids.astype(np.int32), mask),
    ):
        with pytest.raises(ValueError):
            await judge.match(*wrong)  # type: ignore[arg-type]


async def test_without_time_there_is_no_answer(judge: Judge) -> None:
    with pytest.raises(DependencyTimeout):
        await judge.match(judge.images(1)[0], judge.images(3, 1), *judge.words(4), within_s=0)


async def test_tritons_answers_are_those_of_the_exported_graph(
    bundle_dir: Path, server: TritonServer
) -> None:
    bundle = load_bundle(bundle_dir, verify=True)
    reranker = TritonReranker(server.address, bundle)
    judge = Judge(reranker, bundle)
    reference, candidates, (ids, mask) = judge.images(1)[0], judge.images(5, 1), judge.words(4)
    found = await judge.match(reference, candidates, ids, mask)
    await reranker.close()
    session = onnxruntime.InferenceSession(bundle_dir / "reranker" / "1" / "model.onnx")
    feed = {
        "reference_embeds": reference[None],
        "candidate_embeds": candidates[None],
        "input_ids": ids[None],
        "attention_mask": mask[None],
    }
    (expected,) = session.run(["match_probability"], feed)
    np.testing.assert_allclose(found, expected[0], atol=TOLERANCE)
