"""A model that a recipe begins from nothing, and what such a recipe adds to the published one."""

import csv
import signal
import tomllib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from demo_data.write import TRAINING, Plan, write_data
from sprc.checkpoint import load_model
from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.records import TrainingSet
from sprc.train import main
from sprc.training import trainer
from sprc.training.attributes import AttributeHead
from sprc.training.augment import augment
from sprc.training.batches import plan_epoch
from sprc.training.errors import TrainingError
from sprc.training.objective import token_spread
from sprc.training.recipe import RECIPES, load_recipe
from tests.training.small_run import assert_same_weights

SIZES = """
[model]
image_size = 32
stem = [8, 16]
patch_size = 2
vit_width = 32
vit_depth = 2
vit_heads = 2
vit_mlp = 48
qformer_width = 32
qformer_layers = 2
qformer_heads = 2
qformer_mlp = 48
query_tokens = 4
embed_dim = 16
text_length = 24
dropout = 0.2
words = 300
"""
QUERIES_REST = [
    "--loss-itc",
    "0",
    "--loss-rtc",
    "0",
    "--loss-align",
    "0",
    "--no-fixed-loss-weights",
]
NOTHING_TO_LEARN = [*QUERIES_REST, "--loss-attributes", "0"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = Plan(families=8, validation_pairs=6, held_out_pairs=4)
    folder = tmp_path_factory.mktemp("demo") / "data"
    return write_data(folder, plan, workers=1, progress=False) / TRAINING


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's last recipe with a small model, and dropout so that a resumed run must draw it."""
    path = tmp_path_factory.mktemp("recipe") / "small.toml"
    path.write_text((RECIPES / "demo" / "3-together.toml").read_text() + SIZES)
    return path


def train(data: Path, recipe: Path, output: Path, *more: str) -> int:
    flags = {
        "--dataset": "FashionIQ",
        "--data-path": str(data),
        "--recipe": str(recipe),
        "--output": str(output),
        "--num-epochs": "2",
        "--batch-size": "8",
        "--num-workers": "0",
        "--device": "cpu",
    }
    return main([part for flag in flags.items() for part in flag] + list(more))


def test_it_trains_the_encoder_and_leaves_a_checkpoint_like_any_other(
    data: Path, recipe: Path, tmp_path: Path
) -> None:
    assert (
        train(data, recipe, tmp_path / "run", "--learning-rate", "4e-3", "--num-epochs", "6") == 0
    )
    model = load_model(tmp_path / "run" / "last.pt")
    sizes = tomllib.loads(recipe.read_text())["model"]
    assert model.config.vit.heads == sizes["vit_heads"]
    assert model.config.qformer.vocab <= sizes["words"] + 1
    assert train(data, recipe, tmp_path / "other", "--learning-rate", "1e-9") == 0
    still = load_model(tmp_path / "other" / "last.pt").state_dict()
    for name, value in model.state_dict().items():
        moved = not torch.equal(value, still[name])
        unused = ("position_ids", "cls.predictions.transform", "decoder.bias", "itm_head")
        if value.is_floating_point() and not any(part in name for part in unused):
            assert moved or "predictions.bias" in name, name
    with (tmp_path / "run" / "train_metrics.csv").open() as stream:
        first, *_, last = csv.DictReader(stream)
    for loss in (
        "loss_itc",
        "loss_rtc",
        "loss_align",
        "loss_spread",
        "loss_alike",
        "loss_attributes",
    ):
        assert float(first[loss]) >= 0
    assert float(last["loss_attributes"]) < float(first["loss_attributes"])


def test_a_resumed_run_ends_with_the_same_weights(
    data: Path, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train(data, recipe, tmp_path / "whole") == 0
    step = trainer.Trainer._step
    taken = 0

    def interrupted(self: trainer.Trainer, *batch: object) -> object:
        nonlocal taken
        taken += 1
        if taken == 5:
            signal.raise_signal(signal.SIGTERM)
        return step(self, *batch)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(trainer.Trainer, "_step", interrupted)
        assert train(data, recipe, tmp_path / "cut") == 128 + signal.SIGTERM
    assert train(data, recipe, tmp_path / "cut", "--resume") == 0
    assert_same_weights(tmp_path / "whole" / "last.pt", tmp_path / "cut" / "last.pt")


def test_what_it_cannot_do_is_said(
    data: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = tmp_path / "nothing.toml"
    nothing.write_text(recipe.read_text().split("[model]")[0])
    odd = tmp_path / "odd.toml"
    odd.write_text(recipe.read_text().replace("vit_heads = 2", "vit_heads = 3"))
    large = tmp_path / "large.toml"
    large.write_text(recipe.read_text().replace("image_size = 32", "image_size = 33"))
    for file, flags, sentence in (
        (nothing, [], "a backbone of none needs the sizes of a table [model] in the recipe"),
        (odd, [], "vit_heads do not divide vit_width"),
        (large, [], "image_size is no multiple of patch_size and the stem's strides"),
        (recipe, ["--cache-features"], "--cache-features is for a frozen encoder"),
        (recipe, ["--gather"], "contrast_references cannot go with it"),
        (recipe, ["--no-train-encoder"], "to augment pictures is for an encoder that trains"),
        (recipe, NOTHING_TO_LEARN, "no loss is left: every weight is 0"),
        (recipe, ["--alike-by", "brand"], "no training picture has the attribute brand"),
    ):
        assert train(data, file, tmp_path / "run", *flags) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith("sprc.train: "), said
        assert sentence in said


def test_attributes_that_nobody_knows_stop_a_run(
    data: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for part in ("captions", "image_splits", "images"):
        (bare / part).symlink_to(data / part)
    assert train(bare, recipe, tmp_path / "run") == 1
    assert "attributes.json knows none of the training pictures" in capsys.readouterr().err
    (bare / "attributes.json").write_text('{"train-00000-0": {"color": 3}}')
    assert train(bare, recipe, tmp_path / "run") == 1
    assert "does not say attributes as" in capsys.readouterr().err
    (bare / "attributes.json").unlink()
    assert train(bare, recipe, tmp_path / "run", "--loss-attributes", "0", "--loss-alike", "0") == 0


def test_a_head_reads_what_is_known_and_leaves_out_what_is_not() -> None:
    torch.manual_seed(1)
    known = {"a": {"color": "red", "fit": "wide"}, "b": {"color": "blue"}, "c": {}}
    head = AttributeHead(["a", "b", "c"], known, width=6, embed_dim=4)
    assert head.classes == {"color": ["blue", "red"], "fit": ["wide"]}
    embeds = torch.randn(3, 5, 6)
    places = torch.tensor([1, 2, 0])
    logits = head.of_encoder(embeds.mean(1))[:, :2].log_softmax(1)
    expected = -(logits[0, 0] + logits[2, 1]) / 2
    # The mean over two attributes, and the other has a single value, which is always right.
    torch.testing.assert_close(head.pictures(embeds, places), expected / 2)
    unknown = head.pictures(embeds[:1], torch.tensor([2]))
    assert float(unknown.detach()) == 0.0
    vectors = torch.nn.functional.normalize(torch.randn(2, 4), dim=-1)
    logits = head.of_vectors(8 * vectors)[:, :2].log_softmax(1)
    told = head.vectors(vectors, torch.tensor([0, 1]))
    torch.testing.assert_close(told, -(logits[0, 1] + logits[1, 0]) / 2 / 2)
    with pytest.raises(TrainingError, match="knows none"):
        AttributeHead(["d"], known, width=6, embed_dim=4)


def test_pairs_that_share_pictures_stay_together(data: Path) -> None:
    training = FashionIq.open(data).training()
    plain = order(training, grouped=False)
    grouped = order(training, grouped=True)
    assert sorted(plain) == sorted(grouped) == list(range(len(training.queries)))
    assert order(training, grouped=True, epoch=1) != grouped
    families = [training.queries[place].reference.rsplit("-", 1)[0] for place in grouped]
    changes = sum(one != other for one, other in pairwise(families))
    assert changes == len(set(families)) - 1


def order(training: TrainingSet, *, grouped: bool, epoch: int = 0) -> list[int]:
    plan = plan_epoch(training, seed=3, epoch=epoch, batch_size=1, grouped=grouped)
    return [batch.pairs[0] for batch in plan]


def test_tokens_that_are_alike_are_pushed_apart() -> None:
    alike = torch.nn.functional.normalize(torch.ones(2, 4, 8), dim=-1)
    assert float(token_spread(alike)) == pytest.approx(0.3)
    apart = torch.eye(8)[None, :4]
    assert float(token_spread(apart)) == 0.0


def test_augmented_pictures_move_a_little_and_depend_on_the_seed_alone() -> None:
    ramp = np.linspace(-1, 1, 32, dtype=np.float32)
    pixels = torch.from_numpy(np.broadcast_to(ramp[:, None], (6, 3, 32, 32)).copy())
    torch.manual_seed(4)
    first = augment(pixels)
    torch.manual_seed(4)
    assert torch.equal(first, augment(pixels))
    assert not torch.equal(first, augment(pixels))
    difference = (first - pixels).abs().mean((1, 2, 3))
    assert bool((difference > 0.005).all())
    assert bool((difference < 0.4).all())


def test_without_questions_the_encoder_alone_learns(
    data: Path, recipe: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert train(data, recipe, run, *QUERIES_REST, "--learning-rate", "4e-3") == 0
    with (run / "train_metrics.csv").open() as stream:
        first, *_, last = csv.DictReader(stream)
    assert "loss_itc" not in first
    assert float(last["loss_attributes"]) < float(first["loss_attributes"])
    assert train(data, recipe, tmp_path / "still", *QUERIES_REST, "--learning-rate", "1e-9") == 0
    learned = load_model(run / "last.pt").state_dict()
    for name, value in load_model(tmp_path / "still" / "last.pt").state_dict().items():
        moves = name.startswith(("visual_encoder.", "ln_vision.")) and value.is_floating_point()
        assert torch.allclose(value, learned[name], atol=1e-6) == (not moves), name


def test_the_demos_runs_follow_one_another(data: Path, tmp_path: Path) -> None:
    """Each recipe takes up the checkpoint before it: words, head counts and dropout too."""
    small = tmp_path / "1.toml"
    recipes = RECIPES / "demo"
    small.write_text((recipes / "1-attributes.toml").read_text().split("[model]")[0] + SIZES)
    second, third = recipes / "2-queries.toml", recipes / "3-together.toml"
    one, two, three = (tmp_path / f"run-{number}" for number in (1, 2, 3))
    assert train(data, small, one) == 0
    begun = ["--model-path", str(one / "last.pt"), "--cache-features"]
    assert train(data, second, two, *begun) == 0
    assert train(data, third, three, "--model-path", str(two / "last.pt")) == 0
    found = [load_model(run / "last.pt") for run in (one, two, three)]
    assert found[0].config == found[1].config == found[2].config
    assert found[0].config.qformer.dropout == 0.2
    words = [(run / "tokenizer.json").read_text() for run in (one, two, three)]
    assert words[0] == words[1] == words[2]
    encoders = [model.visual_encoder.state_dict() for model in found]
    same = [torch.equal(value, encoders[0][name]) for name, value in encoders[1].items()]
    assert all(same)


def test_the_demos_recipes_are_for_what_make_demo_model_draws() -> None:
    paths = sorted((RECIPES / "demo").iterdir())
    recipes = [load_recipe(path, {}) for path in paths]
    assert [recipe.asks for recipe, _ in recipes] == [False, True, True]
    assert not any(ignored for _, ignored in recipes)
    first = recipes[0][0]
    assert first.model is not None
    config = first.model.config(500)
    assert config.qformer.cross_layers == (0, 2)
    assert config.vit.tokens == 50
