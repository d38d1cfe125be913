"""Checkpoints: what is written is read again, and what is not one is refused."""

import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from sprc.checkpoint import (
    CLASS_NAME,
    CheckpointError,
    load_model,
    read_trained_at,
    save_checkpoint,
)
from tests.training.tiny import tiny_model

CUTS = 40 if os.environ.get("RECOMPOSE_TEST_LONG") else 16


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


def test_a_checkpoint_says_when_it_was_trained_where_that_is_known(tmp_path: Path) -> None:
    at = datetime(2026, 10, 1, 12, 30, tzinfo=UTC)
    save_checkpoint(tiny_model(), tmp_path / "ours.pt", epoch=1, trained_at=at)
    save_checkpoint(tiny_model(), tmp_path / "theirs.pt", epoch=1)
    assert read_trained_at(tmp_path / "ours.pt") == at
    assert read_trained_at(tmp_path / "theirs.pt") is None
    load_model(tmp_path / "ours.pt")


@pytest.mark.parametrize("told", ["yesterday", "2026-10-01", 3, ["2026-10-01"]])
def test_a_time_that_is_none_is_refused(tmp_path: Path, told: Any) -> None:
    content = written(tmp_path / "ckpt.pt")
    torch.save({**content, "trained_at": told}, tmp_path / "ckpt.pt")
    with pytest.raises(CheckpointError, match="trained_at is not a time"):
        read_trained_at(tmp_path / "ckpt.pt")


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


def _with_infinity_in_float32(state: dict[str, Any]) -> None:
    state["vision_proj.weight"] = state["vision_proj.weight"].double()
    state["vision_proj.weight"][0, 0] = 1e200


def _with_a_sparse_tensor(state: dict[str, Any]) -> None:
    state["vision_proj.weight"] = state["vision_proj.weight"].to_sparse()


def _with_a_quantised_tensor(state: dict[str, Any]) -> None:
    weight = state["vision_proj.weight"]
    state["vision_proj.weight"] = torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8)


def _with_complex_numbers(state: dict[str, Any]) -> None:
    state["vision_proj.weight"] = state["vision_proj.weight"].to(torch.complex64)


def _with_no_numbers(state: dict[str, Any]) -> None:
    state["vision_proj.weight"] = state["vision_proj.weight"].to("meta")


def _with_another_shape(state: dict[str, Any]) -> None:
    state["itm_head.weight"] = torch.zeros(3, 32)


def _without_sizes(state: dict[str, Any]) -> None:
    del state["query_tokens"]


def _with_flat_sizes(state: dict[str, Any]) -> None:
    state["text_proj.weight"] = state["text_proj.weight"].flatten()


def _with_no_tensor(state: dict[str, Any]) -> None:
    state["itm_head.weight"] = [1.0]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_without_a_tensor, "1 missing: ln_vision.weight"),
        (_with_a_surplus_tensor, "1 unexpected: unheard_of.weight"),
        (_with_nan, "vision_proj.weight holds values that are not finite"),
        (_with_infinity_in_float32, "vision_proj.weight holds values that are not finite"),
        (_with_a_sparse_tensor, "vision_proj.weight is not a dense tensor"),
        (_with_a_quantised_tensor, "vision_proj.weight is not a dense tensor"),
        (_with_complex_numbers, "vision_proj.weight is not a dense tensor of real numbers"),
        (_with_no_numbers, "vision_proj.weight is not a dense tensor"),
        (_with_another_shape, r"1 misshapen: itm_head.weight \[3, 32\] instead of \[2, 32\]"),
        (_without_sizes, "query_tokens is missing"),
        (_with_flat_sizes, r"text_proj.weight is of shape \[512\]"),
        (_with_no_tensor, "itm_head.weight' is not a tensor"),
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


def test_all_that_does_not_fit_is_told_at_once_and_not_endlessly(tmp_path: Path) -> None:
    content = written(tmp_path / "ckpt.pt")
    state = content[CLASS_NAME]
    for name in [
        name for name in state if "crossattention.output" in name or "blocks.0.norm" in name
    ]:
        del state[name]
    _with_a_surplus_tensor(state)
    _with_another_shape(state)
    torch.save(content, tmp_path / "ckpt.pt")
    with pytest.raises(CheckpointError) as caught:
        load_model(tmp_path / "ckpt.pt")
    said = str(caught.value)
    assert "8 missing: visual_encoder.blocks.0.norm1.weight" in said
    assert "1 unexpected: unheard_of.weight" in said
    assert "1 misshapen: itm_head.weight" in said
    del content[CLASS_NAME]["visual_encoder.cls_token"]
    torch.save(content, tmp_path / "ckpt.pt")
    with pytest.raises(CheckpointError, match=r"9 missing: .* and 1 more; 1 unexpected"):
        load_model(tmp_path / "ckpt.pt")


def test_a_missing_block_is_missing_and_not_a_smaller_model(tmp_path: Path) -> None:
    content = written(tmp_path / "ckpt.pt")
    state = content[CLASS_NAME]
    for name in [name for name in state if name.startswith("visual_encoder.blocks.0.attn")]:
        del state[name]
    for name in [name for name in state if name.startswith("Qformer.bert.encoder.layer.0.att")]:
        del state[name]
    torch.save(content, tmp_path / "ckpt.pt")
    with pytest.raises(CheckpointError, match="15 missing"):
        load_model(tmp_path / "ckpt.pt")


@pytest.mark.parametrize("key", [CLASS_NAME, "DistributedDataParallel", "DataParallel"])
def test_names_of_a_data_parallel_wrapper_are_understood(tmp_path: Path, key: str) -> None:
    content = written(tmp_path / "ckpt.pt")
    wrapped = {f"module.{name}": value for name, value in content[CLASS_NAME].items()}
    torch.save({"epoch": 3, key: wrapped}, tmp_path / "ckpt.pt")
    read = load_model(tmp_path / "ckpt.pt").state_dict()
    for name, value in content[CLASS_NAME].items():
        assert torch.equal(value, read[name]), name


@pytest.mark.parametrize("protocol", [2, 3])
def test_protocols_that_can_be_read_are_read_in_silence(
    tmp_path: Path, protocol: int, recwarn: pytest.WarningsRecorder
) -> None:
    content = written(tmp_path / "ckpt.pt")
    torch.save(content, tmp_path / "ckpt.pt", pickle_protocol=protocol)
    read = load_model(tmp_path / "ckpt.pt").state_dict()
    for name, value in content[CLASS_NAME].items():
        assert torch.equal(value, read[name]), name
    assert not recwarn.list


def test_a_protocol_that_cannot_be_read_is_refused_without_a_warning(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    torch.save(written(tmp_path / "ckpt.pt"), tmp_path / "ckpt.pt", pickle_protocol=4)
    with pytest.raises(CheckpointError, match="not a PyTorch checkpoint of plain tensors"):
        load_model(tmp_path / "ckpt.pt")
    assert not recwarn.list


def test_float16_of_some_or_all_weights_becomes_float32(tmp_path: Path) -> None:
    content = written(tmp_path / "ckpt.pt")
    state = content[CLASS_NAME]
    for name, value in state.items():
        if name.startswith("visual_encoder.blocks"):
            state[name] = value.half()
    torch.save(content, tmp_path / "ckpt.pt")
    read = load_model(tmp_path / "ckpt.pt")
    assert {value.dtype for value in read.parameters()} == {torch.float32}
    for name, value in state.items():
        assert torch.equal(value.to(read.state_dict()[name].dtype), read.state_dict()[name]), name


def test_a_read_model_is_tied_and_trains(tmp_path: Path) -> None:
    written(tmp_path / "ckpt.pt")
    model = load_model(tmp_path / "ckpt.pt")
    predictions = model.Qformer.cls.predictions
    assert predictions.decoder.weight is model.Qformer.bert.embeddings.word_embeddings.weight
    assert predictions.bias is predictions.decoder.bias
    assert all(value.requires_grad and not value.is_meta for value in model.parameters())


def test_a_read_model_does_not_hang_on_its_file(tmp_path: Path) -> None:
    written(tmp_path / "ckpt.pt")
    model = load_model(tmp_path / "ckpt.pt")
    size = (tmp_path / "ckpt.pt").stat().st_size
    (tmp_path / "ckpt.pt").write_bytes(bytes(size))
    for name, value in tiny_model().state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


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


def test_code_within_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    torch.save({"epoch": Malicious(), CLASS_NAME: {}}, tmp_path / "ckpt.pt")
    with pytest.raises(CheckpointError, match="carries code"):
        load_model(tmp_path / "ckpt.pt")


def test_any_cut_or_damage_is_refused_or_read(tmp_path: Path) -> None:
    """Cut at places all over, and single bytes changed: read, or refused in a sentence."""
    path = tmp_path / "ckpt.pt"
    written(path)
    whole = path.read_bytes()
    random = Random(7)
    for share in range(CUTS):
        path.write_bytes(whole[: len(whole) * share // CUTS])
        with pytest.raises(CheckpointError):
            load_model(path)
    # Half of the changes in the archive's pickle and directory, where structure is.
    structure = [*range(2000), *range(len(whole) - 2000, len(whole))]
    for turn in range(5 * CUTS):
        place = random.choice(structure) if turn % 2 else random.randrange(len(whole))
        path.write_bytes(
            whole[:place] + bytes([whole[place] ^ random.randrange(1, 256)]) + whole[place + 1 :]
        )
        with suppress(CheckpointError):
            load_model(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_model(tmp_path)


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
