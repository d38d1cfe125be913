"""The model against tensors that the published code computed on a small random checkpoint."""

import pytest
import torch

from sprc.checkpoint import load_model, load_state
from sprc.model import Blip2QformerCirAlignPrompt, max_sim
from tests.training.parity import ATOL, TINY_A, arrays, difference, pixels, texts

Recorded = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def model() -> Blip2QformerCirAlignPrompt:
    return load_model(TINY_A / "ckpt.pt")


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    return arrays(TINY_A / "inference.npz")


@pytest.fixture(scope="module")
def features() -> Recorded:
    return arrays(TINY_A / "target_features.npz")


@pytest.fixture(scope="module")
def queries(recorded: Recorded, features: Recorded) -> tuple[torch.Tensor, ...]:
    """Frozen embeds of each query's reference, and its token ids and mask."""
    references = features["image_embeds_frozen"][recorded["reference_index"]]
    return references, *texts(recorded["text_index"])


def test_state_dict_has_the_published_names_shapes_and_nothing_else(
    model: Blip2QformerCirAlignPrompt,
) -> None:
    listed = {}
    for line in (TINY_A / "keys.txt").read_text().splitlines():
        name, shape, _ = line.split("\t")
        listed[name] = tuple(int(part) for part in shape.strip("()").split(",") if part.strip())
    assert {name: tuple(value.shape) for name, value in model.state_dict().items()} == listed


def test_checkpoint_keeps_float16_as_stored() -> None:
    state = load_state(TINY_A / "ckpt.pt")
    assert state["visual_encoder.blocks.0.attn.qkv.weight"].dtype == torch.float16
    assert state["ln_vision.weight"].dtype == torch.float32


@torch.inference_mode()
def test_image_features(
    model: Blip2QformerCirAlignPrompt, recorded: Recorded, features: Recorded
) -> None:
    images = pixels()
    raw = model.visual_encoder(images[:2])
    assert difference(raw, recorded["vit_out_before_ln_vision_first2"]) < ATOL
    embeds = model.embed_image(images)
    assert difference(embeds, features["image_embeds_frozen"]) < ATOL
    assert difference(model.image_tokens(embeds), features["target_feats"]) < 2e-6


@torch.inference_mode()
def test_composed_query_is_two_passes(
    model: Blip2QformerCirAlignPrompt,
    recorded: Recorded,
    features: Recorded,
    queries: tuple[torch.Tensor, ...],
) -> None:
    _, ids, mask = queries
    hidden = model.first_pass(*queries)
    assert difference(hidden[:, :32], recorded["first_pass_queries"]) < ATOL
    assert difference(hidden[:, 32], recorded["first_pass_cls"]) < ATOL
    second = model.Qformer.bert(input_ids=ids, attention_mask=mask, queries=hidden[:, :32])
    assert difference(second[:, 32], recorded["second_pass_cls"]) < ATOL
    composed = model.compose(*queries)
    assert difference(composed, recorded["fusion_feats"]) < 2e-6
    assert difference(max_sim(composed, features["target_feats"]), recorded["sim"]) < 2e-6
    wrong = [name for name in recorded if name.startswith("WRONG_")]
    assert len(wrong) == 2
    for name in wrong:
        assert difference(composed, recorded[name]) > 0.1, name


@torch.inference_mode()
def test_text_only_query_has_prompts_behind_cls(
    model: Blip2QformerCirAlignPrompt, recorded: Recorded, queries: tuple[torch.Tensor, ...]
) -> None:
    text_only = model.embed_text(*queries[1:])
    assert difference(text_only, recorded["text_only_feat_no_img"]) < 2e-6


@torch.inference_mode()
def test_image_text_matching(model: Blip2QformerCirAlignPrompt, features: Recorded) -> None:
    recorded = arrays(TINY_A / "compute_itm.npz")
    references = features["image_embeds_frozen"][recorded["reference_index"]]
    logits = model.compute_itm(references, *texts(recorded["text_index"]))
    assert difference(logits, recorded["itm_logit"]) < 2e-6


@torch.inference_mode()
def test_a_query_does_not_depend_on_its_batch(
    model: Blip2QformerCirAlignPrompt, queries: tuple[torch.Tensor, ...]
) -> None:
    together = model.compose(*queries)
    alone = model.compose(*(value[5:6] for value in queries))
    assert difference(alone, together[5:6]) < 2e-6
