"""What an epoch trains on, decided by the seed and the epoch's number alone.

Order and texts do not depend on how many workers read or processes share, and need no state of a
random generator: any step of any epoch can be taken up again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from sprc.captions import training_captions
from sprc.datasets.records import TrainingSet, pair
from sprc.training.errors import TrainingError


@dataclass(frozen=True)
class Batch:
    """One step's pairs, as positions in the training set, and the text of each."""

    pairs: tuple[int, ...]
    texts: tuple[str, ...]

    def share(self, rank: int, world: int) -> "Batch":
        """The part of one of several processes."""
        size = len(self.pairs) // world
        mine = slice(rank * size, (rank + 1) * size)
        return Batch(self.pairs[mine], self.texts[mine])


@dataclass(frozen=True)
class Repeats:
    """Pairs of some categories that an epoch takes several times: few pictures, hard to learn."""

    categories: frozenset[str] = frozenset()
    times: int = 1

    def of(self, training: TrainingSet) -> NDArray[np.int64]:
        """How often an epoch takes each pair."""
        return np.array(
            [self.times if query.category in self.categories else 1 for query in training.queries]
        )


ONCE: Final = Repeats()


def steps_per_epoch(
    training: TrainingSet, batch_size: int, world: int, repeats: Repeats = ONCE
) -> int:
    """Batches in an epoch. Raises `TrainingError` where there is none, or it does not divide."""
    if batch_size % world:
        raise TrainingError(f"{world} processes cannot share a batch of {batch_size} evenly")
    pairs = int(repeats.of(training).sum())
    steps = pairs // batch_size
    if not steps:
        raise TrainingError(
            f"{pairs} training pairs do not fill one batch of {batch_size}: "
            "give a smaller --batch-size"
        )
    return steps


def plan_epoch(
    training: TrainingSet,
    *,
    seed: int,
    epoch: int,
    batch_size: int,
    grouped: bool = False,
    repeats: Repeats = ONCE,
) -> list[Batch]:
    """The batches of an epoch: all pairs shuffled, a last batch that is not full dropped.

    With `grouped`, pairs that share pictures, directly or by way of others, follow each other;
    pairs that an epoch repeats come once in every round of their group.
    """
    rng = np.random.default_rng([seed, epoch])
    times = repeats.of(training)
    pairs = np.repeat(np.arange(len(times)), times)
    shuffled = rng.permutation(len(pairs))
    if grouped:
        rounds = np.arange(len(pairs)) - np.repeat(np.cumsum(times) - times, times)
        groups = _groups(training)[pairs] * repeats.times + rounds
        places = rng.permutation(groups.max() + 1)[groups[shuffled]]
        shuffled = shuffled[np.argsort(places, kind="stable")]
    order = pairs[shuffled].tolist()
    texts = training_captions(
        (training.queries[pair].captions for pair in order), Random(f"{seed} {epoch}")
    )
    starts = range(0, len(order) - batch_size + 1, batch_size)
    return [_batch(order, texts, slice(start, start + batch_size)) for start in starts]


def seed_step(seed: int, epoch: int, step: int, rank: int) -> None:
    """Make a step's dropout depend on these numbers alone."""
    state = np.random.SeedSequence([seed, epoch, step, rank]).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0]))


def shorten(
    ids: NDArray[np.int64], mask: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Texts [B, T] without the columns that pad all of them; padding has no say in attention."""
    length = int(mask.sum(1).max())
    return ids[:, :length], mask[:, :length]


def _groups(training: TrainingSet) -> NDArray[np.int32]:
    """Of each pair the number of its group: the pictures that pairs connect."""
    ends = np.array([[training.rows[name] for name in pair(query)] for query in training.queries])
    links = coo_matrix((np.ones(len(ends)), ends.T), shape=(len(training.names),) * 2)
    labels: NDArray[np.int32] = connected_components(links, directed=False)[1]
    of_pairs: NDArray[np.int32] = labels[ends[:, 0]]
    return of_pairs


def _batch(order: Sequence[int], texts: Sequence[str], chosen: slice) -> Batch:
    return Batch(tuple(order[chosen]), tuple(texts[chosen]))
