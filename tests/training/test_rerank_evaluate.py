"""evaluate and submit with --rerank, against a plain loop over single pairs."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from retrieval.preprocess.text import Tokenizer, bert_tokenizer
from sprc import evaluate, submit
from sprc.checkpoint import load_model, load_reranker
from sprc.datasets.cirr import Cirr
from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.pictures import Transform, read_pixels
from sprc.datasets.records import EvaluationSet, Protocol, Query
from sprc.evaluation.reranking import reorder
from tests.training.parity import PARITY, TINY_A, TINY_RERANK
from tests.training.synthetic import write_cirr, write_fashioniq

RERANK = ["--rerank", str(TINY_RERANK / "ckpt.pt"), "--tokenizer", str(PARITY / "vocab.txt")]
FIRST = ["--model-path", str(TINY_A / "ckpt.pt")]
DEPTH = 5

Order = Callable[[Query], list[str]]


@pytest.fixture(scope="module")
def cirr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cirr")
    write_cirr(root, gallery=14, queries=9)
    return root


class Plain:
    """The published way, one picture and one query at a time, lists of names throughout."""

    @torch.inference_mode()
    def __init__(self, evaluation: EvaluationSet, *, own: bool = False) -> None:
        self.second = load_reranker(TINY_RERANK / "ckpt.pt")
        self.first = self.second if own else load_model(TINY_A / "ckpt.pt")
        self.tokenizer = Tokenizer(bert_tokenizer(PARITY / "vocab.txt"), 32)
        pixels = {
            name: read_pixels(evaluation.pictures.path(name), Transform(224))[None]
            for name in evaluation.gallery
        }
        self.embeds = {name: self.first.embed_image(value) for name, value in pixels.items()}
        self.judged = {name: self.second.embed_image(value) for name, value in pixels.items()}
        self.tokens = {name: self.first.image_tokens(value) for name, value in self.embeds.items()}

    @torch.inference_mode()
    def order(self, query: Query) -> list[str]:
        """Names by the first stage."""
        vector = self.first.compose(self.embeds[query.reference], *self._words(query))
        scores = {name: float((value[0] @ vector[0]).max()) for name, value in self.tokens.items()}
        return sorted(scores, key=lambda name: -scores[name])

    @torch.inference_mode()
    def reordered(self, query: Query, names: list[str]) -> list[str]:
        """The first `DEPTH` of them by falling probability."""
        reference, words = self.judged[query.reference], self._words(query)
        answers = {
            name: float(self.second.rerank(reference, self.judged[name][None], *words))
            for name in names[:DEPTH]
        }
        return sorted(answers, key=lambda name: -answers[name]) + names[DEPTH:]

    def with_reference(self, query: Query) -> list[str]:
        """Rerank, and leave the reference where it comes."""
        return self.reordered(query, self.order(query))

    def published(self, query: Query) -> list[str]:
        """Rerank, and only then remove the reference."""
        return _without(query, self.with_reference(query))

    def first_stage(self, query: Query) -> list[str]:
        """Nothing is reranked."""
        return _without(query, self.order(query))

    def apart(self, query: Query) -> list[str]:
        """The reference removed first."""
        return self.reordered(query, self.first_stage(query))

    def _words(self, query: Query) -> tuple[torch.Tensor, torch.Tensor]:
        ids, mask = self.tokenizer.encode_batch([query.text])
        return torch.from_numpy(ids), torch.from_numpy(mask)


def _without(query: Query, names: list[str]) -> list[str]:
    return [name for name in names if name != query.reference]


def run(dataset: str, data: Path, output: Path, *flags: str) -> dict[str, Any]:
    given = ["--dataset", dataset, "--data-path", str(data), "--output", str(output)]
    given += ["--num-workers", "0", "--device", "cpu", "--depth", str(DEPTH), *flags]
    assert evaluate.main(given) == 0
    document: dict[str, Any] = json.loads(output.read_text())
    return document


def recall(evaluation: EvaluationSet, order: Order, k: int) -> float:
    found = [query.known_target in order(query)[:k] for query in evaluation.queries]
    return 100 * sum(found) / len(found)


def test_cirr_both_ways_beside_the_first_stage(cirr: Path, tmp_path: Path) -> None:
    document = run("CIRR", cirr, tmp_path / "out.json", *FIRST, *RERANK)
    figures = document["protocols"]["cirr"]["figures"]
    evaluation = Cirr.open(cirr).evaluation()
    plain = Plain(evaluation)
    orders: dict[str, Order] = {
        "composed": plain.first_stage,
        "reranked": plain.published,
        "reranked_without_reference": plain.apart,
    }
    assert list(figures) == list(orders)
    for source, order in orders.items():
        for k in (1, 5, 10):
            expected = pytest.approx(recall(evaluation, order, k), abs=1e-4)
            assert figures[source][f"recall_at{k}"] == expected, (source, k)
    # What is told first is what was asked for, and that it is the second stage's.
    assert document["source"] == "reranked"
    assert document["recall_at1"] == figures["reranked"]["recall_at1"]
    assert "reranking the first 5" in document["model"]
    page = (tmp_path / "out.html").read_text()
    worst = max(evaluation.queries, key=lambda q: plain.published(q).index(q.known_target))
    shown = page[page.index("<article>") : page.index("</article>")]
    assert f"query {worst.id}<" in shown
    titles = re.findall(r'title="([^"]*)"', shown)
    assert titles[2 : 2 + DEPTH - 1] == plain.published(worst)[: DEPTH - 1]
    assert len({tuple(map(tuple, map(order, evaluation.queries))) for order in orders.values()}) > 2
    assert not list(tmp_path.glob(".features-*"))


def test_fashioniq_keeps_the_reference(tmp_path: Path) -> None:
    write_fashioniq(tmp_path / "data", ("coat",), gallery=14, queries=8)
    kept = ["--cache-features", str(tmp_path / "kept")]
    found = run("FashionIQ", tmp_path / "data", tmp_path / "out.json", *FIRST, *RERANK, *kept)
    for protocol in (Protocol.ORIGINAL_SPLIT, Protocol.VAL_SPLIT):
        (evaluation,) = FashionIq.open(tmp_path / "data").evaluation(protocol)
        plain = Plain(evaluation)
        figures = found["protocols"][protocol.value]["figures"]
        assert "reranked_without_reference" not in figures
        curve = found["protocols"][protocol.value]["recall_over_k"]["reranked"]["coat"]
        for k, value in curve.items():
            expected = recall(evaluation, plain.with_reference, int(k))
            assert value == pytest.approx(expected, abs=1e-4), k
        assert {"1", "2", "3", "5"} <= curve.keys()
    # The features are there for the next time, when no picture is encoded.
    array = tmp_path / "kept" / "coat" / "features.npy"
    before = array.stat().st_mtime_ns
    again = run("FashionIQ", tmp_path / "data", tmp_path / "2.json", *FIRST, *RERANK, *kept)
    assert again["protocols"] == found["protocols"]
    assert array.stat().st_mtime_ns == before


def test_without_a_first_stage_candidates_come_from_the_words(cirr: Path, tmp_path: Path) -> None:
    document = run("CIRR", cirr, tmp_path / "out.json", *RERANK)
    evaluation = Cirr.open(cirr).evaluation()
    plain = Plain(evaluation, own=True)
    figures = document["protocols"]["cirr"]["figures"]
    for source, order in (("composed", plain.first_stage), ("reranked", plain.published)):
        for k in (1, 5):
            expected = pytest.approx(recall(evaluation, order, k), abs=1e-4)
            assert figures[source][f"recall_at{k}"] == expected


@pytest.mark.parametrize("removed_first", [False, True])
def test_a_submission_is_reranked(tmp_path: Path, removed_first: bool) -> None:
    write_cirr(tmp_path / "cirr", gallery=53, queries=6)
    given = ["--data-path", str(tmp_path / "cirr"), "--output", str(tmp_path / "out"), *FIRST]
    given += [*RERANK, "--num-workers", "0", "--device", "cpu", "--depth", str(DEPTH)]
    assert submit.main([*given, *["--reference-removed-first"] * removed_first]) == 0
    test = Cirr.open(tmp_path / "cirr").test()
    plain = Plain(test)
    order = plain.apart if removed_first else plain.published
    name = "submission_blip2_cir_align_prompt_2_rerank.json"
    recalled = json.loads((tmp_path / "out" / f"recall_{name}").read_text())
    subset = json.loads((tmp_path / "out" / f"recall_subset_{name}").read_text())
    for query in test.queries:
        expected = order(query)
        # Behind what is reordered two pictures may be too alike for the order of their sums.
        assert recalled[query.id][: DEPTH - 1] == expected[: DEPTH - 1]
        assert len(recalled[query.id]) == 50
        assert subset[query.id] == [n for n in recalled[query.id] if n in query.members][:3]


def test_what_is_no_second_stage_is_refused(
    cirr: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--dataset", "CIRR", "--data-path", str(cirr), "--output", str(tmp_path / "o.json")]
    given += [*FIRST, "--tokenizer", str(PARITY / "vocab.txt"), "--num-workers", "0"]
    assert evaluate.main([*given, "--rerank", str(TINY_A / "ckpt.pt")]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "holds Blip2QformerCirAlignPrompt, not Blip2QformerCirRerank" in said[0]
    given = ["--data-path", str(cirr), "--output", str(tmp_path / "out")]
    assert submit.main(given) == 1
    assert "give --model-path, --rerank, or both" in capsys.readouterr().err


def test_equal_probabilities_keep_the_first_stages_order() -> None:
    ranking = torch.tensor([[4, 2, 0, 1, 3]])
    probabilities = torch.tensor([[0.5, 0.9, 0.5]])
    assert reorder(ranking, probabilities).tolist() == [[2, 4, 0, 1, 3]]
