"""Several right answers in a batch: which pictures they are, and what the losses make of them."""

import json
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.loading import PairBatch, PairBatches
from sprc.model import Answers, several_right_loss
from sprc.training.objective import Objective, answering
from sprc.training.processes import Processes
from sprc.training.recipe import Recipe, load_recipe, published_recipe
from tests.training.given_features import GivenFeatures
from tests.training.small_run import small_data, train
from tests.training.tiny import tiny_model

ALONE = Processes(0, 1, torch.device("cpu"))


def test_with_one_right_answer_it_is_cross_entropy() -> None:
    scores = torch.randn(5, 9, generator=torch.Generator().manual_seed(1), requires_grad=True)
    labels = torch.tensor([3, 0, 8, 8, 1])
    right = functional.one_hot(labels, 9).bool()
    expected = functional.cross_entropy(scores, labels)
    torch.testing.assert_close(several_right_loss(scores, Answers(right, ~right)), expected)
    gradients = [
        torch.autograd.grad(loss, scores)[0]
        for loss in (several_right_loss(scores, Answers(right, ~right)), expected)
    ]
    torch.testing.assert_close(*gradients)


def test_each_right_answer_is_set_against_the_wrong_ones_alone() -> None:
    scores = torch.tensor([[2.0, 1.0, -1.0, 0.5]], requires_grad=True)
    right = torch.tensor([[True, True, False, False]])
    wrong = torch.tensor([-1.0, 0.5]).exp().sum()
    each = [
        -torch.log(torch.exp(torch.tensor(s)) / (torch.exp(torch.tensor(s)) + wrong))
        for s in (2.0, 1.0)
    ]
    loss = several_right_loss(scores, Answers(right, ~right))
    torch.testing.assert_close(loss, torch.stack(each).mean())
    (gradient,) = torch.autograd.grad(loss, scores)
    assert bool((gradient[right] < 0).all())
    assert bool((gradient[~right] > 0).all())
    # The one that is behind is pulled harder.
    assert gradient[0, 1] < gradient[0, 0]


def test_what_is_neither_right_nor_wrong_does_not_count() -> None:
    scores = torch.tensor([[2.0, 1.0, -1.0, 0.5]], requires_grad=True)
    right, wrong = (torch.tensor([[place == other for place in range(4)]]) for other in (0, 2))
    loss = several_right_loss(scores, Answers(right, wrong))
    torch.testing.assert_close(loss, functional.softplus(torch.tensor(-3.0)))
    (gradient,) = torch.autograd.grad(loss, scores)
    assert gradient[0, 1] == gradient[0, 3] == 0


def test_a_query_that_everything_answers_moves_nothing() -> None:
    scores = torch.tensor([[2.0, 1.0], [3.0, -1.0]], requires_grad=True)
    right = torch.tensor([[True, True], [True, False]])
    loss = several_right_loss(scores, Answers(right, ~right))
    (gradient,) = torch.autograd.grad(loss, scores)
    assert bool(torch.isfinite(gradient).all())
    assert gradient[0].tolist() == [0.0, 0.0]
    assert bool((gradient[1] != 0).all())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first coat's pair may also be answered by the second's target, and by a stranger."""
    root = small_data(tmp_path_factory.mktemp("data"))
    path = root / "captions" / "cap.coat.train.json"
    records = json.loads(path.read_text())
    records[0]["alternatives"] = [records[1]["target"], "Bcoattrain12"]
    path.write_text(json.dumps(records))
    return root


def test_a_batch_knows_which_of_its_pictures_are_right(data: Path) -> None:
    training = FashionIq.open(data).training()
    pictures = [torch.tensor([float(row)]) for row, _ in enumerate(training.names)]
    batches = PairBatches(training, pictures, [[0, 1], [0, 3]])  # type: ignore[arg-type]
    both, apart = batches[0], batches[1]
    second = training.rows[training.queries[1].known_target]
    assert both.others.tolist() == [[0, both.names.tolist().index(second)]]
    assert answering(both).right.sum(1).tolist() == [2, 1]
    assert answering(both).wrong.sum(1).tolist() == [len(both.names) - 2, len(both.names) - 1]
    # Nothing is said of a picture that the batch does not hold, or that no pair has.
    assert apart.others.shape == (0, 2)
    assert answering(apart).right.sum(1).tolist() == [1, 1]


def test_pictures_of_another_category_are_neither_right_nor_wrong(data: Path) -> None:
    training = FashionIq.open(data).training()
    pictures = [torch.tensor([float(row)]) for row, _ in enumerate(training.names)]
    other = next(p for p, q in enumerate(training.queries) if q.category != "coat")
    batch = PairBatches(training, pictures, [[0, other]])[0]  # type: ignore[arg-type]
    assert batch.kinds.unique().numel() == 2
    answers = answering(batch)
    assert answers.right.sum(1).tolist() == [1, 1]
    assert answers.wrong.sum(1).tolist() == [1, 1]
    for row, target in enumerate(batch.targets.tolist()):
        told = answers.right[row] | answers.wrong[row]
        assert torch.equal(told, batch.kinds == batch.kinds[target])


def losses(recipe: Recipe, others: list[list[int]]) -> torch.Tensor:
    model = tiny_model()
    generator = torch.Generator().manual_seed(2)
    vit = model.config.vit
    features = torch.randn(4, vit.tokens, vit.width, generator=generator)
    batch = PairBatch(
        features,
        torch.arange(4),
        torch.tensor([0, 1]),
        torch.tensor([2, 3]),
        torch.tensor(others, dtype=torch.int64).reshape(-1, 2),
        torch.zeros(4, dtype=torch.int64),
    )
    ids = torch.tensor([[2, 7, 3], [2, 9, 3]])
    found: torch.Tensor = Objective(model, ALONE, recipe)(
        GivenFeatures(), batch, ids, torch.ones_like(ids)
    )
    return found.detach()


@pytest.mark.parametrize("references", [True, False])
def test_the_recipe_decides_whether_they_count(references: bool) -> None:
    given = {"contrast_references": references, "fixed_loss_weights": False}
    plain, _ = load_recipe(published_recipe("FashionIQ"), given)
    several, _ = load_recipe(published_recipe("FashionIQ"), {**given, "several_right": True})
    alone = losses(plain, [])
    assert torch.equal(losses(plain, [[0, 3]]), alone)
    torch.testing.assert_close(losses(several, []), alone)
    counted = losses(several, [[0, 3]])
    assert bool((counted[:2] != alone[:2]).all())
    assert counted[2] == alone[2]


def test_other_processes_targets_are_not_judged(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(data, tmp_path / "run", "--several-right", "--gather") == 1
    assert "several_right cannot go with it" in capsys.readouterr().err.splitlines()[-1]


def test_parts_of_similar_length_ask_the_same() -> None:
    model = tiny_model()
    generator = torch.Generator().manual_seed(3)
    vit = model.config.vit
    features = torch.randn(7, vit.tokens, vit.width, generator=generator)
    lengths = torch.tensor([5, 2, 12, 3, 3, 9, 4])
    mask = (torch.arange(12) < lengths[:, None]).long()
    ids = torch.randint(5, 10, (7, 12), generator=generator) * mask
    labels = torch.arange(7)
    whole, cut = (
        model.losses(features, model.image_tokens(features), labels, ids, mask, parts=parts)
        for parts in (1, 3)
    )
    torch.testing.assert_close(whole.composed, cut.composed)
    for name in ("itc", "rtc", "align"):
        torch.testing.assert_close(getattr(whole, name), getattr(cut, name))
