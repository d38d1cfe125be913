"""What pictures are known to show, as a lesson for an encoder that trains.

Where a data set says its pictures' attributes, a linear layer reads each of them off the mean of
the encoder's tokens. It trains along, teaches the encoder colours and kinds before the contrast
of queries can, and is no part of a checkpoint.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from sprc.datasets.records import Attributes
from sprc.training.errors import TrainingError

UNKNOWN = -100
"""`cross_entropy` leaves such a label out."""


class AttributeHead(nn.Module):
    """A classifier for each attribute, and the labels of a training set's pictures."""

    labels: Tensor

    def __init__(self, names: Sequence[str], attributes: Attributes, width: int) -> None:
        """Take the attributes of pictures.

        Args:
            names: The training set's pictures; labels have their order.
            attributes: What is known of them.
            width: W of the encoder's tokens.

        Raises:
            TrainingError: Nothing is known of any picture.
        """
        super().__init__()
        values: dict[str, set[str]] = {}
        for name in names:
            for attribute, value in attributes.get(name, {}).items():
                values.setdefault(attribute, set()).add(value)
        if not values:
            raise TrainingError(
                "attributes.json knows none of the training pictures, and the recipe learns from "
                "it: give --loss-attributes 0 or add the file to the data set"
            )
        self.classes = {attribute: sorted(values[attribute]) for attribute in sorted(values)}
        self.linear = nn.Linear(width, sum(map(len, self.classes.values())))
        labels = [
            [_label(attributes.get(name, {}).get(a), known) for a, known in self.classes.items()]
            for name in names
        ]
        self.register_buffer("labels", torch.tensor(labels), persistent=False)

    def forward(self, embeds: Tensor, names: Tensor) -> Tensor:
        """Mean cross-entropy over attributes, of those pictures that have each.

        Args:
            embeds: [N, P, W].
            names: int64 [N], positions in the training set's pictures.
        """
        logits = self.linear(embeds.mean(1)).float()
        parts = logits.split([len(known) for known in self.classes.values()], dim=1)
        losses = [
            # The sum over the batch's pictures, so that an attribute none of them has counts 0.
            functional.cross_entropy(part, labels, ignore_index=UNKNOWN, reduction="sum")
            / (labels != UNKNOWN).sum().clamp(min=1)
            for part, labels in zip(parts, self.labels[names].unbind(1), strict=True)
        ]
        return torch.stack(losses).mean()


def _label(value: str | None, known: Sequence[str]) -> int:
    return UNKNOWN if value is None else known.index(value)
