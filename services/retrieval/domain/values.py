"""Arrays, attribute values, deadlines: what all the others are made of."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

F32Array = NDArray[np.float32]

FloatArray = NDArray[np.float32] | NDArray[np.float16]

I64Array = NDArray[np.int64]

Scalar = str | float | bool
"""A value of an attribute or of a filter; whole numbers are floats that have no fraction."""

AttributeValue = Scalar | Sequence[Scalar]

DEFAULT_CATALOG: Final = "default"

Observe = Callable[[str, str, float], None]
"""Called once for each outbound call: dependency, outcome (``ok``, ``timeout``...), seconds."""


def ignore_observation(dependency: str, outcome: str, seconds: float) -> None:
    """The observer of callers that keep no metrics."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on the monotonic clock after which an answer is of no use."""

    at_s: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """The deadline that lies ``seconds`` ahead."""
        return cls(time.monotonic() + seconds)

    def remaining_s(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.at_s - time.monotonic())

    def capped(self, budget_s: float) -> "Deadline":
        """The earlier of this deadline and ``budget_s`` from now."""
        return Deadline(min(self.at_s, time.monotonic() + budget_s))


CacheKind = Literal["image_embeds", "image_tokens", "query_embedding"]
