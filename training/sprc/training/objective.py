"""What a step minimises: SPRC's three losses, and what a recipe adds to them."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from sprc.base import ImageTextModel
from sprc.datasets.loading import PairBatch
from sprc.model import Answers, Blip2QformerCirAlignPrompt
from sprc.training.alike import alike_loss
from sprc.training.attributes import AttributeHead
from sprc.training.augment import augment
from sprc.training.features import Features
from sprc.training.processes import Processes
from sprc.training.recipe import Recipe
from sprc.training.run import BatchLosses

PUBLISHED: Final = ("loss_itc", "loss_rtc", "loss_align")
ALIKE: Final = 0.7
"""Cosine above which `token_spread` pushes the tokens of one picture apart."""


class Objective(BatchLosses):
    """SPRC's losses.

    SPRC ranks the targets of a process's own batch. A recipe may have the targets of every process
    ranked (`gather`), or every picture of the batch, references too (`contrast_references`).
    """

    rough: Tensor | None

    def __init__(
        self,
        model: Blip2QformerCirAlignPrompt,
        processes: Processes,
        recipe: Recipe,
        head: AttributeHead | None = None,
        rough: Tensor | None = None,
    ) -> None:
        """Take the parts.

        Args:
            model: What trains.
            processes: Those of the run.
            recipe: Which losses, and their weights.
            head: Reads attributes, where the recipe has a loss for that.
            rough: bool, the training set's pictures that are augmented roughly.
        """
        super().__init__()
        self.register_buffer("rough", rough, persistent=False)
        self.model = model
        self.head = head
        self.processes = processes
        self.recipe = recipe
        weights = {}
        if recipe.asks:
            given = recipe.loss_itc, recipe.loss_rtc, recipe.loss_align
            weights = dict(zip(PUBLISHED, given, strict=True))
            if recipe.loss_spread:
                weights["loss_spread"] = recipe.loss_spread
            if recipe.loss_alike:
                weights["loss_alike"] = recipe.loss_alike
        if head is not None:
            weights["loss_attributes"] = recipe.loss_attributes
        self.names = tuple(weights)
        self.weights = torch.tensor(list(weights.values()), device=processes.device)

    def forward(
        self, features: Features, batch: PairBatch, input_ids: Tensor, attention_mask: Tensor
    ) -> Tensor:
        """The losses in the order of `names`, unweighted, float32.

        Args:
            features: What encodes the batch's pictures.
            batch: B pairs of N distinct pictures.
            input_ids: int64 [B, T].
            attention_mask: int64 [B, T].
        """
        device = self.processes.device
        batch = PairBatch(*(part.to(device, non_blocking=True) for part in batch))
        pictures = batch.pictures
        if self.recipe.augment:
            pictures = augment(pictures, None if self.rough is None else self.rough[batch.names])
        embeds = self.model.frozen_tokens(features.encode(pictures))
        attributes = [] if self.head is None else [self.head.pictures(embeds, batch.names)]
        found = []
        if self.recipe.asks:
            if self.recipe.contrast_references:
                tokens, labels = self.model.image_tokens(embeds), batch.targets
            else:
                tokens = self.model.image_tokens(embeds[batch.targets])
                labels = torch.arange(len(tokens), device=device)
            answers = answering(batch) if self.recipe.several_right else None
            if answers is not None and not self.recipe.contrast_references:
                answers = Answers(*(part[:, batch.targets] for part in answers))
            candidates = tokens
            if self.recipe.gather and self.processes.world > 1:
                labels = labels + self.processes.rank * len(tokens)
                candidates = self.processes.gather(tokens)
            losses = self.model.losses(
                embeds[batch.references],
                candidates,
                labels,
                input_ids,
                attention_mask,
                answers=answers,
                parts=self.recipe.text_parts,
            )
            found += [losses.itc, losses.rtc, losses.align]
            if self.recipe.loss_spread:
                found.append(token_spread(tokens))
            if self.head is not None:
                places = slice(None) if self.recipe.contrast_references else batch.targets
                shown = batch.names[places]
                if self.recipe.loss_alike:
                    values = self.head.values(self.recipe.alike_by, shown)
                    kinds = batch.kinds[places]
                    found.append(alike_loss(tokens, values, kinds, self.model.temp))
                attributes += [
                    self.head.vectors(functional.normalize(tokens.mean(1), dim=-1), shown),
                    self.head.vectors(losses.composed, batch.names[batch.targets]),
                ]
        if attributes:
            found.append(torch.stack(attributes).mean())
        return torch.stack([loss.float() for loss in found])


def answering(batch: PairBatch) -> Answers:
    """What a batch's N pictures are to each of its B pairs.

    Pictures of another category are neither right nor wrong: alternatives name none of them, and a
    drawing of a red dress answers "a red dress" about a photo no less than the photo of one.
    """
    targets = batch.targets
    right = torch.zeros(len(targets), len(batch.names), dtype=torch.bool, device=targets.device)
    right[torch.arange(len(targets), device=targets.device), targets] = True
    right[batch.others[:, 0], batch.others[:, 1]] = True
    return Answers(right, ~right & (batch.kinds[targets][:, None] == batch.kinds))


def token_spread(tokens: Tensor) -> Tensor:
    """How far cosines between the K tokens [N, K, D] of a picture exceed `ALIKE`, mean over pairs.

    A maximum over tokens that are all alike would say no more than their mean.
    """
    cosines = (tokens @ tokens.transpose(1, 2)).float()
    others = ~torch.eye(tokens.shape[1], dtype=torch.bool, device=tokens.device)
    return functional.relu(cosines[:, others] - ALIKE).mean()


def freeze_encoder(model: ImageTextModel) -> None:
    """Only the ViT is frozen, as published; ``ln_vision`` and all the rest train."""
    model.visual_encoder.requires_grad_(False)


def training_mode(objective: nn.Module, model: ImageTextModel) -> None:
    """Dropout on, a frozen encoder as in evaluation."""
    objective.train()
    if not any(parameter.requires_grad for parameter in model.visual_encoder.parameters()):
        model.visual_encoder.eval()


def trained_state(objective: nn.Module) -> dict[str, Tensor]:
    """What training changes, by name: trained parameters, and the encoder's running statistics."""
    found: dict[str, Tensor] = {n: p for n, p in objective.named_parameters() if p.requires_grad}
    statistics = {n: b for n, b in objective.named_buffers() if ".visual_encoder." in n}
    return found | statistics
