"""What a step of the second stage minimises."""

import torch
from torch import Tensor

from sprc.datasets.loading import PairBatch
from sprc.mining import draw_negatives
from sprc.reranker import Blip2QformerCirRerank
from sprc.training.features import Features
from sprc.training.objective import answering
from sprc.training.processes import Processes
from sprc.training.run import BatchLosses
from sprc.training.second_stage.recipe import RerankRecipe


class RerankObjective(BatchLosses):
    """SPRC's ``loss_itm``: each pair is to fit, and not with a wrong target or a wrong query.

    Both are mined in a process's own batch by the frozen first stage. What is drawn follows from
    the generator that the step has seeded, so that a resumed run draws the same.
    """

    def __init__(
        self, model: Blip2QformerCirRerank, processes: Processes, recipe: RerankRecipe
    ) -> None:
        super().__init__()
        self.model = model
        self.processes = processes
        self.recipe = recipe
        self.names = ("loss_itm",)
        self.weights = torch.ones(1, device=processes.device)

    def forward(
        self, features: Features, batch: PairBatch, input_ids: Tensor, attention_mask: Tensor
    ) -> Tensor:
        """The loss as float32 [1].

        Args:
            features: What encodes the batch's pictures.
            batch: B pairs of N distinct pictures.
            input_ids: int64 [B, T].
            attention_mask: int64 [B, T].
        """
        device, recipe, model = self.processes.device, self.recipe, self.model
        batch = PairBatch(*(part.to(device, non_blocking=True) for part in batch))
        embeds = model.frozen_tokens(features.encode(batch.pictures))
        references = embeds[batch.references]
        if recipe.contrast_references:
            candidates, targets = embeds, batch.targets
        else:
            candidates = embeds[batch.targets]
            targets = torch.arange(len(candidates), device=device)
        scores = model.miner.scores(
            references.detach(),
            candidates.detach(),
            input_ids,
            attention_mask,
            composed=recipe.negatives == "composed",
        )
        negatives = draw_negatives(
            scores.float() / model.temp.detach(), self._wrong(batch, targets), targets
        )
        loss = model.match_loss(
            references, candidates, targets, input_ids, attention_mask, negatives
        )
        return loss.float()[None]

    def _wrong(self, batch: PairBatch, targets: Tensor) -> Tensor:
        """Which candidates may be taken for wrong ones of each pair, bool [B, N]."""
        if self.recipe.several_right:
            wrong = answering(batch).wrong
            return wrong if self.recipe.contrast_references else wrong[:, batch.targets]
        count = len(batch.names) if self.recipe.contrast_references else len(targets)
        return targets[:, None] != torch.arange(count, device=targets.device)
