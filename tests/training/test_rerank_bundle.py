"""A bundle's reranker in evaluation judges as the checkpoint that it was exported from."""

import argparse
from pathlib import Path

import pytest
import torch

from sprc import evaluate
from sprc.checkpoint import save_checkpoint
from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.records import Protocol
from sprc.evaluation.backends import ModelOptions
from sprc.evaluation.features import Loading
from sprc.evaluation.second_stage import SecondStage, open_stages
from tests.training.conftest import Exported
from tests.training.parity import difference
from tests.training.synthetic import write_fashioniq
from tests.training.tiny import tiny_second, tiny_tokenizer


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_fashioniq(tmp_path / "data", ("coat",), gallery=8, queries=5)
    return tmp_path / "data"


def opened(rerank: Path, model: Path | None = None) -> SecondStage:
    given = argparse.Namespace(model_path=model, rerank=rerank, depth=5, cache_features=None)
    _, second = open_stages(given, ModelOptions(device="cpu"))
    assert second is not None
    return second


def test_probabilities_are_those_of_the_checkpoint(
    tiny_judged: Exported, data: Path, tmp_path: Path
) -> None:
    save_checkpoint(tiny_second(), tmp_path / "second" / "ckpt.pt", epoch=1)
    tiny_tokenizer(tmp_path / "second")
    (evaluation,) = FashionIq.open(data).evaluation(Protocol.ORIGINAL_SPLIT)
    found = []
    for second in (opened(tiny_judged.bundle), opened(tmp_path / "second" / "ckpt.pt")):
        given = ("coat", evaluation.gallery, evaluation.pictures, Loading(3), tmp_path)
        with second.judge(*given) as judge:
            found.append(
                torch.stack(
                    [judge.probabilities(each, evaluation.gallery) for each in evaluation.queries]
                )
            )
    # Features are kept in float16: behind the norm of a bundle's, before it of a checkpoint's.
    assert difference(*found) < 1e-3
    assert float(found[0].std()) > 1e-3


def test_an_evaluation_by_a_bundle_alone_has_both_stages(
    tiny_judged: Exported, data: Path, tmp_path: Path
) -> None:
    given = ["--dataset", "FashionIQ", "--data-path", str(data), "--num-workers", "0"]
    given += ["--output", str(tmp_path / "out.json"), "--device", "cpu", "--depth", "4"]
    assert evaluate.main([*given, "--rerank", str(tiny_judged.bundle)]) == 0
    first, second = open_stages(
        argparse.Namespace(
            model_path=tiny_judged.bundle,
            rerank=tiny_judged.bundle,
            depth=4,
            cache_features=None,
        ),
        ModelOptions(device="cpu"),
    )
    assert second is not None
    assert first is second.model, "one bundle is loaded once"


def test_a_bundle_without_a_second_stage_is_refused(
    tiny_float: Exported, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--dataset", "FashionIQ", "--data-path", str(data), "--num-workers", "0"]
    given += ["--output", str(tmp_path / "out.json"), "--rerank", str(tiny_float.bundle)]
    assert evaluate.main(given) == 1
    assert "is a bundle without a second stage" in capsys.readouterr().err
