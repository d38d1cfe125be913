"""sprc.evaluate: the published figures, alike from a checkpoint and from its bundle."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from retrieval.preprocess.text import Tokenizer, bert_tokenizer
from sprc.checkpoint import load_model
from sprc.datasets.cirr import Cirr
from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.pictures import Transform, read_pixels
from sprc.datasets.records import EvaluationSet, Protocol
from sprc.evaluate import main
from sprc.export import export
from sprc.published import VITS
from tests.training.parity import PARITY, TINY_A
from tests.training.synthetic import write_cirr, write_fashioniq

WEIGHTS = ["--model-path", str(TINY_A / "ckpt.pt"), "--tokenizer", str(PARITY / "vocab.txt")]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    export(load_model(TINY_A / "ckpt.pt"), PARITY / "vocab.txt", folder, "float32", name="tiny")
    return folder


@pytest.fixture(scope="module")
def fashioniq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Galleries of 14 and 9 pictures: at 10 the VAL split finds all, the original not."""
    root = tmp_path_factory.mktemp("fashioniq")
    write_fashioniq(root, ("coat", "hat"), gallery=14, queries=8)
    return root


@pytest.fixture(scope="module")
def cirr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cirr")
    write_cirr(root, gallery=14, queries=9)
    return root


def evaluate(dataset: str, data: Path, output: Path, *more: str) -> dict[str, Any]:
    status = main(
        [
            *("--dataset", dataset, "--data-path", str(data), "--output", str(output)),
            *("--num-workers", "0", "--device", "cpu", *more),
        ]
    )
    assert status == 0
    document: dict[str, Any] = json.loads(output.read_text())
    return document


@torch.inference_mode()
def plain_order(evaluation: EvaluationSet) -> list[list[str]]:
    """Names of the whole gallery for each query, one picture and one query at a time."""
    model = load_model(TINY_A / "ckpt.pt")
    tokenizer = Tokenizer(bert_tokenizer(PARITY / "vocab.txt"), 32)
    embeds = {
        name: model.embed_image(read_pixels(evaluation.pictures.path(name), Transform(224))[None])
        for name in evaluation.gallery
    }
    tokens = {name: model.image_tokens(value)[0].numpy() for name, value in embeds.items()}
    orders = []
    for query in evaluation.queries:
        ids, mask = (torch.from_numpy(part) for part in tokenizer.encode_batch([query.text]))
        vector = model.compose(embeds[query.reference], ids, mask)[0].numpy()
        scores = {name: float((value @ vector).max()) for name, value in tokens.items()}
        orders.append(sorted(scores, key=lambda name: -scores[name]))
    return orders


def test_fashioniq_figures_are_those_of_a_plain_loop(fashioniq: Path, tmp_path: Path) -> None:
    document = evaluate("FashionIQ", fashioniq, tmp_path / "out.json", *WEIGHTS)
    data = FashionIq.open(fashioniq)
    for protocol in (Protocol.ORIGINAL_SPLIT, Protocol.VAL_SPLIT):
        found = document["protocols"][protocol.value]
        expected = []
        for evaluation in data.evaluation(protocol):
            ranks = [
                order.index(query.known_target)
                for order, query in zip(plain_order(evaluation), evaluation.queries, strict=True)
            ]
            expected.append(100 * np.mean([rank < 10 for rank in ranks]))
            figure = found["figures"]["composed"][f"{evaluation.name}_recall_at10"]
            assert figure == pytest.approx(expected[-1], abs=1e-4)
            for k, recall in found["recall_over_k"]["composed"][evaluation.name].items():
                assert recall == pytest.approx(
                    100 * np.mean([rank < int(k) for rank in ranks]), abs=1e-4
                )
        assert found["figures"]["composed"]["average_recall_at10"] == pytest.approx(
            np.mean(expected), abs=1e-4
        )


def test_a_picture_a_page_and_a_table_go_with_the_figures(
    fashioniq: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = evaluate("FashionIQ", fashioniq, tmp_path / "out.json", *WEIGHTS)
    said = capsys.readouterr().out
    for protocol, content in document["protocols"].items():
        sizes = [
            f"{name} {size['queries']} queries over {size['gallery']}"
            for name, size in content["sets"].items()
        ]
        title, header, *rows = said[said.index(f"{protocol}: ") :].split("\n\n")[0].split("\n")
        assert title == f"{protocol}: {', '.join(sizes)}"
        assert header.split() == ["composed"]
        figures = content["figures"]["composed"]
        assert [row.split() for row in rows] == [
            [name, f"{value:.2f}"] for name, value in figures.items()
        ]
    with Image.open(tmp_path / "out.png") as curves:
        curves.load()
        assert curves.width > 500
    page = (tmp_path / "out.html").read_text()
    # Pictures lie in the page itself; queries are worded as they were annotated.
    assert "data:image/" in page
    assert "has 0 sleeves" in page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.html", "out.json", "out.png"]


def test_flags_of_the_published_readme_change_nothing(
    fashioniq: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = evaluate("FashionIQ", fashioniq, tmp_path / "a.json", *WEIGHTS)
    monkeypatch.setitem(VITS, "pretrain_vitL", load_model(TINY_A / "ckpt.pt").config.vit)
    flags = "--blip-model-name blip2_cir_align_prompt --backbone pretrain_vitL"
    flags += " --transform targetpad --target-ratio 1.25"
    given = evaluate("fashionIQ", fashioniq, tmp_path / "b.json", *WEIGHTS, *flags.split())
    assert given["protocols"] == plain["protocols"]


def test_protocols_stand_apart_and_the_published_one_on_top(
    fashioniq: Path, tmp_path: Path
) -> None:
    both = evaluate("FashionIQ", fashioniq, tmp_path / "both.json", *WEIGHTS)
    original, val = (both["protocols"][name] for name in ("original-split", "val-split"))
    assert both["protocol"] == "original-split"
    assert both["average_recall"] == original["figures"]["composed"]["average_recall"]
    assert original["sets"]["coat"] == {"queries": 8, "gallery": 14}
    assert val["sets"]["coat"] == {"queries": 8, "gallery": 9}
    assert val["figures"] != original["figures"]
    alone = evaluate(
        "FashionIQ", fashioniq, tmp_path / "val.json", *WEIGHTS, "--protocol", "val-split"
    )
    assert alone["protocols"] == {"val-split": val}
    assert "average_recall" not in alone, "figures of the VAL split never pass for published ones"


def test_cirr_figures_are_those_of_a_plain_loop(cirr: Path, tmp_path: Path) -> None:
    document = evaluate("cirr", cirr, tmp_path / "out.json", *WEIGHTS)
    evaluation = Cirr.open(cirr).evaluation()
    ranks, subset = [], []
    for order, query in zip(plain_order(evaluation), evaluation.queries, strict=True):
        without = [name for name in order if name != query.reference]
        ranks.append(without.index(query.known_target))
        subset.append([n for n in without if n in query.members].index(query.known_target))
    for prefix, values, cuts in (
        ("recall", ranks, (1, 5, 10, 50)),
        ("group_recall", subset, (1, 2, 3)),
    ):
        for k in cuts:
            expected = 100 * np.mean([rank < k for rank in values])
            assert document[f"{prefix}_at{k}"] == pytest.approx(expected, abs=1e-4)
    assert document["protocol"] == "cirr"
    assert document["protocols"]["cirr"]["sets"] == {"val": {"queries": 9, "gallery": 14}}


@pytest.mark.parametrize("dataset", ["FashionIQ", "CIRR"])
def test_a_bundle_has_the_figures_of_its_checkpoint(
    bundle: Path, fashioniq: Path, cirr: Path, tmp_path: Path, dataset: str
) -> None:
    data = cirr if dataset == "CIRR" else fashioniq
    theirs = evaluate(dataset, data, tmp_path / "a.json", *WEIGHTS, "--baselines")
    ours = evaluate(dataset, data, tmp_path / "b.json", "--model-path", str(bundle), "--baselines")
    assert ours["protocols"] == theirs["protocols"]
    assert ours["model"].startswith("bundle tiny ")
    figures = next(iter(ours["protocols"].values()))["figures"]
    assert list(figures) == ["composed", "image_only", "text_only", "sum", "mean"]
    assert len({json.dumps(values) for values in figures.values()}) > 1


def test_own_categories_batches_and_workers_change_nothing(fashioniq: Path, tmp_path: Path) -> None:
    whole = evaluate("FashionIQ", fashioniq, tmp_path / "a.json", *WEIGHTS)
    one = evaluate(
        *("hat", fashioniq, tmp_path / "b.json", *WEIGHTS),
        *("--batch-size", "5", "--num-workers", "2"),
    )
    for protocol in ("original-split", "val-split"):
        curves = [d["protocols"][protocol]["recall_over_k"]["composed"] for d in (whole, one)]
        assert curves[1] == {"hat": curves[0]["hat"]}


def test_broken_pictures_stop_the_run_or_are_counted(
    fashioniq: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(fashioniq, data)
    broken = data / "images" / "Bcoatval3.png"
    broken.write_bytes(broken.read_bytes()[:40])
    command = [
        *("--dataset", "FashionIQ", "--data-path", str(data), *WEIGHTS),
        *("--output", str(tmp_path / "out.json")),
    ]
    for workers in ("0", "1"):
        assert main([*command, "--num-workers", workers]) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith(f"sprc.evaluate: {broken} cannot be read as a picture")
    assert not (tmp_path / "out.json").exists()
    document = evaluate("FashionIQ", data, tmp_path / "out.json", *WEIGHTS, "--skip-broken")
    assert document["left_out"]["coat"] == {"pictures": 1, "gallery": 1, "queries": 2}
    assert document["left_out"]["hat"]["pictures"] == 0
    assert document["protocols"]["original-split"]["sets"]["coat"] == {"queries": 6, "gallery": 13}
    assert "1 unreadable pictures were left out" in capsys.readouterr().out


def test_user_errors_end_in_one_sentence(
    bundle: Path, fashioniq: Path, cirr: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nonsense = tmp_path / "nonsense.pt"
    nonsense.write_bytes(b"no checkpoint")
    checkpoint = tmp_path / "alone.pt"
    shutil.copyfile(TINY_A / "ckpt.pt", checkpoint)
    shutil.copyfile(TINY_A / "config.json", tmp_path / "config.json")
    spoiled = tmp_path / "spoiled"
    shutil.copytree(bundle, spoiled)
    (spoiled / "tokenizer.json").write_text("{}")
    larger = tmp_path / "larger.txt"
    larger.write_text((PARITY / "vocab.txt").read_text() + "one\xad\ntwo\xad\n")
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    good = {"--dataset": "FashionIQ", "--data-path": str(fashioniq)}
    good |= dict(zip(WEIGHTS[::2], WEIGHTS[1::2], strict=True))
    good |= {"--output": str(tmp_path / "out.json"), "--num-workers": "0", "--device": "cpu"}
    plain = {key: value for key, value in good.items() if key != "--tokenizer"}
    for options, sentence in (
        (good | {"--model-path": str(tmp_path / "nowhere.pt")}, "does not exist"),
        (good | {"--model-path": str(nonsense)}, "not a PyTorch checkpoint"),
        (plain | {"--model-path": str(checkpoint)}, "give --tokenizer"),
        (good | {"--tokenizer": str(tmp_path / "vocab.txt")}, "vocab.txt does not exist"),
        (good | {"--tokenizer": str(TINY_A / "config.json")}, "is not a tokenizer"),
        (good | {"--tokenizer": str(larger)}, "numbers tokens up to 30523, and the model knows"),
        (good | {"--backbone": "pretrain"}, "does not hold the ViT of --backbone pretrain"),
        (good | {"--device": "cuda:77"}, "there is no device cuda:77"),
        (plain | {"--model-path": str(fashioniq)}, "holds no bundle.json"),
        (plain | {"--model-path": str(spoiled)}, "were changed"),
        (good | {"--model-path": str(bundle)}, "leave --tokenizer out"),
        (good | {"--data-path": str(cirr)}, "is no data set like FashionIQ"),
        (good | {"--dataset": "CIRR"}, "split.rc2.val.json does not exist"),
        (good | {"--dataset": "coat,socks"}, "cap.socks.SPLIT.json"),
        (good | {"--endpoint": "127.0.0.1:9"}, "nothing answers at 127.0.0.1:9"),
        (good | {"--output": str(blocked / "out.json"), "--protocol": "val-split"}, "blocked"),
    ):
        assert main([part for pair in options.items() for part in pair]) == 1, sentence
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith("sprc.evaluate: "), said
        assert sentence in said, said
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ([], "give --model-path, --rerank, --endpoint, or several of them"),
        (["--endpoint", "localhost"], "is not HOST:PORT"),
        (["--endpoint", "localhost:99999"], "is not HOST:PORT"),
        (["--endpoint", "a:1", "--batch-size", "0"], "0 is too small"),
        (["--endpoint", "a:1", "--num-workers", "-1"], "below zero"),
        (["--endpoint", "a:1", "--output", "y.png"], "does not end in .json"),
    ],
)
def test_bad_flags_are_named(
    more: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--dataset", "CIRR", "--data-path", "x", "--output", "y.json", *more])
    assert sentence in capsys.readouterr().err
