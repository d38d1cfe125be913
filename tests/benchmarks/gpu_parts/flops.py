"""Floating-point operations of a model, from its sizes: two for each multiply-add of a matrix.

Norms, activations and softmax are left out, as in the rates that makers of processors state.
"""

from sprc.config import ModelConfig, QFormerConfig

BACKWARD = 2
"""A backward pass has two products for each of the forward pass."""


def encoder(config: ModelConfig) -> int:
    """The frozen image encoder, one picture."""
    vit = config.vit
    if vit.stem:
        raise ValueError("a stem's convolutions are not counted here")
    patches = 2 * vit.grid**2 * 3 * vit.patch_size**2 * vit.width
    linear = 2 * vit.tokens * (4 * vit.width**2 + 2 * vit.width * vit.mlp_hidden)
    return patches + vit.depth * (linear + encoder_attention(config))


def encoder_attention(config: ModelConfig) -> int:
    """Scores and their use in one block of the image encoder, one picture."""
    return 4 * config.vit.tokens**2 * config.vit.width


def image_tokens(config: ModelConfig) -> int:
    """The Q-Former's look at a picture whose embeds are there, and the projection."""
    former = config.qformer
    projection = 2 * former.query_tokens * former.hidden * config.embed_dim
    return _pass(former, former.query_tokens, config.vit.tokens) + projection


def fusion(config: ModelConfig) -> int:
    """A composed query from its reference's embeds: both passes, and one vector's projection."""
    return (
        _pass(config.qformer, _with_words(config), config.vit.tokens)
        + _pass(config.qformer, _with_words(config), 0)
        + 2 * config.qformer.hidden * config.embed_dim
    )


def text(config: ModelConfig) -> int:
    """A query of words alone."""
    return (
        _pass(config.qformer, _with_words(config), 0) + 2 * config.qformer.hidden * config.embed_dim
    )


def training_pair(config: ModelConfig, *, kept: bool) -> int:
    """One pair of a training step, encoder frozen; `kept` says that its features are there.

    The scores of a batch, every query with every target, are thousandths of this and left out.
    """
    trained = (1 + BACKWARD) * (fusion(config) + text(config) + image_tokens(config))
    return trained if kept else trained + 2 * encoder(config)


def epoch_limit(config: ModelConfig) -> float:
    """How many times as fast kept features could be where nothing but arithmetic took time."""
    return training_pair(config, kept=False) / training_pair(config, kept=True)


def _with_words(config: ModelConfig) -> int:
    return config.qformer.query_tokens + config.text_length


def _pass(former: QFormerConfig, positions: int, image: int) -> int:
    """All layers over `positions`; where `image` has tokens, queries look at them."""
    per_token = 4 * former.hidden**2 + 2 * former.hidden * former.intermediate
    layer = 2 * positions * per_token + 4 * positions**2 * former.hidden
    if not image:
        return former.layers * layer
    queries = former.query_tokens
    looking = (
        2 * 2 * queries * former.hidden**2
        + 2 * 2 * image * former.vision_width * former.hidden
        + 4 * queries * image * former.hidden
    )
    return former.layers * layer + len(former.cross_layers) * looking
