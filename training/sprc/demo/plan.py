"""The recipe's numbers in one place."""

from dataclasses import dataclass, field

from sprc.config import ModelConfig, QFormerConfig, StemConfig, VitConfig


@dataclass(frozen=True)
class Stage:
    """One stage of training: cosine from `lr` to 0 after a warm-up."""

    steps: int
    families: int
    lr: float
    warmup: int = 60


@dataclass(frozen=True)
class Plan:
    """Data, stages and weights of the losses."""

    seed: int = 20_240
    train_seed: int = 1
    test_seed: int = 2
    validation_seed: int = 3
    train_families: int = 7_000
    family_size: int = 3
    test_pairs: int = 500
    validation_pairs: int = 150
    views: int = 3
    encoder: Stage = field(default_factory=lambda: Stage(1_300, 43, 1.5e-3))
    queries: Stage = field(default_factory=lambda: Stage(800, 128, 1.2e-3))
    joint: Stage = field(default_factory=lambda: Stage(700, 48, 6e-4))
    joint_encoder_share: float = 0.5
    weight_decay: float = 0.05
    text_weight: float = 0.4
    attribute_weight: float = 0.3
    align_weight: float = 0.05
    spread_weight: float = 0.3
    smallest_temperature: float = 0.02


def demo_config(vocab: int) -> ModelConfig:
    """Sizes of the demo model: about 2.9 million parameters, 96 px, 36 patches, 8 queries."""
    stem = (StemConfig(32), StemConfig(64), StemConfig(128))
    vit = VitConfig(
        image_size=96, patch_size=2, width=192, depth=4, heads=4, mlp_hidden=480, stem=stem
    )
    qformer = QFormerConfig(
        hidden=128,
        layers=4,
        heads=4,
        intermediate=320,
        vocab=vocab,
        positions=64,
        query_tokens=8,
        vision_width=vit.width,
        cross_layers=(0, 2),
        dropout=0.0,
    )
    return ModelConfig(vit, qformer, embed_dim=64, text_length=32)
