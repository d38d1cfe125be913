"""The GPU benchmark where there is no GPU: its counts are PyTorch's, and all of it runs small."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from sprc.config import ModelConfig, QFormerConfig, VitConfig
from sprc.initial import initialise
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.published import published_config
from tests.benchmarks.gpu_parts import flops
from tests.benchmarks.gpu_parts.__main__ import main, run
from tests.benchmarks.gpu_parts.attention import plain_attention, written_out
from tests.benchmarks.gpu_parts.bench import Bench, Sizes
from tests.benchmarks.gpu_parts.specs import SPECS

CONFIG = ModelConfig(
    VitConfig(image_size=56, patch_size=14, width=48, depth=3, heads=4, mlp_hidden=160),
    QFormerConfig(
        hidden=32,
        layers=4,
        heads=4,
        intermediate=64,
        vocab=50,
        positions=40,
        query_tokens=5,
        vision_width=48,
        cross_layers=(0, 2),
        dropout=0.0,
    ),
    embed_dim=24,
    text_length=9,
)
ON_GPU_ALONE = {"gpu/encoder_memory", "gpu/training_memory"}


@pytest.fixture
def model() -> Blip2QformerCirAlignPrompt:
    model = Blip2QformerCirAlignPrompt(CONFIG)
    initialise(model, seed=3)
    model.visual_encoder.requires_grad_(False)
    return model.eval()


def embeds(batch: int) -> Tensor:
    return torch.randn(batch, CONFIG.vit.tokens, CONFIG.vit.width)


def words(batch: int) -> tuple[Tensor, Tensor]:
    ids = torch.randint(0, CONFIG.qformer.vocab, (batch, CONFIG.text_length))
    return ids, torch.ones_like(ids)


def test_operations_of_the_encoder_and_the_queries_are_those_that_pytorch_counts(
    model: Blip2QformerCirAlignPrompt,
) -> None:
    side = CONFIG.vit.image_size
    calls = {
        flops.encoder: lambda: model.visual_encoder(torch.randn(2, 3, side, side)),
        flops.image_tokens: lambda: model.image_tokens(embeds(2)),
        flops.fusion: lambda: model.compose(embeds(2), *words(2)),
        flops.text: lambda: model.embed_text(*words(2)),
    }
    for count, call in calls.items():
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as seen:
            call()
        assert seen.get_total_flops() == 2 * count(CONFIG), count.__name__


def test_operations_of_a_training_step_are_nearly_those_that_pytorch_counts(
    model: Blip2QformerCirAlignPrompt,
) -> None:
    pairs = 3
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as seen:
        normed = model.ln_vision(embeds(2 * pairs))
        losses = model.pair_losses(normed[:pairs], normed[pairs:], *words(pairs))
        (losses.itc + losses.rtc + losses.align).backward()
    counted = pairs * flops.training_pair(CONFIG, kept=True)
    assert counted == pytest.approx(seen.get_total_flops(), rel=0.03)


def test_kept_features_of_vit_g_can_be_seven_and_a_half_times_as_fast() -> None:
    assert flops.epoch_limit(published_config("pretrain")) == pytest.approx(7.6, abs=0.1)


def test_attention_written_out_is_the_fused_one() -> None:
    query, key, value = (torch.randn(2, 4, 6, 8) for _ in range(3))
    mask = torch.tensor([0.0, 0.0, 0.0, 0.0, -10000.0, -10000.0]).view(1, 1, 1, 6)
    for given in (None, mask):
        fused = functional.scaled_dot_product_attention(query, key, value, attn_mask=given)
        written = plain_attention(query, key, value, attn_mask=given)
        torch.testing.assert_close(written, fused, rtol=1e-5, atol=1e-6)


def test_the_encoder_uses_what_is_written_out_there_and_nowhere_else(
    model: Blip2QformerCirAlignPrompt,
) -> None:
    pixels = torch.randn(2, 3, CONFIG.vit.image_size, CONFIG.vit.image_size)
    with torch.no_grad():
        fused = model.embed_image(pixels)
        with written_out():
            assert functional.scaled_dot_product_attention is plain_attention
            torch.testing.assert_close(model.embed_image(pixels), fused, rtol=1e-4, atol=1e-5)
    assert functional.scaled_dot_product_attention is not plain_attention


def small(**sizes: object) -> Bench:
    given = {
        "matrix": 64,
        "batches": (1, 4),
        "judged": 4,
        "fusion_batches": (1, 2),
        "training_batches": (4, 2),
        "rounds": 2,
        "stretch_s": 0.001,
    }
    return Bench(torch.device("cpu"), Sizes(CONFIG, **(given | sizes)))  # type: ignore[arg-type]


def test_all_of_it_runs_without_a_gpu(tmp_path: Path) -> None:
    bench = small()
    found = run(bench, tmp_path / "gpu.json")
    assert found["failed"] == {}
    assert {row["name"] for row in found["rows"]} == {s.name for s in SPECS} - ON_GPU_ALONE
    assert [line["batch"] for line in found["tables"]["encoder"]] == [1, 4]
    assert [line["batch"] for line in found["tables"]["fusion"]] == [1, 2]
    assert json.loads((tmp_path / "gpu.json").read_text()) == found


def test_what_does_not_fit_into_memory_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    tight = small()
    whole = nn.Module.__call__

    def limited(self: nn.Module, *given: object, **named: object) -> object:
        if given and isinstance(given[0], Tensor) and len(given[0]) > 5:
            raise torch.OutOfMemoryError("too much")
        return whole(self, *given, **named)

    monkeypatch.setattr(nn.Module, "__call__", limited)
    found = run(tight)
    # 4 pairs are 8 pictures, which do not fit; 2 pairs are 4.
    (trained,) = (row for row in found["rows"] if row["name"] == "gpu/training_kept")
    assert "2 pairs" in trained["note"]
    assert found["failed"] == {}


def test_a_part_that_breaks_costs_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr("tests.benchmarks.gpu_parts.training.measure", broken)
    found = run(small())
    assert found["failed"] == {"training": "ValueError: broken"}
    names = {row["name"] for row in found["rows"]}
    assert "gpu/query_uncached" in names
    assert "gpu/training_kept" not in names


def test_nothing_is_begun_when_time_is_up() -> None:
    bench = small()
    bench.limit_s = -1.0
    assert run(bench)["rows"] == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_command_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--output", str(tmp_path / "gpu.json")]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["device"] is None
    assert json.loads((tmp_path / "gpu.json").read_text())["rows"] == []
