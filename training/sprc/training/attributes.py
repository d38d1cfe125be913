"""What pictures are known to show, as a lesson for an encoder that trains.

Where a data set says its pictures' attributes, a linear layer reads each of them off the mean of
the encoder's tokens, and another one off the vectors that are searched: the mean of a picture's
tokens, and a composed query, which is to say what its target shows. They train along, teach
colours and kinds before the contrast of queries can, and are no part of a checkpoint.
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from sprc.datasets.records import Attributes
from sprc.training.errors import TrainingError

UNKNOWN = -100
"""`cross_entropy` leaves such a label out."""
_VECTOR_SCALE: Final = 8.0
"""A normalised vector's entries are small; a layer from nothing would take long to read them."""


class AttributeHead(nn.Module):
    """A classifier for each attribute, and the labels of a training set's pictures."""

    labels: Tensor

    def __init__(
        self, names: Sequence[str], attributes: Attributes, width: int, embed_dim: int
    ) -> None:
        """Take the attributes of pictures.

        Args:
            names: The training set's pictures; labels have their order.
            attributes: What is known of them.
            width: W of the encoder's tokens.
            embed_dim: D of the vectors that are searched.

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
        values_count = sum(map(len, self.classes.values()))
        self.of_encoder = nn.Linear(width, values_count)
        self.of_vectors = nn.Linear(embed_dim, values_count)
        labels = [
            [_label(attributes.get(name, {}).get(a), known) for a, known in self.classes.items()]
            for name in names
        ]
        self.register_buffer("labels", torch.tensor(labels), persistent=False)

    def values(self, attribute: str, names: Tensor) -> Tensor:
        """Of pictures [N] the number of their value, int64 [N]; `UNKNOWN` where it is not known.

        Raises `TrainingError` where no picture has the attribute.
        """
        if attribute not in self.classes:
            raise TrainingError(
                f"no training picture has the attribute {attribute} that alike_by names; "
                f"attributes.json has {', '.join(self.classes)}"
            )
        return self.labels[names, list(self.classes).index(attribute)]

    def pictures(self, embeds: Tensor, names: Tensor) -> Tensor:
        """How badly the encoder's tokens [N, P, W] tell the attributes of pictures.

        `names` are positions in the training set's pictures, int64 [N].
        """
        return self._loss(self.of_encoder(embeds.mean(1)), names)

    def vectors(self, vectors: Tensor, names: Tensor) -> Tensor:
        """The same for normalised vectors [N, D] that stand for pictures."""
        return self._loss(self.of_vectors(vectors * _VECTOR_SCALE), names)

    def _loss(self, logits: Tensor, names: Tensor) -> Tensor:
        """Mean cross-entropy over attributes, of those pictures that have each."""
        sizes = [len(known) for known in self.classes.values()]
        parts = torch.split(logits.float(), sizes, dim=1)
        losses = [
            # The sum over the batch's pictures, so that an attribute none of them has counts 0.
            functional.cross_entropy(part, labels, ignore_index=UNKNOWN, reduction="sum")
            / (labels != UNKNOWN).sum().clamp(min=1)
            for part, labels in zip(parts, self.labels[names].unbind(1), strict=True)
        ]
        return torch.stack(losses).mean()


def _label(value: str | None, known: Sequence[str]) -> int:
    return UNKNOWN if value is None else known.index(value)
