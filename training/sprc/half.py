"""The precision in which published checkpoints hold a model: the frozen encoder's in float16."""

from torch import nn

from sprc.base import ImageTextModel


def halve_encoder(model: ImageTextModel) -> None:
    """Round the ViT's linear and convolution weights and biases to float16, in place.

    That is how SPRC keeps them on a GPU, and what its checkpoints hold; norms, embeddings, q and
    v biases of EVA and input projections of CLIP stay float32. Such a model computes under
    autocast only; `sprc.checkpoint.load_model` makes it float32 again.
    """
    for module in model.visual_encoder.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.half()
