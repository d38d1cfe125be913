"""What the GPU section will say; needs nothing installed."""

from typing import Final

from tests.benchmarks.harness.rows import Spec, at_least

SPECS: Final = (
    Spec(
        "gpu/encoder_of_matrix_rate",
        "ViT-g at float16, batch 64: operations a second, against one big product of matrices",
        target=at_least(0.6),
        form="gpu",
    ),
    Spec(
        "gpu/encoder_against_plain",
        "ViT-g at float16, batch 64: time with attention written out, against the fused form",
        target=at_least(3),
        form="gpu",
    ),
    Spec(
        "gpu/attention_against_plain",
        "The attention alone, ViT-g's shape, batch 64: written out, against the fused form",
        form="gpu",
    ),
    Spec("gpu/encoder_memory", "ViT-g: the most memory at batch 64", unit="GB", form="gpu"),
    Spec(
        "gpu/fusion_batched",
        "Fusion: queries a second at batch 64, against batch 1",
        form="gpu",
    ),
    Spec(
        "gpu/query_uncached",
        "One composed query from a picture's pixels, against one from its kept embeds",
        form="gpu",
    ),
    Spec(
        "gpu/training_kept",
        "An epoch computing features in each step, against one with kept features",
        form="gpu",
    ),
    Spec(
        "gpu/training_kept_of_limit",
        "The same as a share of the limit that operations set (7.6 for ViT-g)",
        target=at_least(0.8),
        form="gpu",
    ),
    Spec(
        "gpu/training_memory",
        "The most memory of a training step that computes features, against one with kept ones",
        form="gpu",
    ),
)
