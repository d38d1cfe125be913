"""The model in LAVIS's registry, loaded by LAVIS's own functions."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from sprc.base import max_sim
from sprc.checkpoint import save_checkpoint
from sprc.model import Blip2QformerCirAlignPrompt
from tests.training.lavis_files import (
    VOCABULARY,
    prepare_torchvision,
    random_model,
    tiny_blip2,
    write_blip2,
)

NAME = "blip2_cir_align_prompt"
TEXTS = ["Red with a hood.", "blue"]


@pytest.fixture
def source() -> Blip2QformerCirAlignPrompt:
    return random_model(tiny_blip2())


@pytest.fixture
def registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Blip2QformerCirAlignPrompt
) -> Any:
    """Our class in LAVIS's registry, with a configuration of its kind for a tiny model."""
    prepare_torchvision()
    from lavis.common.registry import registry

    import sprc.lavis.register  # noqa: F401

    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("\n".join(VOCABULARY) + "\n")
    vit, qformer = source.config.vit, source.config.qformer
    vit_names = ("patch_size", "width", "depth", "heads", "mlp_hidden")
    qformer_names = ("hidden", "layers", "heads", "intermediate", "vocab", "positions")
    model = {
        "arch": "tiny",
        "load_finetuned": False,
        "pretrained": str(write_blip2(tmp_path, source)),
        "image_size": vit.image_size,
        "num_query_token": qformer.query_tokens,
        "max_txt_len": source.config.text_length,
        "vit": {name: getattr(vit, name) for name in vit_names},
        "qformer": {name: getattr(qformer, name) for name in qformer_names},
        "embed_dim": source.config.embed_dim,
        "vocabulary": str(vocabulary),
    }
    processors = {
        "vis_processor": {"eval": {"name": "blip_image_eval", "image_size": vit.image_size}},
        "text_processor": {"eval": {"name": "blip_caption"}},
    }
    config = tmp_path / "tiny.yaml"
    config.write_text(yaml.safe_dump({"model": model, "preprocess": processors}))
    found = registry.get_model_class(NAME)
    monkeypatch.setitem(found.PRETRAINED_MODEL_CONFIG_DICT, "tiny", str(config))
    return found


def test_lavis_knows_the_name_and_the_backbones(registered: Any) -> None:
    from lavis.common.registry import registry
    from lavis.models import BaseModel

    blip2 = registry.get_model_class("blip2")
    assert registered.__name__ == "Blip2QformerCirAlignPrompt"
    assert issubclass(registered, BaseModel)
    for backbone in ("pretrain", "pretrain_vitL"):
        assert registered.default_config_path(backbone) == blip2.default_config_path(backbone)
        assert Path(registered.default_config_path(backbone)).is_file()


def test_load_model_gives_our_model_with_blip2s_weights(
    registered: Any, source: Blip2QformerCirAlignPrompt
) -> None:
    from lavis.models import load_model

    model = load_model(NAME, "tiny", is_eval=True)

    assert isinstance(model, Blip2QformerCirAlignPrompt)
    assert model.config == source.config
    assert not model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    assert trained == {n for n, _ in model.named_parameters() if "visual_encoder" not in n}
    assert torch.equal(model.query_tokens, source.query_tokens)


def test_calls_of_sprc_give_what_our_modules_give(registered: Any) -> None:
    from lavis.models import load_model

    model = load_model(NAME, "tiny", is_eval=True)
    pixels = torch.randn(4, 3, 28, 28, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        embeds = model.embed_image(pixels)
        ids, mask = (torch.from_numpy(a) for a in model.tokenizer.encode_batch(TEXTS))
        losses = model.losses(embeds[:2], embeds[2:], ids, mask)
        composed = model.compose(embeds[:2], ids, mask)
    features, frozen = model.extract_target_features(pixels, mode="mean")
    assert torch.equal(frozen, embeds)
    assert torch.equal(features, model.image_tokens(embeds))
    scores = model.inference(embeds[:2], features, TEXTS)
    assert torch.equal(scores, max_sim(composed, features))
    assert scores.shape == (2, 4)
    result = model({"image": pixels[:2], "target": pixels[2:], "text_input": TEXTS})
    expected = {"loss_itc": losses.itc, "loss_rtc": losses.rtc, "loss_align": losses.align}
    assert result.keys() == expected.keys()
    for name, value in result.items():
        torch.testing.assert_close(value, expected[name])
    result["loss_itc"].backward()
    assert model.query_tokens.grad is not None


def test_preprocessors_of_lavis_come_along(registered: Any) -> None:
    from lavis.models import load_model_and_preprocess

    model, pictures, texts = load_model_and_preprocess(NAME, "tiny", is_eval=True)
    drawn = Image.fromarray(np.full((40, 50, 3), 200, np.uint8))
    features, _ = model.extract_target_features(pictures["eval"](drawn)[None])
    assert features.shape == (1, 4, 16)
    assert texts["eval"]("Red, with (a) hood!") == model.tokenizer.process("Red, with (a) hood!")


def test_checkpoints_of_sprc_load_through_lavis(registered: Any, tmp_path: Path) -> None:
    from lavis.models import load_model

    trained = random_model(tiny_blip2(), seed=9)
    save_checkpoint(trained, tmp_path / "run" / "best.pt", epoch=3)
    model = load_model(NAME, "tiny", checkpoint=str(tmp_path / "run" / "best.pt"))
    for name, value in model.state_dict().items():
        expected = trained.state_dict()[name]
        # LAVIS's configurations keep the encoder's projections in float16, as SPRC does.
        rounded = expected.half().float() if name.startswith("visual_encoder.") else expected
        assert torch.equal(value, expected) or torch.equal(value, rounded), name


def test_sprc_itself_does_not_import_lavis() -> None:
    """LAVIS takes seconds to import, and is needed for BLIP-2's weights alone."""
    modules = "sprc, sprc.checkpoint, sprc.train, sprc.evaluate, sprc.export, sprc.lavis"
    root = Path(__file__).parents[2]
    program = f"import {modules}, sys; sys.exit('lavis' in sys.modules)"
    path = f"{root / 'services'}:{root / 'training'}"
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": path})
