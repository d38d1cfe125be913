"""What evaluation says of tokens, and its picture of the worst queries."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize

from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.records import EvaluationSet, Protocol
from sprc.evaluation.failures import CELL, draw_failures, worst_failures
from sprc.evaluation.features import Features
from sprc.evaluation.outcome import Outcome
from sprc.evaluation.scores import Source, similarities, token_cosine
from tests.training.synthetic import write_fashioniq

GREEN = (42, 157, 63)


@pytest.fixture
def evaluation(tmp_path: Path) -> EvaluationSet:
    write_fashioniq(tmp_path, ("coat",), gallery=12, queries=4)
    (found,) = FashionIq.open(tmp_path).evaluation(Protocol.ORIGINAL_SPLIT)
    return replace(found, protocol=Protocol.ANY_RIGHT)


def test_how_alike_tokens_are() -> None:
    same = normalize(torch.ones(2, 3, 8), dim=-1)
    assert token_cosine(same) == pytest.approx(1)
    assert token_cosine(torch.eye(4)[None]) == pytest.approx(0)
    drawn = normalize(torch.randn(5, 6, 16, generator=torch.Generator().manual_seed(1)), dim=-1)
    pairs = [
        float(a @ b)
        for tokens in drawn
        for i, a in enumerate(tokens)
        for j, b in enumerate(tokens)
        if i != j
    ]
    assert token_cosine(drawn) == pytest.approx(sum(pairs) / len(pairs), abs=1e-4)
    assert token_cosine(drawn[:, :1]) is None


def test_the_mean_token_is_ranked_by_its_direction(evaluation: EvaluationSet) -> None:
    generator = torch.Generator().manual_seed(2)
    names = evaluation.gallery
    tokens = normalize(torch.randn(len(names), 3, 8, generator=generator), dim=-1)
    vectors = normalize(torch.randn(len(evaluation.queries), 8, generator=generator), dim=-1)
    found = similarities(
        evaluation, Features(names, tokens, vectors, vectors.clone()), baselines=True
    )
    row = found[Source.MEAN][1]
    for place, picture in enumerate(tokens):
        mean = picture.mean(0)
        assert row[place] == pytest.approx(float(vectors[1] @ mean / mean.norm()), abs=1e-6)
    assert Source.MEAN not in similarities(
        evaluation, Features(names, tokens, vectors, None), baselines=True
    )


def test_worst_queries_are_drawn_with_what_was_right(evaluation: EvaluationSet) -> None:
    similarity = torch.zeros(4, 12)
    for row, query in enumerate(evaluation.queries):
        target = evaluation.positions[query.known_target]
        others = [p for p in range(12) if p != target]
        # The target of the first query comes first, and then ever later.
        order = [*others[: 2 * row], target, *others[2 * row :]]
        similarity[row, order] = torch.linspace(1, 0, 12)
    outcome = Outcome(Protocol.ANY_RIGHT)
    outcome.add(evaluation, {Source.COMPOSED: similarity})
    worst = worst_failures(outcome, 2)
    assert [failure.query.id for failure in worst] == ["coat-3", "coat-2"]
    assert worst[0].rank > worst[1].rank > 0
    assert len(worst_failures(outcome)) == 3, "what came first is no failure"
    picture = Image.open(BytesIO(draw_failures(worst)))
    picture.load()
    assert picture.height > 2 * CELL
    assert picture.convert("RGB").getcolors(maxcolors=1 << 24)
    assert GREEN in {color for _, color in picture.convert("RGB").getcolors(maxcolors=1 << 24)}
    assert draw_failures([])
