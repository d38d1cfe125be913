"""Our modules and LAVIS's own on the same random weights, pass by pass.

Where the two agree they must agree; in SPRC's second pass LAVIS cannot follow.
"""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sprc.lavis.library import import_lavis
from sprc.model import Blip2QformerCirAlignPrompt
from tests.training.lavis_files import prepare_torchvision, random_model, tiny_blip2

ATOL = 2e-6


@pytest.fixture(scope="module", autouse=True)
def _lavis() -> None:
    prepare_torchvision()
    import_lavis()


@pytest.fixture(scope="module")
def model() -> Blip2QformerCirAlignPrompt:
    return random_model(tiny_blip2()).requires_grad_(False)


@pytest.fixture(scope="module")
def peer(model: Blip2QformerCirAlignPrompt) -> Any:
    """LAVIS's Q-Former with our weights; its names are ours, or the load would fail."""
    from lavis.models.blip2_models.Qformer import BertConfig, BertLMHeadModel

    sizes = model.config.qformer
    config = BertConfig(
        vocab_size=sizes.vocab,
        hidden_size=sizes.hidden,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        intermediate_size=sizes.intermediate,
        max_position_embeddings=sizes.positions,
        encoder_width=sizes.vision_width,
        add_cross_attention=True,
        cross_attention_freq=2,
        query_length=sizes.query_tokens,
    )
    theirs = BertLMHeadModel(config)
    theirs.load_state_dict(model.Qformer.state_dict())
    return theirs.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def image() -> Tensor:
    return torch.randn(3, 5, 32, generator=torch.Generator().manual_seed(7))


@pytest.fixture(scope="module")
def words() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(8)
    ids = torch.randint(5, 10, (3, 12), generator=generator)
    ids[:, 0] = 2
    mask = (torch.arange(12) < torch.tensor([[12], [7], [2]])).long()
    return ids * mask, mask


@pytest.mark.parametrize("family", ["eva", "clip"])
def test_image_encoders_agree(family: str) -> None:
    from lavis.models import clip_vit, eva_vit

    ours = random_model(tiny_blip2(family)).visual_encoder
    vit = tiny_blip2(family).vit
    if family == "eva":
        theirs = eva_vit.VisionTransformer(
            img_size=vit.image_size,
            patch_size=vit.patch_size,
            embed_dim=vit.width,
            depth=vit.depth,
            num_heads=vit.heads,
            mlp_ratio=vit.mlp_hidden / vit.width,
            qkv_bias=True,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
        )
    else:
        theirs = clip_vit.VisionTransformer(
            input_resolution=vit.image_size,
            patch_size=vit.patch_size,
            width=vit.width,
            layers=vit.depth + 1,  # it builds one less than it is asked for
            heads=vit.heads,
            use_grad_checkpointing=False,
        )
    theirs.load_state_dict(ours.state_dict())
    pixels = torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        _agree(ours(pixels), theirs.eval()(pixels))


def test_queries_looking_at_an_image_agree(
    model: Blip2QformerCirAlignPrompt, peer: Any, image: Tensor
) -> None:
    queries = model.query_tokens.expand(3, -1, -1)
    theirs = peer.bert(
        query_embeds=queries,
        encoder_hidden_states=image,
        encoder_attention_mask=torch.ones(image.shape[:2]),
    )
    _agree(model.Qformer.bert(queries=queries, image=image), theirs.last_hidden_state)


def test_first_pass_agrees(
    model: Blip2QformerCirAlignPrompt, peer: Any, image: Tensor, words: tuple[Tensor, Tensor]
) -> None:
    ids, mask = words
    queries = model.query_tokens.expand(3, -1, -1)
    theirs = peer.bert(
        ids,
        query_embeds=queries,
        attention_mask=torch.cat((torch.ones(3, 4), mask), dim=1),
        encoder_hidden_states=image,
        encoder_attention_mask=torch.ones(image.shape[:2]),
    )
    _agree(model.first_pass(image, ids, mask), theirs.last_hidden_state)


def test_words_alone_agree(
    model: Blip2QformerCirAlignPrompt, peer: Any, words: tuple[Tensor, Tensor]
) -> None:
    ids, mask = words
    theirs = peer.bert(ids, attention_mask=mask)
    ours = model.Qformer.bert(input_ids=ids, attention_mask=mask)
    _agree(ours, theirs.last_hidden_state)


def test_lavis_cannot_do_the_second_pass(
    model: Blip2QformerCirAlignPrompt, peer: Any, image: Tensor, words: tuple[Tensor, Tensor]
) -> None:
    """Rule 2 of tests/parity/README.md: LAVIS wants an image wherever there are queries."""
    ids, mask = words
    prompts = model.first_pass(image, ids, mask)[:, :4]
    every = torch.cat((torch.ones(3, 4), mask), dim=1)
    with pytest.raises(AssertionError, match="encoder_hidden_states must be given"):
        peer.bert(ids, query_embeds=prompts, attention_mask=every)


def test_without_cross_attention_lavis_takes_the_wrong_feed_forward(
    model: Blip2QformerCirAlignPrompt, peer: Any, image: Tensor, words: tuple[Tensor, Tensor]
) -> None:
    """Where only the cross-attention is left out, the queries still take their own feed-forward.

    The text's feed-forward in its place is SPRC's second pass, and ours.
    """
    ids, mask = words
    prompts = model.first_pass(image, ids, mask)[:, :4]
    every = torch.cat((torch.ones(3, 4), mask), dim=1)
    ours = model.Qformer.bert(input_ids=ids, attention_mask=mask, queries=prompts)
    layers = peer.bert.encoder.layer
    crossing = [layer.has_cross_attention for layer in layers]
    try:
        for layer in layers:
            layer.has_cross_attention = False
        theirs = peer.bert(ids, query_embeds=prompts, attention_mask=every).last_hidden_state
        assert (theirs - ours).abs().max() > 0.1
        for layer in layers:
            layer.feed_forward_chunk_query = layer.feed_forward_chunk
        theirs = peer.bert(ids, query_embeds=prompts, attention_mask=every).last_hidden_state
        _agree(ours, theirs)
    finally:
        for layer, before in zip(layers, crossing, strict=True):
            layer.has_cross_attention = before
            layer.__dict__.pop("feed_forward_chunk_query", None)


def _agree(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    assert theirs.std() > 0.1
    torch.testing.assert_close(ours, theirs, rtol=0, atol=ATOL)
