"""The Q-Former: BERT with query tokens, as SPRC changed it.

Two rules differ from plain BLIP-2 and decide the result (tests/parity/README.md, 2 and 5):
the query feed-forward is used where an image is given, not where queries are given; and the
no-image pass puts its prompts between [CLS] and the words, with position embeddings for all.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from sprc.config import QFormerConfig

LAYER_NORM_EPS = 1e-12
MASKED = -10000.0


class Embeddings(nn.Module):
    """Words, positions and queries to [B, K + T, H]."""

    position_ids: Tensor

    def __init__(self, config: QFormerConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab, config.hidden)
        self.position_embeddings = nn.Embedding(config.positions, config.hidden)
        self.LayerNorm = nn.LayerNorm(config.hidden, eps=LAYER_NORM_EPS)
        self.dropout = nn.Dropout(config.dropout)
        self.register_buffer("position_ids", torch.arange(config.positions).unsqueeze(0))

    def forward(
        self, input_ids: Tensor | None, queries: Tensor | None, *, prompts_after_cls: bool
    ) -> Tensor:
        """Queries [B, K, H] come first, or as prompts behind [CLS].

        Queries in front get no position; prompts behind [CLS] are numbered with the words.
        """
        if input_ids is None:
            if queries is None:
                raise ValueError("neither words nor queries")
            hidden = queries
        else:
            hidden = self.word_embeddings(input_ids)
            if queries is not None and prompts_after_cls:
                hidden = torch.cat((hidden[:, :1], queries, hidden[:, 1:]), dim=1)
            hidden = hidden + self.position_embeddings(self.position_ids[:, : hidden.shape[1]])
            if queries is not None and not prompts_after_cls:
                hidden = torch.cat((queries, hidden), dim=1)
        result: Tensor = self.dropout(self.LayerNorm(hidden))
        return result


class Projections(nn.Module):
    """The q, k, v projections of one attention (``attention.self``)."""

    def __init__(self, config: QFormerConfig, key_width: int) -> None:
        super().__init__()
        self.heads = config.heads
        self.dropout = config.dropout
        self.query = nn.Linear(config.hidden, config.hidden)
        self.key = nn.Linear(key_width, config.hidden)
        self.value = nn.Linear(key_width, config.hidden)

    def forward(self, hidden: Tensor, context: Tensor, mask: Tensor | None) -> Tensor:
        """[B, N, H] over [B, M, C] to [B, N, H]; `mask` is additive [B, 1, 1, M]."""
        mixed = functional.scaled_dot_product_attention(
            self._split(self.query(hidden)),
            self._split(self.key(context)),
            self._split(self.value(context)),
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
        )
        return mixed.transpose(1, 2).reshape(hidden.shape)

    def _split(self, hidden: Tensor) -> Tensor:
        batch, tokens, width = hidden.shape
        return hidden.view(batch, tokens, self.heads, width // self.heads).transpose(1, 2)


class AddNorm(nn.Module):
    """Dense, dropout, residual, layer norm (``output`` of attention and feed-forward)."""

    def __init__(self, inputs: int, config: QFormerConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, config.hidden)
        self.LayerNorm = nn.LayerNorm(config.hidden, eps=LAYER_NORM_EPS)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor, residual: Tensor) -> Tensor:
        """[B, N, inputs] and [B, N, H] to [B, N, H]."""
        result: Tensor = self.LayerNorm(self.dropout(self.dense(hidden)) + residual)
        return result


class Attention(nn.Module):
    """Attention with its residual."""

    def __init__(self, config: QFormerConfig, key_width: int) -> None:
        super().__init__()
        self.self = Projections(config, key_width)
        self.output = AddNorm(config.hidden, config)

    def forward(self, hidden: Tensor, context: Tensor, mask: Tensor | None) -> Tensor:
        """[B, N, H] over [B, M, C] to [B, N, H]."""
        result: Tensor = self.output(self.self(hidden, context, mask), hidden)
        return result


class Intermediate(nn.Module):
    """First half of a feed-forward, exact (erf) GELU."""

    def __init__(self, config: QFormerConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden, config.intermediate)

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, N, H] to [B, N, I]."""
        return functional.gelu(self.dense(hidden))


class Layer(nn.Module):
    """One layer: self-attention, cross-attention of the queries, one of two feed-forwards."""

    def __init__(self, config: QFormerConfig, *, cross: bool) -> None:
        super().__init__()
        self.attention = Attention(config, config.hidden)
        if cross:
            self.crossattention = Attention(config, config.vision_width)
        self.cross = cross
        self.intermediate = Intermediate(config)
        self.output = AddNorm(config.intermediate, config)
        self.intermediate_query = Intermediate(config)
        self.output_query = AddNorm(config.intermediate, config)

    def forward(self, hidden: Tensor, mask: Tensor, image: Tensor | None, queries: int) -> Tensor:
        """[B, N, H] to [B, N, H]; the first `queries` positions look at `image` [B, P, W]."""
        hidden = self.attention(hidden, hidden, mask)
        if image is None:
            result: Tensor = self.output(self.intermediate(hidden), hidden)
            return result
        looking, words = hidden[:, :queries], hidden[:, queries:]
        if self.cross:
            looking = self.crossattention(looking, image, None)
        answered: Tensor = self.output_query(self.intermediate_query(looking), looking)
        if words.shape[1] == 0:
            return answered
        words = self.output(self.intermediate(words), words)
        return torch.cat((answered, words), dim=1)


class Encoder(nn.Module):
    """The stack of layers."""

    def __init__(self, config: QFormerConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(
            Layer(config, cross=index in config.cross_layers) for index in range(config.layers)
        )

    def forward(self, hidden: Tensor, mask: Tensor, image: Tensor | None, queries: int) -> Tensor:
        """[B, N, H] to [B, N, H]."""
        for layer in self.layer:
            hidden = layer(hidden, mask, image, queries)
        return hidden


class Bert(nn.Module):
    """Embeddings and encoder (``Qformer.bert``)."""

    def __init__(self, config: QFormerConfig) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)

    def forward(
        self,
        *,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        queries: Tensor | None = None,
        image: Tensor | None = None,
        prompts_after_cls: bool = False,
    ) -> Tensor:
        """Last hidden states [B, K + T, H].

        `input_ids` and `attention_mask` int64 [B, T], `queries` [B, K, H], `image` [B, P, W].
        No causal mask; every query is visible, padded words are masked by -10000.
        """
        count = 0 if queries is None else queries.shape[1]
        hidden = self.embeddings(input_ids, queries, prompts_after_cls=prompts_after_cls)
        shape = (hidden.shape[0], 1, 1, count)
        mask = torch.zeros(shape, dtype=hidden.dtype, device=hidden.device)
        if attention_mask is not None:
            words = (1.0 - attention_mask[:, None, None, :].to(hidden.dtype)) * MASKED
            # [CLS] is never masked, so queries-then-words and [CLS]-prompts-words share one mask.
            mask = torch.cat((mask, words), dim=-1)
        result: Tensor = self.encoder(hidden, mask, image, count)
        return result


class PredictionTransform(nn.Module):
    """Dense and norm of BERT's word prediction; carried for its weights, not used here."""

    def __init__(self, config: QFormerConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden, config.hidden)
        self.LayerNorm = nn.LayerNorm(config.hidden, eps=LAYER_NORM_EPS)


class Predictions(nn.Module):
    """BERT's word prediction head, its decoder tied to the word embeddings."""

    def __init__(self, config: QFormerConfig, words: nn.Parameter) -> None:
        super().__init__()
        self.transform = PredictionTransform(config)
        self.decoder = nn.Linear(config.hidden, config.vocab)
        self.decoder.weight = words
        self.bias = self.decoder.bias


class LanguageHead(nn.Module):
    """``Qformer.cls``."""

    def __init__(self, config: QFormerConfig, words: nn.Parameter) -> None:
        super().__init__()
        self.predictions = Predictions(config, words)


class QFormer(nn.Module):
    """BERT and its word prediction head, with the published names."""

    def __init__(self, config: QFormerConfig) -> None:
        super().__init__()
        self.bert = Bert(config)
        self.cls = LanguageHead(config, self._words())

    def tie(self) -> None:
        """Tie the prediction head to the word embeddings again, after parameters were replaced."""
        predictions = self.cls.predictions
        predictions.decoder.weight = self._words()
        predictions.bias = predictions.decoder.bias

    def _words(self) -> nn.Parameter:
        return cast(nn.Parameter, self.bert.embeddings.word_embeddings.weight)
