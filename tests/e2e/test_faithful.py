"""Serving changes nothing: PyTorch offline, exact MaxSim, and the whole stack rank alike."""

import json
import subprocess
from typing import Any

import numpy as np
import pytest

from retrieval.bundle import load_bundle
from tests.support.stack import ROOT, Stack

DEPTH = 50
WORDS = [
    "",
    "the same in black",
    "make it green and add a pocket",
    "with stripes",
    "without the print",
    "in blue with long sleeves",
]
TEXTS = ["a red dress", "white sneakers with a star", "a navy coat with a hood", "dotted skirt"]


@pytest.fixture(scope="module")
def rankings(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[list[Any], list[Any]]]:
    """For each query the whole offline ranking, and the first 50 served hits, as [id, score]."""
    folder = tmp_path_factory.mktemp("faithful")
    bundle = load_bundle(ROOT / "models", verify=True)
    feed = stack.data_dir / "demo-catalog" / "products.jsonl"
    rows = [json.loads(line) for line in feed.read_text().splitlines()]
    gallery = [[row["id"], str(feed.parent / row["image"])] for row in rows]
    chosen = np.random.default_rng(11).choice(len(gallery), 8 * len(WORDS), replace=False)
    queries = [
        *([gallery[place][0], WORDS[turn % len(WORDS)]] for turn, place in enumerate(chosen)),
        *(["", words] for words in TEXTS),
    ]
    (folder / "questions.json").write_text(
        json.dumps(
            {
                "gallery": gallery,
                "sizes": bundle.sizes.model_dump(),
                "ratio": bundle.preprocess.target_ratio,
                "max_words": bundle.text.max_words,
                "queries": queries,
            }
        )
    )
    subprocess.run(
        [
            str(ROOT / "training" / ".venv" / "bin" / "python"),
            str(ROOT / "tests" / "training" / "offline_ranking.py"),
            str(ROOT / "models" / "checkpoint.pt"),
            str(ROOT / "models" / "tokenizer.json"),
            str(folder / "questions.json"),
            str(folder / "answers.json"),
        ],
        check=True,
        timeout=600,
        env={"PYTHONPATH": f"{ROOT / 'services'}:{ROOT / 'training'}", "PATH": "/usr/bin:/bin"},
    )
    offline = json.loads((folder / "answers.json").read_text())
    return list(zip(offline, (_served(stack, *query) for query in queries), strict=True))


def test_the_first_50_agree(rankings: list[tuple[list[Any], list[Any]]]) -> None:
    """recall@50 of the served ranking against the exact one, .99 or more."""
    shares = []
    for offline, served in rankings:
        exact = {product_id for product_id, _ in offline[:DEPTH]}
        shares.append(len(exact & {product_id for product_id, _ in served}) / DEPTH)
    print(f"recall@50 served against PyTorch: mean {np.mean(shares):.4f}, least {min(shares):.2f}")
    assert np.mean(shares) >= 0.99


def test_scores_are_the_same_numbers(rankings: list[tuple[list[Any], list[Any]]]) -> None:
    """Served scores are those of PyTorch, apart from float16 tokens in the index."""
    differences = []
    for offline, served in rankings:
        exact = dict(offline)
        differences += [abs(exact[product_id] - score) for product_id, score in served]
    print(f"scores differ by at most {max(differences):.1e}")
    assert max(differences) < 2e-3


def _served(stack: Stack, reference: str, words: str) -> list[Any]:
    query: dict[str, Any] = {"modification": words, "page_size": DEPTH}
    if reference:
        query["reference"] = {"product_id": reference}
    hits = stack.rest.post("/v1/products:search", json=query).raise_for_status().json()["hits"]
    return [[hit["product"]["id"], hit["score"]] for hit in hits]
