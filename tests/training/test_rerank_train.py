"""sprc.rerank: a second stage from a first one's checkpoint."""

import csv
import json
from pathlib import Path

import pytest
import torch

from sprc.checkpoint import load_model, load_reranker, save_checkpoint
from sprc.evaluate import main as evaluate
from sprc.mining import Negatives, draw_negatives
from sprc.rerank import main
from sprc.reranker import Blip2QformerCirRerank
from sprc.schedule import build_optimizer
from sprc.training.batches import seed_step
from sprc.training.objective import freeze_encoder
from sprc.training.processes import Processes
from sprc.training.recipe import published_recipe
from sprc.training.run_recipe import check_recipe, read_entries
from sprc.training.second_stage import objective as stage_objective
from sprc.training.second_stage.objective import RerankObjective
from sprc.training.second_stage.recipe import RerankRecipe, rerank_recipe
from sprc.training.state import Row
from sprc.training.trainer import Trainer
from tests.training.given_features import GivenFeatures, given_pairs
from tests.training.parity import PARITY, TINY_RERANK
from tests.training.small_run import CHECKPOINT, STEPS, arguments, small_data
from tests.training.synthetic import write_cirr
from tests.training.tiny import tiny_config, tiny_model

ALONE = Processes(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def unbroken(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("unbroken") / "run"
    assert train(data, output) == 0
    return output


def train(data: Path, output: Path, *more: str) -> int:
    return main(arguments(data, output, "--depth", "5", *more))


def state_of(path: Path) -> dict[str, torch.Tensor]:
    return load_reranker(path).state_dict()


def rows_of(output: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((output / "validation_metrics.csv").open()))


def test_a_run_leaves_a_second_stage_and_both_stages_figures(
    data: Path, unbroken: Path, tmp_path: Path
) -> None:
    first, trained = load_model(CHECKPOINT).state_dict(), state_of(unbroken / "last.pt")
    for name, value in first.items():
        if name.startswith("visual_encoder."):
            assert torch.equal(trained[name], value), name
        if name.startswith("Qformer."):
            # What mines is the first stage for good.
            assert torch.equal(trained[f"F{name[1:]}"], value), name
    for name in ("query_tokens", "vision_proj.weight", "text_proj.bias"):
        part, dot, rest = name.partition(".")
        assert torch.equal(trained[f"{part}_f{dot}{rest}"], first[name]), name
    for name in ("itm_head.weight", "query_tokens", "ln_vision.bias"):
        assert not torch.equal(trained[name], first[name]), name

    rows = rows_of(unbroken)
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert len({row["first_stage_average_recall"] for row in rows}) == 1
    # The reference stays in FashionIQ's galleries.
    assert not any(name.startswith("without_reference") for name in rows[0])
    flags = ["--dataset", "FashionIQ", "--data-path", str(data), "--num-workers", "0"]
    flags += ["--model-path", str(CHECKPOINT), "--tokenizer", str(PARITY / "vocab.txt")]
    flags += ["--rerank", str(unbroken / "last.pt"), "--depth", "5", "--device", "cpu"]
    flags += ["--protocol", "original-split"]
    assert evaluate([*flags, "--output", str(tmp_path / "figures.json")]) == 0
    found = figures_of(tmp_path / "figures.json")
    for source, prefix in (("composed", "first_stage_"), ("reranked", "")):
        for name, value in found[source].items():
            assert float(rows[-1][f"{prefix}{name}"]) == pytest.approx(value), name


def figures_of(path: Path) -> dict[str, dict[str, float]]:
    """Source -> figures."""
    protocols = json.loads(path.read_text())["protocols"]
    found: dict[str, dict[str, float]] = protocols["original-split"]["figures"]
    return found


def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(
    data: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed within the second epoch: dropout and what is mined go on as they would have."""
    whole, done = Trainer._step, []

    def step(self: Trainer, *arguments: object) -> Row:
        done.append(None)
        if len(done) > STEPS + 2:
            raise KeyboardInterrupt
        return whole(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "_step", step)
        with pytest.raises(KeyboardInterrupt):
            train(data, tmp_path / "run", "--state-minutes", "0")
    (state,) = (tmp_path / "run").glob("state-*.pt")
    assert state.name == "state-0001-000002.pt"
    assert train(data, tmp_path / "run", "--resume", "--state-minutes", "0") == 0
    expected = state_of(unbroken / "last.pt")
    for name, value in state_of(tmp_path / "run" / "last.pt").items():
        assert torch.equal(value, expected[name]), name


def test_kept_features_serve_training_and_validation(data: Path, tmp_path: Path) -> None:
    assert train(data, tmp_path / "run", "--cache-features", "--num-epochs", "1") == 0
    assert (tmp_path / "run" / "features" / "features.npy").is_file()
    assert not (tmp_path / "run" / "validation-features").exists()
    assert float(rows_of(tmp_path / "run")[0]["average_recall"]) >= 0


def test_cirr_is_reranked_with_the_reference_and_without(tmp_path: Path) -> None:
    write_cirr(tmp_path / "cirr", gallery=12)
    output = tmp_path / "run"
    assert train(tmp_path / "cirr", output, "--dataset", "CIRR", "--num-epochs", "1") == 0
    (row,) = rows_of(output)
    for prefix in ("", "first_stage_", "without_reference_"):
        assert 0 <= float(row[f"{prefix}arithmetic_mean"]) <= 100


@pytest.mark.parametrize("negatives", ["text", "composed"])
def test_its_loss_falls(negatives: str) -> None:
    """Six pairs of noise are learnt by heart, whichever negatives are drawn for them."""
    model = Blip2QformerCirRerank.after(tiny_model())
    freeze_encoder(model)
    model.freeze_miner()
    path = rerank_recipe("FashionIQ")
    entries = read_entries(path)
    recipe = check_recipe(RerankRecipe, path, entries, {"negatives": negatives})
    objective = RerankObjective(model, ALONE, recipe).train()
    torch.manual_seed(1)
    references, targets = torch.randn(2, 6, tiny_config().vit.tokens, 32).unbind(0)
    words = torch.randint(5, 12, (6, 5)), torch.ones(6, 5, dtype=torch.int64)
    optimizer = build_optimizer(model.parameters(), 3e-3)
    losses = []
    for step in range(60):
        seed_step(1, 0, step, 0)
        loss = objective(GivenFeatures(), given_pairs(references, targets), *words)
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])


def test_what_answers_a_pair_is_not_its_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second pair's target answers the first pair too; a third is of another category."""
    pairs = given_pairs(*torch.randn(2, 3, tiny_config().vit.tokens, 32).unbind(0))
    pairs = pairs._replace(others=torch.tensor([[0, 4]]), kinds=torch.tensor([0, 0, 1, 0, 0, 1]))
    words = torch.randint(5, 12, (3, 5)), torch.ones(3, 5, dtype=torch.int64)
    seen: list[torch.Tensor] = []

    def draw(scores: torch.Tensor, wrong: torch.Tensor, targets: torch.Tensor) -> Negatives:
        seen.append(wrong)
        return draw_negatives(scores, wrong, targets)

    monkeypatch.setattr(stage_objective, "draw_negatives", draw)
    path, model = rerank_recipe("FashionIQ"), Blip2QformerCirRerank.after(tiny_model())
    flags: dict[str, object]
    for flags in (
        {},
        {"several_right": True},
        {"several_right": True, "contrast_references": True},
    ):
        recipe = check_recipe(RerankRecipe, path, read_entries(path), flags)
        RerankObjective(model, ALONE, recipe)(GivenFeatures(), pairs, *words)
    published, among_targets, with_references = seen
    assert published.tolist() == (~torch.eye(3, dtype=torch.bool)).tolist()
    assert among_targets.int().tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert with_references.int().tolist() == [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 0, 1, 0, 0],
        [0, 0, 1, 0, 0, 0],
    ]


def refused(capsys: pytest.CaptureFixture[str], data: Path, output: Path, *more: str) -> str:
    """The one sentence that a run ends with."""
    assert train(data, output, *more) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("sprc.rerank: ")
    assert not list(output.glob("*.pt"))
    return said


def test_what_cannot_be_trained_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    given = ["--dataset", "FashionIQ", "--data-path", str(data), "--output", str(run)]
    assert main(given) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith("begins with a first: give its checkpoint by --model-path")
    other = ["--model-path", str(TINY_RERANK / "ckpt.pt")]
    said = refused(capsys, data, run, *other)
    assert "holds Blip2QformerCirRerank, not Blip2QformerCirAlignPrompt" in said
    assert "give a larger --batch-size" in refused(capsys, data, run, "--batch-size", "1")
    recipe = str(published_recipe("FashionIQ"))
    said = refused(capsys, data, run, "--recipe", recipe)
    assert f"blip_model_name in {recipe}: input should be 'blip2_cir_rerank'" in said


def test_a_first_stage_that_gives_no_numbers_is_named(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = load_model(CHECKPOINT)
    with torch.no_grad():
        model.vision_proj.weight.fill_(3e38)
    save_checkpoint(model, tmp_path / "huge.pt", epoch=0)
    said = refused(capsys, data, tmp_path / "run", "--model-path", str(tmp_path / "huge.pt"))
    assert "gives vectors that are not finite" in said
