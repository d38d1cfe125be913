"""Importing this module puts SPRC's model into LAVIS's registry, by SPRC's name for it::

    import sprc.lavis.register
    from lavis.models import load_model

    model = load_model("blip2_cir_align_prompt", "pretrain")

Its configurations are LAVIS's own of BLIP-2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from retrieval.preprocess.text import Tokenizer, bert_tokenizer
from sprc.base import max_sim
from sprc.checkpoint import load_state
from sprc.config import ModelConfig
from sprc.half import halve_encoder
from sprc.lavis.library import fetch, import_lavis, vocabulary
from sprc.lavis.pretrained import Report, empty_model, load_blip2_pretrained
from sprc.model import Blip2QformerCirAlignPrompt as OurModel
from sprc.published import ModelType, published_config

import_lavis()

from lavis.common.registry import registry  # noqa: E402 - told apart if it cannot be imported
from lavis.models.blip2_models.blip2 import Blip2Base  # noqa: E402

NAME = "blip2_cir_align_prompt"
BACKBONES: dict[str, ModelType] = {"eva_clip_g": "pretrain", "clip_L": "pretrain_vitL"}


@registry.register_model(NAME)
class Blip2QformerCirAlignPrompt(OurModel, Blip2Base):  # type: ignore[misc]
    """Our model with SPRC's calls; letters of shapes as in `ImageTextModel`.

    Named as in SPRC, whose scripts save and look up checkpoints by the class name.
    """

    PRETRAINED_MODEL_CONFIG_DICT: ClassVar[dict[str, str]] = {
        "pretrain": "configs/models/blip2/blip2_pretrain.yaml",
        "pretrain_vitL": "configs/models/blip2/blip2_pretrain_vitL.yaml",
    }
    backbone: ModelType = "pretrain"
    vocabulary_file: Path | None = None

    @classmethod
    def from_config(cls, cfg: Mapping[str, Any]) -> Self:
        """A model of LAVIS's configuration `cfg`, with the weights that it names.

        Beside LAVIS's entries it may hold ``vit``, ``qformer`` and ``embed_dim``, sizes other
        than the published, and ``vocabulary``, a ``vocab.txt`` instead of the hub's.
        Raises `LavisError` or `CheckpointError`.
        """
        backbone = BACKBONES[cfg.get("vit_model", "eva_clip_g")]
        model = empty_model(cls, _sizes(published_config(backbone), cfg))
        model.backbone = backbone
        model.vocabulary_file = Path(cfg["vocabulary"]) if cfg.get("vocabulary") else None
        Blip2Base.load_checkpoint_from_config(model, cfg)
        if cfg.get("vit_precision", "fp16") == "fp16":
            halve_encoder(model)
        if cfg.get("freeze_vit", True):
            model.visual_encoder.requires_grad_(False)
        return model.eval()

    def load_from_pretrained(self, url_or_filename: str) -> Report:
        """BLIP-2's weights, as `load_blip2_pretrained`. Raises `LavisError`."""
        return load_blip2_pretrained(self, self.backbone, address=url_or_filename)

    def load_checkpoint(self, url_or_filename: str) -> None:
        """A checkpoint of SPRC, strictly. Raises `LavisError` or `CheckpointError`."""
        self.load_state_dict(load_state(fetch(url_or_filename)))

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Texts to token ids."""
        words = self.vocabulary_file or vocabulary()
        return Tokenizer(bert_tokenizer(words), self.config.text_length)

    def forward(self, samples: Mapping[str, Any]) -> dict[str, Tensor]:
        """The losses of a batch, scalars.

        `samples` has ``image`` and ``target`` [B, 3, S, S] and ``text_input``, B texts.
        """
        losses = self.pair_losses(
            self._embed(samples["image"]),
            self._embed(samples["target"]),
            *self._tokens(samples["text_input"]),
        )
        return {"loss_itc": losses.itc, "loss_rtc": losses.rtc, "loss_align": losses.align}

    @torch.no_grad()
    def inference(
        self, reference_embeds: Tensor, target_feats: Tensor, text: Sequence[str]
    ) -> Tensor:
        """Scores [B, N] of targets [N, K, D] for references [B, P, W] with B texts."""
        return max_sim(self.compose(reference_embeds, *self._tokens(text)), target_feats)

    @torch.no_grad()
    def extract_target_features(self, image: Tensor, mode: str = "mean") -> tuple[Tensor, Tensor]:
        """Of [B, 3, S, S] the features [B, K, D] and the frozen embeddings [B, P, W].

        `mode` is there for SPRC's callers and changes nothing, as there.
        """
        embeds = self._embed(image)
        return self.image_tokens(embeds), embeds

    def _embed(self, pixels: Tensor) -> Tensor:
        with torch.autocast(pixels.device.type, torch.float16, enabled=pixels.is_cuda):
            return self.embed_image(pixels)

    def _tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        ids, mask = self.tokenizer.encode_batch(texts)
        device = self.query_tokens.device
        return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


def _sizes(config: ModelConfig, cfg: Mapping[str, Any]) -> ModelConfig:
    """The published sizes, with what `cfg` says otherwise."""
    vit = replace(config.vit, image_size=cfg["image_size"])
    vit = replace(vit, **cfg.get("vit", {}))
    qformer = replace(config.qformer, query_tokens=cfg["num_query_token"], vision_width=vit.width)
    qformer = replace(qformer, **cfg.get("qformer", {}))
    frequency = cfg.get("cross_attention_freq", 2)
    return replace(
        config,
        vit=vit,
        qformer=replace(qformer, cross_layers=tuple(range(0, qformer.layers, frequency))),
        embed_dim=cfg.get("embed_dim", config.embed_dim),
        text_length=cfg.get("max_txt_len", config.text_length),
    )
