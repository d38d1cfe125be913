"""The second stage's graph: it equals PyTorch behind the first stage's embeds, and is of one mind
with the first stage about pictures and words, or is not exported."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from retrieval.bundle import BundleError, load_bundle
from retrieval.preprocess.text import SPECIAL_TOKENS, bert_tokenizer
from sprc import export as exporting
from sprc import onnx_graph
from sprc.checkpoint import CheckpointError, load_reranker, save_checkpoint
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.reranker import Blip2QformerCirRerank
from sprc.served import Graph
from sprc.served_reranker import channel_change, served_reranker
from sprc.triton_config import config_pbtxt
from tests.training.conftest import Exported
from tests.training.parity import TINY_RERANK, arrays, difference, pixels, texts
from tests.training.tiny import (
    WORDS,
    other_norm,
    tiny_config,
    tiny_model,
    tiny_second,
    tiny_tokenizer,
)

NOISE = 5e-6

Change = Callable[[Blip2QformerCirRerank, Path], None]


def probabilities(
    path: Path, references: torch.Tensor, candidates: torch.Tensor, *words: torch.Tensor
) -> torch.Tensor:
    """What a graph says of references [B, P, W], candidates [B, C, P, W] and texts [B, T]."""
    session = onnxruntime.InferenceSession(path)
    given = (references, candidates, *words)
    names = [value.name for value in session.get_inputs()]
    feed = {name: value.numpy() for name, value in zip(names, given, strict=True)}
    (found,) = session.run(["match_probability"], feed)
    return torch.from_numpy(found)


@torch.inference_mode()
def test_recorded_probabilities_come_of_a_first_stages_embeds(tmp_path: Path) -> None:
    """The published code's tensors, by way of a first stage whose ``ln_vision`` is another."""
    second = load_reranker(TINY_RERANK / "ckpt.pt")
    first = Blip2QformerCirAlignPrompt(second.config).eval()
    first.visual_encoder, first.ln_vision = second.visual_encoder, nn.LayerNorm(64, eps=1e-5)
    first.ln_vision.load_state_dict(second.ln_vision.state_dict())
    other_norm(first.ln_vision)
    with torch.inference_mode(False):
        exported = exporting._to_onnx(served_reranker(first, second, torch.float32))
    path = tmp_path / "1" / "model.onnx"
    onnx_graph.write(onnx_graph.tidy(exported, half=False), path)

    recorded = arrays(TINY_RERANK / "rerank.npz")
    embeds = first.embed_image(pixels())
    assert difference(embeds, recorded["image_embeds_frozen"]) > 0.1
    every = probabilities(
        path,
        embeds[torch.arange(24) % 12],
        embeds.expand(24, -1, -1, -1),
        *texts(list(range(24))),
    )
    assert difference(every, recorded["rerank_all_24x12"]) < NOISE
    one = probabilities(path, embeds[2:3], embeds[None], *texts([1]))
    assert difference(one[0], recorded["rerank_one_ref2_text1_targets0to11"]) < NOISE
    four = probabilities(
        path,
        embeds[recorded["four_ref"]],
        embeds[recorded["four_targets"]],
        *texts(recorded["four_texts"]),
    )
    assert difference(four.flatten(), recorded["rerank_four"]) < NOISE


def norm(weight: list[float], bias: list[float]) -> nn.LayerNorm:
    made = nn.LayerNorm(len(weight))
    made.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
    return made


def test_one_norms_outputs_become_anothers() -> None:
    first = norm([2.0, -0.5, 0.01, 0.0], [1.0, 0.0, -3.0, 4.0])
    second = norm([1.0, 3.0, 0.02, 0.0], [0.0, 0.5, 1.0, -1.0])
    features = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    changed = channel_change(first, second)
    assert changed is not None
    scale, shift = changed
    assert difference(first(features) * scale + shift, second(features)) < 1e-5
    assert channel_change(first, norm([2.0, -0.5, 0.01, 0.0], [1.0, 0.0, -3.0, 4.0])) is None


@pytest.mark.parametrize("gone", [0.0, 1e-40])
def test_a_channel_of_which_the_first_norm_leaves_nothing_is_named(gone: float) -> None:
    with pytest.raises(CheckpointError, match="leaves nothing of channel 1,"):
        channel_change(norm([1.0, gone], [0.0, 0.0]), norm([1.0, 1.0], [0.0, 0.0]))


@pytest.fixture
def to_onnx(tiny_judged: Exported) -> Callable[[Graph], onnx_graph.OnnxGraph]:
    """The exporter, with its graphs at hand."""
    return tiny_judged.again


@pytest.fixture
def stages(tmp_path: Path) -> dict[str, Path]:
    """Checkpoints of both stages, with the words beside them."""
    paths = {"first": tmp_path / "first" / "ckpt.pt", "second": tmp_path / "second" / "ckpt.pt"}
    for name, model in (("first", tiny_model()), ("second", tiny_second())):
        save_checkpoint(model, paths[name], epoch=1)
        tiny_tokenizer(paths[name].parent)
    return paths


def flags(stages: dict[str, Path], output: Path) -> list[str]:
    return ["--model-path", str(stages["first"]), "--output", str(output)]


def test_a_second_stage_is_exported_beside_the_first_and_leaves_with_the_next_export(
    stages: dict[str, Path],
    tmp_path: Path,
    to_onnx: Callable[[Graph], onnx_graph.OnnxGraph],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exporting, "_to_onnx", to_onnx)
    output = tmp_path / "bundle"
    rerank = ["--rerank", str(stages["second"]), "--with-checkpoint"]
    assert exporting.main([*flags(stages, output), *rerank]) == 0
    bundle = load_bundle(output, verify=True)
    assert bundle.reranker is not None
    assert bundle.export["max_abs_difference"]["reranker"] < 1e-5

    graph = served_reranker(tiny_model(), tiny_second(), torch.float32, batch=4, candidates=2)
    found = probabilities(output / "reranker" / "1" / "model.onnx", *graph.inputs.values())
    with torch.inference_mode():
        (expected,) = graph.expected()
    assert difference(found, expected) < NOISE
    kept = load_reranker(output / "reranker.pt").state_dict()
    for name, value in tiny_second().state_dict().items():
        assert torch.equal(kept[name], value), name

    assert exporting.main(flags(stages, output)) == 0
    without = load_bundle(output, verify=True)
    assert (without.digest, without.reranker) == (bundle.digest, None)
    assert not (output / "reranker").exists()
    assert not (output / "reranker.pt").exists()


def test_half_precision_stays_near(
    stages: dict[str, Path], tmp_path: Path, tiny_half: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_graph = exporting._to_onnx
    monkeypatch.setattr(
        exporting,
        "_to_onnx",
        lambda graph: (export_graph if graph.name == "reranker" else tiny_half.again)(graph),
    )
    output = tmp_path / "bundle"
    half = ["--precision", "float16", "--rerank", str(stages["second"])]
    assert exporting.main([*flags(stages, output), *half]) == 0
    bundle = load_bundle(output, verify=True)
    assert bundle.digest == load_bundle(tiny_half.bundle).digest
    graph = served_reranker(tiny_model(), tiny_second(), torch.float16, batch=1, candidates=6)
    found = probabilities(output / "reranker" / "1" / "model.onnx", *graph.inputs.values())
    with torch.inference_mode():
        (expected,) = graph.expected()
    assert difference(found, expected) < 5e-3
    assert not (output / "reranker.pt").exists()


def test_a_changed_byte_of_the_second_stage_is_noticed_and_the_first_stays_what_it_is(
    stages: dict[str, Path],
    tmp_path: Path,
    to_onnx: Callable[[Graph], onnx_graph.OnnxGraph],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exporting, "_to_onnx", to_onnx)
    output = tmp_path / "bundle"
    assert exporting.main([*flags(stages, output), "--rerank", str(stages["second"])]) == 0
    digest = load_bundle(output).digest
    graph = output / "reranker" / "1" / "model.onnx"
    content = graph.read_bytes()
    graph.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BundleError, match="the reranker hashes to"):
        load_bundle(output, verify=True)
    assert load_bundle(output).digest == digest


def test_a_second_stage_with_wrong_numbers_publishes_nothing(
    stages: dict[str, Path],
    tmp_path: Path,
    to_onnx: Callable[[Graph], onnx_graph.OnnxGraph],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def spoiled(graph: Graph) -> onnx_graph.OnnxGraph:
        exported = to_onnx(graph)
        if graph.name == "reranker":
            for key, weight in exported.weights.items():
                if weight.dtype == np.float32:
                    wrong = weight.values + np.float32(0.5)
                    exported.weights[key] = replace(weight, values=wrong)
        return exported

    monkeypatch.setattr(exporting, "_to_onnx", spoiled)
    output = tmp_path / "bundle"
    assert exporting.main([*flags(stages, output), "--rerank", str(stages["second"])]) == 1
    assert "reranker differs from PyTorch" in capsys.readouterr().err
    assert not output.exists()


def another_encoder(second: Blip2QformerCirRerank, folder: Path) -> None:
    with torch.no_grad():
        next(second.visual_encoder.parameters()).add_(0.1)
    save_checkpoint(second, folder / "ckpt.pt", epoch=1)


def other_words(second: Blip2QformerCirRerank, folder: Path) -> None:
    swapped = (*SPECIAL_TOKENS, WORDS[1], WORDS[0], *WORDS[2:])
    bert_tokenizer(swapped).save(str(folder / "tokenizer.json"))


def no_words(second: Blip2QformerCirRerank, folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def longer_texts(second: Blip2QformerCirRerank, folder: Path) -> None:
    second.config = replace(second.config, text_length=20)
    save_checkpoint(second, folder / "ckpt.pt", epoch=1)


def other_padding(second: Blip2QformerCirRerank, folder: Path) -> None:
    save_checkpoint(second, folder / "ckpt.pt", epoch=1, target_ratio=1.0)


def a_first_stage(second: Blip2QformerCirRerank, folder: Path) -> None:
    save_checkpoint(tiny_model(), folder / "ckpt.pt", epoch=1)


def other_heads(second: Blip2QformerCirRerank, folder: Path) -> None:
    qformer = replace(tiny_config().qformer, heads=4)
    second.config = replace(second.config, qformer=qformer)
    save_checkpoint(second, folder / "ckpt.pt", epoch=1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (another_encoder, "has another image encoder than the first stage"),
        (other_words, "has other words, or other numbers for them, than"),
        (no_words, "lies beside"),
        (longer_texts, "reads 20 tokens of a text, and the first stage 12"),
        (other_padding, "learned from pictures padded to 1, and the first stage to 1.25"),
        (a_first_stage, "holds Blip2QformerCirAlignPrompt, not Blip2QformerCirRerank"),
        (other_heads, "has 4 heads in its Q-Former, and the first stage 2"),
    ],
)
def test_a_second_stage_of_another_mind_is_refused_in_a_sentence(
    stages: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Change,
    said: str,
) -> None:
    change(tiny_second(), stages["second"].parent)
    output = tmp_path / "bundle"
    assert exporting.main([*flags(stages, output), "--rerank", str(stages["second"])]) == 1
    (sentence,) = capsys.readouterr().err.splitlines()
    assert said in sentence
    assert not output.exists()


def test_an_encoder_that_one_checkpoint_holds_in_float16_is_the_same(
    stages: dict[str, Path],
) -> None:
    second = tiny_second()
    save_checkpoint(second, stages["second"], epoch=1, half=True)
    first = tiny_model()
    loaded = load_reranker(stages["second"], encoder=first.visual_encoder)
    assert loaded.visual_encoder is first.visual_encoder
    assert torch.equal(loaded.itm_head.weight, second.itm_head.weight.half().float()), (
        "the rest is the file's"
    )


def test_triton_takes_one_request_at_a_time_with_any_number_of_candidates(
    to_onnx: Callable[[Graph], onnx_graph.OnnxGraph],
) -> None:
    exported = to_onnx(served_reranker(tiny_model(), tiny_second(), torch.float32))
    config = config_pbtxt(exported.model)
    assert "max_batch_size: 1\n" in config
    assert 'name: "candidate_embeds", data_type: TYPE_FP32, dims: [ -1, 17, 32 ]' in config
    assert 'name: "match_probability", data_type: TYPE_FP32, dims: [ -1 ]' in config
    assert 'key: "candidate_embeds" value { data_type: TYPE_FP32, dims: [ 8, 17, 32 ]' in config
