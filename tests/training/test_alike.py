"""Pictures of one kind as each other's answers."""

from pathlib import Path

import pytest
import torch

from sprc.evaluation.scores import image_similarity
from sprc.training.alike import alike_loss, image_scores
from sprc.training.attributes import UNKNOWN
from tests.training.small_run import small_data, train

ONE = torch.tensor(1.0)


def pictures(*directions: int) -> torch.Tensor:
    """A picture [2, 8] each, whose two tokens point one way."""
    return torch.eye(8)[list(directions)][:, None].repeat(1, 2, 1)


def test_scores_are_those_of_a_search_by_a_picture_alone() -> None:
    tokens = torch.nn.functional.normalize(
        torch.randn(5, 3, 8, generator=torch.Generator().manual_seed(1)), dim=-1
    )
    torch.testing.assert_close(image_scores(tokens), image_similarity(tokens, [0, 1, 2, 3, 4]))


def test_pictures_are_drawn_to_their_kind_and_away_from_others() -> None:
    tokens = pictures(0, 1, 2, 3).requires_grad_()
    values, kinds = torch.tensor([4, 4, 7, 7]), torch.zeros(4, dtype=torch.int64)
    loss = alike_loss(tokens, values, kinds, ONE)
    (gradient,) = torch.autograd.grad(loss, tokens)
    step = torch.nn.functional.normalize(tokens - gradient, dim=-1)
    scores = image_scores(step)
    assert scores[0, 1] > scores[0, 2]
    assert alike_loss(step, values, kinds, ONE) < loss
    sorted_out = alike_loss(pictures(0, 0, 1, 1), values, kinds, torch.tensor(0.05))
    assert float(sorted_out) < 1e-6


def test_what_is_unknown_or_of_another_category_neither_asks_nor_counts() -> None:
    tokens = pictures(0, 1, 2, 3)
    kinds = torch.tensor([0, 0, 0, 1])
    told = alike_loss(tokens, torch.tensor([4, 4, 7, 7]), kinds, ONE)
    hidden = torch.tensor([4, 4, 7, UNKNOWN])
    torch.testing.assert_close(alike_loss(tokens, hidden, kinds, ONE), told)
    # Nothing is wrong any more, and a right answer alone is no lesson.
    assert alike_loss(tokens, torch.tensor([4, 4, UNKNOWN, 7]), kinds, ONE) == 0
    # Nobody asks.
    assert alike_loss(tokens, torch.tensor([4, 5, 7, 7]), kinds, ONE) == 0


def test_it_needs_attributes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = small_data(tmp_path / "data")
    assert train(data, tmp_path / "run", "--loss-alike", "0.2") == 1
    assert "loss_alike goes with loss_attributes" in capsys.readouterr().err.splitlines()[-1]
