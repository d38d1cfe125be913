"""What a step minimises: SPRC's three losses, over one process's batch or the gathered one."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from sprc.model import Blip2QformerCirAlignPrompt, Losses, max_sim
from sprc.training.processes import Processes
from sprc.training.recipe import Recipe

LOSSES = ("loss_itc", "loss_rtc", "loss_align")


class Objective(nn.Module):
    """From the frozen encoder's output to the losses; one module, so that DDP can wrap it."""

    def __init__(
        self, model: Blip2QformerCirAlignPrompt, processes: Processes, *, gather: bool
    ) -> None:
        super().__init__()
        self.model = model
        self.processes = processes
        self.gather = gather and processes.world > 1

    def forward(
        self, references: Tensor, targets: Tensor, input_ids: Tensor, attention_mask: Tensor
    ) -> Tensor:
        """The losses [3] in the order of `LOSSES`.

        Args:
            references: Encoder output before ``ln_vision``, which trains, [B, P, W].
            targets: The same for the targets.
            input_ids: int64 [B, T].
            attention_mask: int64 [B, T].
        """
        normed = frozen_tokens(self.model, references), frozen_tokens(self.model, targets)
        compute = self._gathered if self.gather else self.model.losses
        losses = compute(*normed, input_ids, attention_mask)
        return torch.stack([losses.itc, losses.rtc, losses.align])

    def _gathered(
        self, references: Tensor, targets: Tensor, input_ids: Tensor, attention_mask: Tensor
    ) -> Losses:
        """`model.losses` with the targets of every process in the contrast."""
        model = self.model
        mine = model.image_tokens(targets)
        everyone = self.processes.gather(mine)
        hidden = model.first_pass(references, input_ids, attention_mask)
        queries = hidden[:, : model.query_tokens.shape[1]]
        composed = model.second_pass(queries, input_ids, attention_mask)
        text_only = model.embed_text(input_ids, attention_mask)
        labels = torch.arange(len(mine), device=mine.device) + self.processes.rank * len(mine)
        prompts = model.prompt_tokens.detach().mean(1).expand(len(mine), -1)
        return Losses(
            itc=functional.cross_entropy(max_sim(composed, everyone) / model.temp, labels),
            rtc=functional.cross_entropy(max_sim(text_only, everyone) / model.temp, labels),
            align=functional.mse_loss(queries.mean(1), prompts),
        )


def frozen_tokens(model: Blip2QformerCirAlignPrompt, features: Tensor) -> Tensor:
    """`embed_image` from the encoder's output on: [B, P, W] to the same shape, float32."""
    normed: Tensor = model.ln_vision(features.float())
    return normed.to(features.dtype).float()


def loss_weights(recipe: Recipe) -> Tensor:
    """Weights [3] in the order of `LOSSES`."""
    return torch.tensor([1.0, recipe.loss_rtc, recipe.loss_align])


def freeze_encoder(model: Blip2QformerCirAlignPrompt) -> None:
    """Only the ViT is frozen; ``ln_vision`` and all the rest train."""
    model.visual_encoder.requires_grad_(False)


def training_mode(model: Blip2QformerCirAlignPrompt) -> None:
    """Dropout on, the frozen encoder as in evaluation."""
    model.train()
    model.visual_encoder.eval()


def trained_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """What trains, by name."""
    return {name: value for name, value in model.named_parameters() if value.requires_grad}
