"""Draws of words: any of several, or mostly the usual one."""

from collections.abc import Sequence
from typing import Final

import numpy as np

Words = tuple[str, ...]
"""Words for one thing, the usual one first."""
_USUAL_SHARE: Final = 0.4


def pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    """One of the options, each as likely."""
    return options[int(rng.integers(len(options)))]


def choose(rng: np.random.Generator, words: Words) -> str:
    """The usual word in two of five cases, else any of them."""
    return words[0] if rng.random() < _USUAL_SHARE else pick(rng, words)
