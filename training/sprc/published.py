"""The full sizes of SPRC's models, by the names of BLIP-2's pretrained weights."""

from typing import Final, Literal

from sprc.config import ModelConfig, QFormerConfig, VitConfig

ModelType = Literal["pretrain", "pretrain_vitL"]

VITS: Final[dict[ModelType, VitConfig]] = {
    "pretrain": VitConfig(
        image_size=224, patch_size=14, width=1408, depth=39, heads=16, mlp_hidden=6144
    ),
    "pretrain_vitL": VitConfig(
        image_size=224,
        patch_size=14,
        width=1024,
        depth=23,
        heads=16,
        mlp_hidden=4096,
        family="clip",
    ),
}
"""EVA ViT-g without its last block, and CLIP ViT-L/14 without its last."""


def published_config(model_type: ModelType) -> ModelConfig:
    """Sizes with BERT-base as Q-Former, 32 queries, and the projection to 256 of BLIP-2."""
    vit = VITS[model_type]
    qformer = QFormerConfig(
        hidden=768,
        layers=12,
        heads=12,
        intermediate=3072,
        vocab=30523,
        positions=512,
        query_tokens=32,
        vision_width=vit.width,
        cross_layers=tuple(range(0, 12, 2)),
    )
    return ModelConfig(vit, qformer, embed_dim=256)
