"""How many pictures an import, or a second stage, sends in one inference."""

from typing import Final

_TARGET_S: Final = 0.25


class InferenceSize:
    """As many as the encoder answers within a quarter of a second, learned from its answers.

    An encoder runs one batch at a time, so a shopper's picture waits for the batch of an import
    that is at work. On a GPU a full batch takes less than that; a large model on a processor takes
    seconds for a single picture, and a full batch would then make searches and readiness probes
    run out of time.
    """

    def __init__(self, ceiling: int) -> None:
        self._ceiling = ceiling
        self._pictures = 1

    @property
    def pictures(self) -> int:
        """From 1 to the ceiling."""
        return self._pictures

    def took(self, pictures: int, seconds: float) -> None:
        """Learn from an inference: the waiting before it counts, too, since others share it."""
        fitting = int(_TARGET_S * pictures / seconds) if seconds > 0 else self._ceiling
        # A batch that was not full says little about larger ones: no more than double.
        self._pictures = max(1, min(self._ceiling, fitting, 2 * max(pictures, self._pictures)))
