"""Checkpoints: what is written is read again, and what is not one is refused."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sprc.checkpoint import CLASS_NAME, CheckpointError, load_model, save_checkpoint
from tests.training.tiny import tiny_model


def written(path: Path) -> dict[str, Any]:
    save_checkpoint(tiny_model(), path, epoch=3)
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


def test_sizes_are_read_from_shapes_and_heads_from_the_file_beside(tmp_path: Path) -> None:
    model = tiny_model()
    save_checkpoint(model, tmp_path / "ckpt.pt", epoch=1)
    read = load_model(tmp_path / "ckpt.pt")
    # Dropout is a setting of training, not of the weights.
    assert read.config.vit == model.config.vit
    assert read.config.qformer.heads == model.config.qformer.heads
    assert read.config.text_length == model.config.text_length
    for name, value in model.state_dict().items():
        assert torch.equal(value, read.state_dict()[name]), name


def test_half_checkpoint_is_half_the_size_and_within_rounding(tmp_path: Path) -> None:
    model = tiny_model()
    save_checkpoint(model, tmp_path / "whole.pt", epoch=1)
    save_checkpoint(model, tmp_path / "half.pt", epoch=1, half=True)
    weights = sum(parameter.nbytes for parameter in model.parameters())
    saved = (tmp_path / "whole.pt").stat().st_size - (tmp_path / "half.pt").stat().st_size
    assert saved == pytest.approx(weights / 2, rel=0.1)
    read = load_model(tmp_path / "half.pt").state_dict()
    for name, value in model.state_dict().items():
        assert torch.allclose(value.float(), read[name].float(), rtol=1e-3, atol=1e-6), name


def test_tied_words_are_stored_once(tmp_path: Path) -> None:
    content = written(tmp_path / "ckpt.pt")
    state = content[CLASS_NAME]
    words = state["Qformer.bert.embeddings.word_embeddings.weight"]
    assert state["Qformer.cls.predictions.decoder.weight"].data_ptr() == words.data_ptr()
    assert content["epoch"] == 3


def _without_a_tensor(state: dict[str, Any]) -> None:
    del state["ln_vision.weight"]


def _with_a_surplus_tensor(state: dict[str, Any]) -> None:
    state["unheard_of.weight"] = torch.zeros(2)


def _with_nan(state: dict[str, Any]) -> None:
    state["vision_proj.weight"][0, 0] = float("nan")


def _with_another_shape(state: dict[str, Any]) -> None:
    state["itm_head.weight"] = torch.zeros(3, 32)


def _without_sizes(state: dict[str, Any]) -> None:
    del state["query_tokens"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_without_a_tensor, "ln_vision.weight"),
        (_with_a_surplus_tensor, "unheard_of.weight"),
        (_with_nan, "not finite"),
        (_with_another_shape, "itm_head.weight"),
        (_without_sizes, "query_tokens"),
    ],
)
def test_spoiled_state_is_refused(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], None], said: str
) -> None:
    content = written(tmp_path / "ckpt.pt")
    spoil(content[CLASS_NAME])
    torch.save(content, tmp_path / "ckpt.pt")
    with pytest.raises(CheckpointError, match=said):
        load_model(tmp_path / "ckpt.pt")


class Malicious:
    """Unpickling this would run code."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return exec, ("raise SystemExit('code ran')",)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a checkpoint", pickle.dumps(Malicious()), pickle.dumps({CLASS_NAME: {}})[:-4]],
    ids=["empty", "text", "code", "cut pickle"],
)
def test_garbage_is_refused_and_no_code_runs(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ckpt.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        load_model(path)


def test_cut_checkpoint_missing_file_and_other_class_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ckpt.pt"
    content = written(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError):
        load_model(path)
    torch.save({"SomeOtherModel": content[CLASS_NAME]}, path)
    with pytest.raises(CheckpointError, match="holds no"):
        load_model(path)
    with pytest.raises(CheckpointError, match="does not exist"):
        load_model(tmp_path / "nowhere.pt")


@pytest.mark.parametrize("heads", ["[]", "{", '{"vit": {"num_heads": 7}}'])
def test_bad_head_counts_are_refused(tmp_path: Path, heads: str) -> None:
    written(tmp_path / "ckpt.pt")
    (tmp_path / "config.json").write_text(heads)
    with pytest.raises(CheckpointError):
        load_model(tmp_path / "ckpt.pt")
