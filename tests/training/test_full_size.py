"""The published sizes: names, shapes, precision and ties of SPRC's full models, without memory."""

import pytest
import torch

from sprc.base import ImageTextModel
from sprc.config import infer_config
from sprc.half import halve_encoder
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.published import ModelType, published_config
from sprc.reranker import Blip2QformerCirRerank
from tests.training.parity import FULL

MODELS: dict[str, tuple[type[ImageTextModel], ModelType]] = {
    "alignprompt_eva_clip_g": (Blip2QformerCirAlignPrompt, "pretrain"),
    "alignprompt_clip_L": (Blip2QformerCirAlignPrompt, "pretrain_vitL"),
    "rerank_eva_clip_g": (Blip2QformerCirRerank, "pretrain"),
}


def build(name: str) -> ImageTextModel:
    kind, model_type = MODELS[name]
    with torch.device("meta"):
        return kind(published_config(model_type))


def listed(name: str) -> dict[str, tuple[str, str, str]]:
    """Shape, dtype and kind by name."""
    lines = (FULL / f"keys_{name}_gpu_dtypes.txt").read_text().splitlines()
    return {key: (shape, dtype, kind) for key, shape, dtype, kind in (x.split("\t") for x in lines)}


def described(model: ImageTextModel) -> dict[str, tuple[str, str, str]]:
    """The same of a model; of parameters that are one, the first is no alias."""
    parameters = dict(model.named_parameters())
    aliases = dict(model.named_parameters(remove_duplicate=False)).keys() - parameters.keys()
    buffers = {name for name, _ in model.named_buffers()}
    found = {}
    for name, value in model.state_dict().items():
        kind = "buffer" if name in buffers else "tied/alias" if name in aliases else "param"
        found[name] = (str(list(value.shape)), str(value.dtype).removeprefix("torch."), kind)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_state_dict_is_the_published_one(name: str) -> None:
    model = build(name)
    whole = {key: (shape, kind) for key, (shape, _, kind) in described(model).items()}
    expected = listed(name)
    assert whole == {key: (shape, kind) for key, (shape, _, kind) in expected.items()}
    assert {dtype for _, dtype, _ in described(model).values()} == {"float32", "int64"}
    halve_encoder(model)
    assert described(model) == expected


@pytest.mark.parametrize("name", MODELS)
def test_sizes_are_read_back_from_the_shapes(name: str) -> None:
    _, model_type = MODELS[name]
    state = build(name).state_dict()
    assert infer_config(state, vit_heads=16, qformer_heads=12, text_length=32) == published_config(
        model_type
    )


@pytest.mark.parametrize(
    ("name", "parameters", "trained"),
    [
        ("alignprompt_eva_clip_g", 1_172_624_574, 186_730_046),
        ("alignprompt_clip_L", 473_771_838, 183_190_334),
    ],
)
def test_parameters_are_counted_as_published(name: str, parameters: int, trained: int) -> None:
    model = build(name)
    assert sum(value.numel() for value in model.parameters()) == parameters
    model.visual_encoder.requires_grad_(False)
    assert sum(value.numel() for value in model.parameters() if value.requires_grad) == trained
