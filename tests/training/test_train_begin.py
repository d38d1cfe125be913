"""What a run begins with: BLIP-2's weights where no checkpoint is given, and which backbone."""

import json
from pathlib import Path

import pytest
import torch

from retrieval.preprocess.text import Tokenizer
from sprc.checkpoint import load_model
from sprc.published import VITS, ModelType
from sprc.train import main
from tests.training.lavis_files import (
    BLIP2_FILE,
    VOCABULARY,
    prepare_torchvision,
    random_model,
    tiny_blip2,
    write_blip2,
)
from tests.training.small_run import CHECKPOINT, small_data, train, weights

VIT_L_FILE = "blip2_pretrained_vitL.pth"
# Of the published recipe: so far AdamW moves a weight in a step, and there are three.
FURTHEST = 3 * 2e-5 * 1.5


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize(
    ("backbone", "family", "file", "flags"),
    [
        ("pretrain", "eva", BLIP2_FILE, []),
        ("pretrain_vitL", "clip", VIT_L_FILE, ["--backbone", "pretrain_vitL"]),
    ],
)
def test_without_a_checkpoint_a_run_begins_with_blip2(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    backbone: ModelType,
    family: str,
    file: str,
    flags: list[str],
) -> None:
    prepare_torchvision()
    source = random_model(tiny_blip2(family))
    downloads = tmp_path / "torch" / "hub" / "checkpoints"
    downloads.mkdir(parents=True)
    write_blip2(downloads, source).rename(downloads / file)
    words = tmp_path / "bert-base-uncased" / "vocab.txt"
    words.parent.mkdir()
    words.write_text("\n".join(VOCABULARY) + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    sizes = {backbone: source.config}
    monkeypatch.setattr("sprc.lavis.pretrained.published_config", sizes.__getitem__)

    command = ["--dataset", "FashionIQ", "--data-path", str(data)]
    assert main([*command, "--num-epochs", "1", "--batch-size", "2", *flags]) == 0

    assert f"BLIP-2's {backbone}; new: prompt_tokens\n" in capsys.readouterr().out
    output = tmp_path / "runs" / "fashioniq"
    assert json.loads((output / "recipe.json").read_text())["backbone"] == backbone
    tokenizer = Tokenizer.from_file(output / "tokenizer.json", source.config.text_length)
    red_hood = [VOCABULARY.index(word) for word in ("[CLS]", "red", "hood", "[SEP]")]
    assert tokenizer.encode_batch(["red hood"])[0][0, :4].tolist() == red_hood
    begun = source.state_dict()
    for name, value in weights(output / "last.pt").items():
        if name.startswith("visual_encoder."):
            assert torch.equal(value, begun[name].half().float()), name
        elif name != "prompt_tokens":
            torch.testing.assert_close(value, begun[name], rtol=0, atol=FURTHEST, msg=name)


def test_a_backbone_must_be_the_checkpoints(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--backbone", "pretrain", "--num-epochs", "1"]
    assert train(data, tmp_path / "run", *given) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == (
        f"sprc.train: {CHECKPOINT} does not hold the ViT of --backbone pretrain: its width is 64 "
        "and its depth 2"
    )
    assert not (tmp_path / "run").exists()
    monkeypatch.setitem(VITS, "pretrain", load_model(CHECKPOINT).config.vit)
    assert train(data, tmp_path / "run", *given) == 0
