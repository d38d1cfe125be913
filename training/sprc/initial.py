"""Fresh weights for training from scratch."""

import torch
from torch import Tensor, nn

from sprc.clip_vit import ClipAttention, ClipVisionTransformer
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.vit import VisionTransformer

STD = 0.02


def initialise(model: Blip2QformerCirAlignPrompt, seed: int) -> None:
    """Fill a model in place: truncated normals of BERT and ViT, wider ones for the queries.

    Query tokens start far apart (standard deviation 0.5), since tokens that begin alike stay so.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Linear):
                width = module.weight.shape[1] ** -0.5
                module.weight.normal_(std=0.7 * width, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.Conv2d):
                fan = module.weight[0].numel()
                module.weight.normal_(std=(2 / fan) ** 0.5, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, ClipAttention):
                width = module.in_proj_weight.shape[1] ** -0.5
                module.in_proj_weight.normal_(std=0.7 * width, generator=generator)
                module.in_proj_bias.zero_()
            elif isinstance(module, nn.Embedding):
                module.weight.normal_(std=STD, generator=generator)
        for tokens in (model.query_tokens, model.prompt_tokens):
            tokens.normal_(std=0.5, generator=generator)
        for position in _positions(model.visual_encoder):
            position.normal_(std=STD, generator=generator)


def _positions(
    encoder: VisionTransformer | ClipVisionTransformer,
) -> tuple[Tensor, Tensor]:
    """Class token and position embeddings of an image encoder."""
    if isinstance(encoder, ClipVisionTransformer):
        return encoder.class_embedding, encoder.positional_embedding
    return encoder.cls_token, encoder.pos_embed
