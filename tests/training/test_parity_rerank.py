"""The second stage against tensors that the published code computed on a small checkpoint."""

import pytest
import torch

from sprc.checkpoint import CheckpointError, load_model, load_reranker
from sprc.reranker import Blip2QformerCirRerank
from tests.training.parity import ATOL, TINY_A, TINY_RERANK, arrays, difference, pixels, texts

Recorded = dict[str, torch.Tensor]
NOISE = 2e-6


@pytest.fixture(scope="module")
def model() -> Blip2QformerCirRerank:
    return load_reranker(TINY_RERANK / "ckpt.pt")


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    return arrays(TINY_RERANK / "rerank.npz")


@torch.inference_mode()
def test_image_features(model: Blip2QformerCirRerank, recorded: Recorded) -> None:
    embeds = model.embed_image(pixels())
    assert difference(embeds, recorded["image_embeds_frozen"]) < ATOL
    assert difference(model.image_tokens(embeds), recorded["target_feats"]) < NOISE


@torch.inference_mode()
def test_first_stage_reads_the_text_alone(model: Blip2QformerCirRerank, recorded: Recorded) -> None:
    scores = model.text_scores(*texts(list(range(24))), recorded["target_feats"])
    assert difference(scores, recorded["inference_text_only_sim"]) < NOISE


@torch.inference_mode()
def test_every_pair_is_judged(model: Blip2QformerCirRerank, recorded: Recorded) -> None:
    embeds = recorded["image_embeds_frozen"]
    references = embeds[torch.arange(24) % 12]
    words = texts(list(range(24)))
    probabilities = model.rerank(references, embeds.expand(24, -1, -1, -1), *words)
    assert difference(probabilities, recorded["rerank_all_24x12"]) < NOISE
    matching = model.compute_itm(references, *words)
    assert difference(matching, recorded["compute_itm_24"]) < NOISE


@torch.inference_mode()
def test_candidates_belong_to_their_reference(
    model: Blip2QformerCirRerank, recorded: Recorded
) -> None:
    embeds = recorded["image_embeds_frozen"]
    one = model.rerank(embeds[2:3], embeds[None], *texts([1]))
    assert difference(one[0], recorded["rerank_one_ref2_text1_targets0to11"]) < NOISE
    four = model.rerank(
        embeds[recorded["four_ref"]],
        embeds[recorded["four_targets"]],
        *texts(recorded["four_texts"]),
    )
    assert difference(four.flatten(), recorded["rerank_four"]) < NOISE


def test_the_loss_of_two_batches(model: Blip2QformerCirRerank, recorded: Recorded) -> None:
    """Of two items each is the other's negative, so that nothing depends on what is drawn."""
    embeds = recorded["image_embeds_frozen"]
    losses = [
        model.pair_loss(
            embeds[recorded["loss_itm_batches_image"][batch]],
            embeds[recorded["loss_itm_batches_target"][batch]],
            *texts(recorded["loss_itm_batches_text"][batch]),
        )
        for batch in range(2)
    ]
    assert difference(torch.stack(losses), recorded["loss_itm_bs2"]) < NOISE


def test_the_miner_is_the_copy_and_not_what_trains(
    model: Blip2QformerCirRerank, recorded: Recorded
) -> None:
    """The checkpoint's copy holds other weights: its scores are not those of `text_scores`."""
    embeds, words = recorded["image_embeds_frozen"], texts(list(range(24)))
    mined = model.miner.scores(embeds[:1], embeds, *words, composed=False)
    assert difference(mined, recorded["inference_text_only_sim"]) > 0.1
    for parts in ("vision_proj", "text_proj"):
        assert getattr(model.miner, parts) is getattr(model, f"{parts}_f")
    begun = Blip2QformerCirRerank.after(model).eval()
    same = begun.miner.scores(embeds[:1], embeds, *words, composed=False)
    assert difference(same, recorded["inference_text_only_sim"]) < NOISE


def test_each_class_names_the_other() -> None:
    with pytest.raises(CheckpointError, match="holds Blip2QformerCirRerank, not"):
        load_model(TINY_RERANK / "ckpt.pt")
    with pytest.raises(CheckpointError, match="holds Blip2QformerCirAlignPrompt, not"):
        load_reranker(TINY_A / "ckpt.pt")
