"""Pictures of one kind as each other's answers, for searches by a picture alone."""

from torch import Tensor

from sprc.base import max_sim
from sprc.model import Answers, several_right_loss
from sprc.training.attributes import UNKNOWN


def image_scores(tokens: Tensor) -> Tensor:
    """Score [N, N] of each picture of [N, K, D] for each, as a search by a picture alone has it.

    The mean over the asking picture's tokens of the maximum over the other's.
    """
    count, width, dim = tokens.shape
    return max_sim(tokens.reshape(count * width, dim), tokens).view(count, width, count).mean(1)


def alike_loss(tokens: Tensor, values: Tensor, kinds: Tensor, temperature: Tensor) -> Tensor:
    """How badly pictures find those that show the same value before those that show another.

    Composed queries teach what words make of a picture, and nothing about a picture without words.

    Args:
        tokens: [N, K, D], normalised.
        values: int64 [N], of one attribute; a picture of `UNKNOWN` neither asks nor counts.
        kinds: int64 [N]; pictures are compared within their own category of the data set.
        temperature: what scores are divided by.

    Returns:
        The mean over pictures that another one is right for; 0 where there is none.
    """
    known = values != UNKNOWN
    compared = known & known[:, None] & (kinds == kinds[:, None])
    compared.fill_diagonal_(False)
    same = values == values[:, None]
    right, wrong = compared & same, compared & ~same
    asking = right.any(1)
    if not bool(asking.any()):
        return tokens.sum() * 0
    scores = image_scores(tokens)[asking] / temperature
    return several_right_loss(scores, Answers(right[asking], wrong[asking]))
