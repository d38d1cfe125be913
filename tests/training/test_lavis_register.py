"""The model in LAVIS's registry, loaded by LAVIS's own functions."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile

from sprc.base import max_sim
from sprc.checkpoint import load_model as load_checkpoint
from sprc.checkpoint import save_checkpoint
from sprc.model import Blip2QformerCirAlignPrompt
from tests.training.lavis_files import (
    VOCABULARY,
    prepare_torchvision,
    random_model,
    tiny_blip2,
    write_blip2,
    write_config,
)
from tests.training.parity import ATOL, PARITY, TINY_A, arrays, difference, pixels

NAME = "blip2_cir_align_prompt"
TEXTS = ["Red with a hood.", "blue"]


def test_lavis_does_not_make_cut_pictures_pass(registered: Any) -> None:
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


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

    import sprc.lavis.register

    # As if LAVIS had been imported just now; see `import_lavis`.
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    sprc.lavis.register.import_lavis()

    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("\n".join(VOCABULARY) + "\n")
    config = tmp_path / "tiny.yaml"
    weights = str(write_blip2(tmp_path, source))
    write_config(
        config, source.config, load_finetuned=False, pretrained=weights, vocabulary=str(vocabulary)
    )
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
        losses = model.pair_losses(embeds[:2], embeds[2:], ids, mask)
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


def test_calls_of_sprc_give_what_sprc_recorded(
    registered: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lavis.models import load_model

    checkpoint = TINY_A / "ckpt.pt"
    config = tmp_path / "tiny_a.yaml"
    files = {"finetuned": str(checkpoint), "vocabulary": str(PARITY / "vocab.txt")}
    write_config(config, load_checkpoint(checkpoint).config, load_finetuned=True, **files)
    monkeypatch.setitem(registered.PRETRAINED_MODEL_CONFIG_DICT, "tiny_a", str(config))
    model = load_model(NAME, "tiny_a", is_eval=True)
    expected = arrays(TINY_A / "target_features.npz") | arrays(TINY_A / "inference.npz")
    texts = [text["raw"] for text in json.loads((PARITY / "texts.json").read_text())]

    features, frozen = model.extract_target_features(pixels())
    assert difference(features, expected["target_feats"]) < ATOL
    assert difference(frozen, expected["image_embeds_frozen"]) < ATOL
    references = frozen[torch.arange(len(texts)) % len(frozen)]
    assert difference(model.inference(references, features, texts), expected["sim"]) < ATOL

    recorded = json.loads((TINY_A / "losses.json").read_text())
    image, target = (pixels()[recorded[f"{name}_index"]] for name in ("image", "target"))
    with torch.no_grad():
        losses = model({"image": image, "target": target, "text_input": texts[:6]})
    assert recorded["text_index"] == list(range(6))
    for name, value in losses.items():
        assert abs(float(value) - recorded[name]["value"]) < ATOL, name


def test_sprc_itself_does_not_import_lavis() -> None:
    """LAVIS takes seconds to import, and is needed for BLIP-2's weights alone."""
    modules = "sprc, sprc.checkpoint, sprc.train, sprc.evaluate, sprc.export, sprc.lavis"
    root = Path(__file__).parents[2]
    program = f"import {modules}, sys; sys.exit('lavis' in sys.modules)"
    path = f"{root / 'services'}:{root / 'training'}"
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": path})
