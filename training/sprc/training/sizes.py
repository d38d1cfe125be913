"""Sizes of a model that a recipe begins from nothing, without pretrained weights."""

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sprc.config import ModelConfig, QFormerConfig, StemConfig, VitConfig


class Sizes(BaseModel):
    """The recipe's table ``[model]``. Its number of words is the vocabulary's that is learned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_size: int = Field(ge=1)
    stem: tuple[int, ...] = ()
    """Channels of convolutions before the patches, each of stride 2; SPRC has none."""
    patch_size: int = Field(ge=1)
    vit_width: int = Field(ge=1)
    vit_depth: int = Field(ge=1)
    vit_heads: int = Field(ge=1)
    vit_mlp: int = Field(ge=1)
    qformer_width: int = Field(ge=1)
    qformer_layers: int = Field(ge=1)
    qformer_heads: int = Field(ge=1)
    qformer_mlp: int = Field(ge=1)
    query_tokens: int = Field(ge=1)
    embed_dim: int = Field(ge=1)
    text_length: int = Field(default=32, ge=3)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    words: int = Field(ge=200)
    """The most entries that a learned vocabulary may have."""

    @model_validator(mode="after")
    def _fit(self) -> "Sizes":
        if self.image_size % (self.patch_size * 2 ** len(self.stem)):
            raise ValueError("image_size is no multiple of patch_size and the stem's strides")
        for part, width, heads in (
            ("vit", self.vit_width, self.vit_heads),
            ("qformer", self.qformer_width, self.qformer_heads),
        ):
            if width % heads:
                raise ValueError(f"{part}_heads do not divide {part}_width")
        return self

    def config(self, words: int) -> ModelConfig:
        """Sizes of a model that knows so many words; cross-attention in every other layer."""
        vit = VitConfig(
            image_size=self.image_size,
            patch_size=self.patch_size,
            width=self.vit_width,
            depth=self.vit_depth,
            heads=self.vit_heads,
            mlp_hidden=self.vit_mlp,
            stem=tuple(StemConfig(channels) for channels in self.stem),
        )
        qformer = QFormerConfig(
            hidden=self.qformer_width,
            layers=self.qformer_layers,
            heads=self.qformer_heads,
            intermediate=self.qformer_mlp,
            vocab=words,
            positions=self.text_length + self.query_tokens,
            query_tokens=self.query_tokens,
            vision_width=self.vit_width,
            cross_layers=tuple(range(0, self.qformer_layers, 2)),
            dropout=self.dropout,
        )
        return ModelConfig(vit, qformer, self.embed_dim, self.text_length)
