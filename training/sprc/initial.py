"""Fresh weights for training from scratch."""

import torch
from torch import nn

from sprc.model import Blip2QformerCirAlignPrompt

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
            elif isinstance(module, nn.Embedding):
                module.weight.normal_(std=STD, generator=generator)
        for tokens in (model.query_tokens, model.prompt_tokens):
            tokens.normal_(std=0.5, generator=generator)
        for position in (model.visual_encoder.cls_token, model.visual_encoder.pos_embed):
            position.normal_(std=STD, generator=generator)
