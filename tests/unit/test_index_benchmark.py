"""Parts of the index section of the benchmarks, and the whole of it at a small size."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks.harness.timing import Timings
from tests.benchmarks.index_parts.catalogs import SHARES, drawn
from tests.benchmarks.index_parts.questions import composed, image_only
from tests.benchmarks.index_parts.side_shards import centroids_of
from tests.benchmarks.index_parts.ways import NUMPY, Figures, NumpyScan, best_by_hand
from tests.benchmarks.sections import index

LONG = bool(os.environ.get("RECOMPOSE_TEST_LONG"))
SMALL = index.Sizes(
    drawn=(120, 250) if LONG else (120,), demo=40, side=120, copied=250,
    composed=4, image_only=2, rounds=2, slow_rounds=2, audit=3, budget_s=10,
)  # fmt: skip


@pytest.mark.parametrize("cosine", [0.6, 0.35])
def test_drawn_tokens_resemble_each_other_as_told(tmp_path: Path, cosine: float) -> None:
    catalog = drawn(tmp_path, "some", 50, cosine)
    tokens = catalog.some(0, 50)
    assert np.allclose(np.linalg.norm(tokens, axis=-1), 1, atol=1e-2)
    cosines = np.einsum("nkd,njd->nkj", tokens, tokens)[:, ~np.eye(32, dtype=bool)]
    assert abs(cosines.mean() - cosine) < 0.02
    other = tokens[:-1, 0] @ tokens[-1, 0]
    assert abs(other.mean()) < 0.1


def test_shares_pass_their_part_and_are_words_of_the_products(tmp_path: Path) -> None:
    catalog = drawn(tmp_path, "some", 300, 0.6)
    for word, share in SHARES.items():
        passing = catalog.passing(word)
        assert abs(passing.mean() - share) < 0.1
        words = [word in product.attributes["passes"] for product in catalog.products]  # type: ignore[operator]
        assert words == passing.tolist()
    assert catalog.passing(None).all()


def test_exact_scores_are_maxsim_and_recall_counts_ties_as_right(tmp_path: Path) -> None:
    catalog = drawn(tmp_path, "some", 60, 0.6)
    everything = catalog.some(0, 60)
    for question in [*composed(catalog, 3, seed=1), *image_only(catalog, 2, seed=2)]:
        plain = np.einsum("nkd,rd->nkr", everything, question.rows).max(axis=1).mean(axis=1)
        others = np.arange(60) != question.reference
        assert np.allclose(question.scores[others], plain[others], atol=1e-4)
        best = np.argsort(-question.scores)
        everyone = catalog.passing(None)
        assert question.recall(best.tolist(), 10, everyone) == 1.0
        assert 0.5 <= question.recall(best[5:].tolist(), 10, everyone) < 0.8  # near ties
        tied = question.scores.copy()
        tied[best[:20]] = 1.0
        again = type(question)(question.rows, question.reference, tied)
        assert again.recall(best[10:20].tolist(), 10, everyone) == 1.0


def test_numpys_scan_is_exact_also_under_a_filter(tmp_path: Path) -> None:
    catalog = drawn(tmp_path, "some", 80, 0.6)
    (question,) = composed(catalog, 1, seed=1)
    for share in (None, "half"):
        answer = NumpyScan(catalog).asking(question, share)()
        numbers = [catalog.numbers[point_id] for point_id, _ in answer]
        passing = catalog.passing(share)
        assert passing[numbers].all()
        assert question.reference not in numbers
        assert question.recall(numbers, 50, passing) == 1.0


def test_centroids_lie_nearer_to_the_tokens_than_their_mean() -> None:
    random = np.random.default_rng(1)
    corners = random.normal(size=(1, 2, 16))
    tokens = np.repeat(corners, 4, axis=1) + 0.1 * random.normal(size=(1, 8, 16))
    tokens = (tokens / np.linalg.norm(tokens, axis=-1, keepdims=True)).astype(np.float32)
    centroids = centroids_of(tokens, 2)
    assert np.allclose(np.linalg.norm(centroids, axis=-1), 1, atol=1e-4)
    assert (tokens[0] @ centroids[0].T).max(axis=1).min() > 0.9


def test_the_best_by_hand_is_the_fastest_of_those_that_are_right() -> None:
    def figures(seconds: float, recall50: float) -> Figures:
        return Figures(Timings((seconds,)), 1.0, recall50)

    ways = {
        "fast": figures(0.001, 0.98),
        "right": figures(0.002, 0.99),
        "slow": figures(0.003, 1.0),
        NUMPY: figures(0.0001, 1.0),
    }
    assert best_by_hand(ways) == "right"
    del ways["right"], ways["slow"]
    assert best_by_hand(ways) == "fast"


def test_the_section_comes_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "SHORT", SMALL)
    assert benchmarks.main(["--only", "index", "--output", str(tmp_path)]) == 0
    report: Any = (tmp_path / "README.md").read_text()
    assert "the product's choice" in report
    assert (tmp_path / "index-growth.png").exists()
    assert (tmp_path / "index-recall.png").exists()
