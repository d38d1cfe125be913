"""The composed-retrieval model of SPRC (ICLR 2024), class name as in its checkpoints."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sprc.base import ImageTextModel, max_sim
from sprc.config import ModelConfig

__all__ = ["Answers", "Blip2QformerCirAlignPrompt", "Losses", "max_sim"]


@dataclass(frozen=True)
class Losses:
    """The three losses of a batch, scalars; how they are weighed is the recipe's matter."""

    itc: Tensor
    rtc: Tensor
    align: Tensor
    composed: Tensor
    """The composed queries [B, D] they were made with."""


class Answers(NamedTuple):
    """Which candidates answer each query, bool [B, N] each; one that is neither does not count."""

    right: Tensor
    """At least one of each row."""
    wrong: Tensor


class Blip2QformerCirAlignPrompt(ImageTextModel):
    """Picture and words to vectors of one space; letters of shapes as in `ImageTextModel`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.prompt_tokens = nn.Parameter(torch.zeros_like(self.query_tokens))

    def second_pass(self, prompts: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The first pass's K outputs [B, K, H] and the words, without image: [B, D], normalised.

        The vector is read at index K, the text's [CLS] right behind the queries.
        """
        hidden = self.Qformer.bert(
            input_ids=input_ids, attention_mask=attention_mask, queries=prompts
        )
        return functional.normalize(self.text_proj(hidden[:, prompts.shape[1]]), dim=-1)

    def compose(self, image_embeds: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Reference [B, P, W] and modification text int64 [B, T] to one query [B, D]."""
        hidden = self.first_pass(image_embeds, input_ids, attention_mask)
        prompts = hidden[:, : self.query_tokens.shape[1]]
        return self.second_pass(prompts, input_ids, attention_mask)

    def embed_text(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Text alone, int64 [B, T], to a query [B, D]: the no-image pass with learned prompts."""
        hidden = self.Qformer.bert(
            input_ids=input_ids,
            attention_mask=attention_mask,
            queries=self.prompt_tokens.expand(input_ids.shape[0], -1, -1),
            prompts_after_cls=True,
        )
        return functional.normalize(self.text_proj(hidden[:, 0]), dim=-1)

    def losses(
        self,
        reference: Tensor,
        candidates: Tensor,
        labels: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor,
        answers: Answers | None = None,
        parts: int = 1,
    ) -> Losses:
        """SPRC's training losses from frozen tokens [B, P, W] of the references and the text.

        One-directional cross-entropy from queries to candidates; the prompts enter the alignment
        detached, so that only the text-only loss moves them.

        Args:
            reference: Frozen tokens of the references.
            candidates: Tokens [N, K, D] of what is ranked; SPRC ranks the batch's targets.
            labels: int64 [B], position of each query's target among the candidates.
            input_ids: int64 [B, T].
            attention_mask: int64 [B, T].
            answers: What the candidates are to each query, for `several_right_loss`; without it
                the target alone is right and the rest is wrong, as published.
            parts: Into how many parts of texts of similar length the batch is cut to ask; each is
                padded to its own longest text. The result is the same but for rounding.
        """
        queries, composed, text_only = self._ask(reference, input_ids, attention_mask, parts)
        prompts = self.prompt_tokens.detach().expand(len(reference), -1, -1)

        def contrast(asked: Tensor) -> Tensor:
            scores = max_sim(asked, candidates) / self.temp
            if answers is None:
                return functional.cross_entropy(scores, labels)
            return several_right_loss(scores, answers)

        return Losses(
            itc=contrast(composed),
            rtc=contrast(text_only),
            align=functional.mse_loss(queries.mean(1), prompts.mean(1)),
            composed=composed,
        )

    def _ask(
        self, reference: Tensor, input_ids: Tensor, attention_mask: Tensor, parts: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The first pass's outputs [B, K, H], composed and text-only queries [B, D]."""
        if parts > 1:
            lengths = attention_mask.sum(1)
            order = lengths.argsort()
            found = [
                self._ask(
                    reference[rows], input_ids[rows, :longest], attention_mask[rows, :longest], 1
                )
                for rows in order.chunk(parts)
                for longest in (int(lengths[rows[-1]]),)
            ]
            back = order.argsort()
            queries, composed, text_only = (
                torch.cat(part)[back] for part in zip(*found, strict=True)
            )
            return queries, composed, text_only
        hidden = self.first_pass(reference, input_ids, attention_mask)
        queries = hidden[:, : self.query_tokens.shape[1]]
        composed = self.second_pass(queries, input_ids, attention_mask)
        return queries, composed, self.embed_text(input_ids, attention_mask)

    def pair_losses(
        self, reference: Tensor, target: Tensor, input_ids: Tensor, attention_mask: Tensor
    ) -> Losses:
        """`losses` as published: every query ranks the targets [B, P, W] of its own batch."""
        labels = torch.arange(len(target), device=target.device)
        return self.losses(reference, self.image_tokens(target), labels, input_ids, attention_mask)


def several_right_loss(scores: Tensor, answers: Answers) -> Tensor:
    """Cross-entropy where a query has several right candidates.

    The mean over a query's right candidates of how improbable each is among itself and the wrong
    ones, then over queries. A logarithm of summed probabilities would be content with the easiest
    right candidate, and these pictures are all to come first; a mean of log-probabilities with
    the other right ones in the denominator would set right candidates against each other. With
    one right candidate each it is cross-entropy.

    Args:
        scores: [B, N], divided by the temperature.
        answers: What the candidates are to each query.
    """
    scores = scores.float()
    # The lowest finite number: a row without wrong candidates has a gradient of 0, not of NaN.
    lowest = torch.finfo(scores.dtype).min
    wrong = scores.masked_fill(~answers.wrong, lowest).logsumexp(1, keepdim=True)
    missed = functional.softplus(wrong - scores) * answers.right
    return (missed.sum(1) / answers.right.sum(1)).mean()
