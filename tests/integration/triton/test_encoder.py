"""The encoder against a real Triton: its answers are those of the graphs themselves."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from retrieval.bundle import Bundle, load_bundle, model_name
from retrieval.domain import Deadline, ImageEmbeddings
from retrieval.errors import DependencyBroken
from retrieval.triton import TritonEncoder
from tests.integration.triton.conftest import MakeEncoder
from tests.integration.triton.inputs import pictures, texts
from tests.support.tiny_bundle import SIZES, VOCABULARY, Fault, write_tiny_bundle
from tests.support.triton import TritonServer

TOLERANCE = 1e-5


def direct(bundle_dir: Path, graph: str, **feed: NDArray[Any]) -> list[NDArray[Any]]:
    """The outputs of a graph, run in this process."""
    session = onnxruntime.InferenceSession(bundle_dir / graph / "1" / "model.onnx")
    outputs: list[NDArray[Any]] = session.run(None, feed)
    return outputs


def soon() -> Deadline:
    return Deadline.after(5)


@pytest.mark.parametrize("batch", [1, 3, 8, 21])
async def test_answers_are_those_of_the_graphs(
    encoder: TritonEncoder, tiny: Path, batch: int
) -> None:
    pixels, (ids, mask) = pictures(batch), texts(batch)

    images = await encoder.encode_images(pixels, soon())
    composed = await encoder.compose(images.embeds, ids, mask, soon())
    plain = await encoder.encode_texts(ids, mask, soon())

    gallery = await encoder.encode_gallery(pixels, soon())
    embeds, tokens = direct(tiny, "image_encoder", pixel_values=pixels)
    np.testing.assert_allclose(gallery, tokens, atol=TOLERANCE)
    assert images.embeds.dtype == np.float16
    assert images.embeds.shape == (batch, SIZES.patches, SIZES.vision_width)
    np.testing.assert_allclose(images.embeds, embeds, atol=1e-3)  # one step of float16
    np.testing.assert_allclose(images.tokens, tokens, atol=TOLERANCE)
    text = {"input_ids": ids, "attention_mask": mask}
    (expected,) = direct(tiny, "fusion_encoder", image_embeds=images.embeds, **text)
    np.testing.assert_allclose(composed, expected, atol=TOLERANCE)
    (expected,) = direct(tiny, "text_encoder", **text)
    np.testing.assert_allclose(plain, expected, atol=TOLERANCE)
    assert composed.dtype == plain.dtype == images.tokens.dtype == gallery.dtype == np.float32


async def test_a_float32_bundle_has_float32_embeds(
    make_encoder: MakeEncoder, server: TritonServer, tmp_path: Path
) -> None:
    bundle_dir = write_tiny_bundle(tmp_path / "bundle", seed=5, precision="float32")
    encoder = make_encoder(await asyncio.to_thread(server.publish, bundle_dir))
    images = await encoder.encode_images(pictures(2), soon())
    embeds, _ = direct(bundle_dir, "image_encoder", pixel_values=pictures(2))
    assert images.embeds.dtype == np.float32
    np.testing.assert_allclose(images.embeds, embeds, atol=TOLERANCE)
    await encoder.check(soon())


async def test_requests_at_the_same_time_run_as_batches(
    encoder: TritonEncoder, bundle: Bundle, tiny: Path, server: TritonServer
) -> None:
    name = model_name("image_encoder", bundle.digest)
    before = [server.metric(f"nv_inference_{what}", name) for what in ("count", "exec_count")]
    answers = await asyncio.gather(
        *(encoder.encode_images(pictures(1, seed), soon()) for seed in range(64))
    )
    after = [server.metric(f"nv_inference_{what}", name) for what in ("count", "exec_count")]

    requests, runs = np.subtract(after, before)
    assert requests == 64
    assert runs < 48
    for seed, answer in enumerate(answers):  # each caller got its own rows back
        _, tokens = direct(tiny, "image_encoder", pixel_values=pictures(1, seed))
        np.testing.assert_allclose(answer.tokens, tokens, atol=TOLERANCE)


async def test_two_bundles_answer_side_by_side(
    make_encoder: MakeEncoder, server: TritonServer, tiny: Path, tmp_path: Path
) -> None:
    other_dir = write_tiny_bundle(tmp_path / "other", seed=9)
    other = make_encoder(await asyncio.to_thread(server.publish, other_dir))
    first = make_encoder(load_bundle(tiny))
    ids, mask = texts(1)
    answers = await asyncio.gather(
        first.encode_texts(ids, mask, soon()), other.encode_texts(ids, mask, soon())
    )
    for answer, bundle_dir in zip(answers, (tiny, other_dir), strict=True):
        (expected,) = direct(bundle_dir, "text_encoder", input_ids=ids, attention_mask=mask)
        np.testing.assert_allclose(answer, expected, atol=TOLERANCE)
    assert not np.allclose(*answers, atol=0.1)


@pytest.mark.parametrize("fault", ["nan", "zero", "unnormalised"])
async def test_an_unusable_answer_is_never_returned(
    make_encoder: MakeEncoder, server: TritonServer, tmp_path: Path, fault: Fault
) -> None:
    bundle_dir = write_tiny_bundle(tmp_path / "bundle", seed=2, fault=fault)
    outcomes: list[str] = []
    encoder = make_encoder(
        await asyncio.to_thread(server.publish_untried, bundle_dir),
        observe=lambda dependency, outcome, seconds: outcomes.append(f"{dependency} {outcome}"),
    )
    embeds = np.ones((1, SIZES.patches, SIZES.vision_width), np.float16)
    with pytest.raises(DependencyBroken):
        await encoder.encode_images(pictures(1), soon())
    with pytest.raises(DependencyBroken):
        await encoder.compose(embeds, *texts(1), soon())
    with pytest.raises(DependencyBroken):
        await encoder.encode_texts(*texts(1), soon())
    with pytest.raises(DependencyBroken):
        await encoder.check(soon())
    assert outcomes == ["triton broken"] * 4


async def test_an_answer_of_another_size_is_never_returned(
    make_encoder: MakeEncoder, bundle: Bundle
) -> None:
    other = SIZES.model_copy(update={"embed_dim": SIZES.embed_dim + 1})
    encoder = make_encoder(bundle.model_copy(update={"sizes": other}))
    with pytest.raises(DependencyBroken):
        await encoder.encode_texts(*texts(1), soon())


async def test_a_bad_request_does_not_fail_those_it_was_batched_with(
    make_encoder: MakeEncoder, slow_bundle: Bundle
) -> None:
    encoder = make_encoder(slow_bundle)
    ids, mask = texts(1)
    beyond = np.full_like(ids, VOCABULARY)
    good, bad, also_good = await asyncio.gather(
        encoder.encode_texts(ids, mask, soon()),
        encoder.encode_texts(beyond, mask, soon()),
        encoder.encode_texts(ids, mask, soon()),
        return_exceptions=True,
    )
    assert isinstance(bad, DependencyBroken)
    assert isinstance(good, np.ndarray)
    assert isinstance(also_good, np.ndarray)
    np.testing.assert_array_equal(good, also_good)


async def test_inputs_of_another_shape_are_a_bug_here(encoder: TritonEncoder) -> None:
    ids, mask = texts(2)
    with pytest.raises(ValueError, match="expected int64"):
        await encoder.encode_texts(ids[:, 1:], mask[:, 1:], soon())
    with pytest.raises(ValueError, match="one batch size"):
        await encoder.encode_texts(ids, mask[:1], soon())
    with pytest.raises(ValueError, match="one batch size"):
        await encoder.encode_images(pictures(0), soon())
    wrong = np.ones((2, SIZES.patches, SIZES.vision_width), np.float32)
    with pytest.raises(ValueError, match="expected float16"):
        await encoder.compose(wrong, ids, mask, soon())


async def test_answers_lie_over_the_received_bytes(encoder: TritonEncoder) -> None:
    images: ImageEmbeddings = await encoder.encode_images(pictures(2), soon())
    for array in (images.embeds, images.tokens):
        assert not array.flags.owndata
        assert not array.flags.writeable
