"""Models of the published sizes through the command line: they export and answer.

With RECOMPOSE_TEST_LONG=1 ViT-L and ViT-g at full depth (some ten minutes, 10 GiB of memory and
8 GB of disk), else ViT-L with one block and one layer, and with the size from which weights go to
a file of their own lowered to below its own.
"""

import json
import os
import resource
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from retrieval.bundle import GRAPHS, BundleError, load_bundle
from sprc import export as exporting
from sprc import onnx_graph
from sprc.checkpoint import load_model, save_checkpoint
from sprc.config import ModelConfig
from sprc.initial import initialise
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.published import ModelType, published_config
from sprc.served import served_graphs
from tests.training.parity import PARITY

LONG = bool(os.environ.get("RECOMPOSE_TEST_LONG"))
TYPES: list[ModelType] = ["pretrain_vitL", "pretrain"] if LONG else ["pretrain_vitL"]
GIB = 2**30
LARGEST_PEAK_BYTES = 24 * GIB
BESIDE_WHEN_SHORT_BYTES = 50_000_000


@dataclass(frozen=True)
class Exported:
    """A checkpoint of random weights, and the bundle that ``sprc.export`` made of it."""

    config: ModelConfig
    checkpoint: Path
    bundle: Path


def sizes(model_type: ModelType) -> ModelConfig:
    config = published_config(model_type)
    if LONG:
        return config
    qformer = replace(config.qformer, layers=1, cross_layers=(0,))
    return replace(config, vit=replace(config.vit, depth=1), qformer=qformer)


@pytest.fixture(scope="module", params=TYPES)
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Exported]:
    folder = tmp_path_factory.mktemp("full")
    config = sizes(request.param)
    model = Blip2QformerCirAlignPrompt(config)
    initialise(model, 1)
    save_checkpoint(model, folder / "sprc.pt", epoch=0, half=True)
    del model
    arguments = ["--model-path", str(folder / "sprc.pt"), "--output", str(folder / "bundle")]
    with pytest.MonkeyPatch.context() as patch:
        if not LONG:
            patch.setattr(onnx_graph, "LARGEST_SINGLE_FILE_BYTES", BESIDE_WHEN_SHORT_BYTES)
        assert exporting.main([*arguments, "--tokenizer", str(PARITY / "vocab.txt")]) == 0
    yield Exported(config, folder / "sprc.pt", folder / "bundle")
    shutil.rmtree(folder)


def test_export_fits_into_memory_and_equals_pytorch(exported: Exported) -> None:
    # The peak of the whole process so far, which is at least the export's.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    described = load_bundle(exported.bundle, verify=True)
    differences = described.export["max_abs_difference"]
    files = {
        path.relative_to(exported.bundle).as_posix(): path.stat().st_size
        for path in sorted(exported.bundle.rglob("model.*"))
    }
    print(json.dumps({"peak_gib": peak / GIB, "differences": differences, "bytes": files}))
    assert peak < LARGEST_PEAK_BYTES
    assert described.sizes.vision_width == exported.config.vit.width
    assert described.sizes.patches == 257
    assert described.sizes.text_length == 32
    assert set(differences) == set(GRAPHS)
    assert max(differences.values()) < 2e-5
    limit = onnx_graph.LARGEST_SINGLE_FILE_BYTES if LONG else BESIDE_WHEN_SHORT_BYTES
    for graph in GRAPHS:
        whole = sum(size for name, size in files.items() if name.startswith(graph))
        assert (f"{graph}/1/{onnx_graph.WEIGHTS_FILE}" in files) == (whole > limit), graph


def test_fusion_encoder_answers(exported: Exported) -> None:
    """Once more from here, on another batch than the export's own check."""
    model = load_model(exported.checkpoint)
    _, graph, _ = served_graphs(model, torch.float32, batch=1)
    session = onnxruntime.InferenceSession(exported.bundle / graph.name / "1" / "model.onnx")
    feed = {name: value.numpy() for name, value in graph.inputs.items()}
    (answer,) = session.run(None, feed)
    with torch.inference_mode():
        expected = graph.module(*graph.inputs.values())
    np.testing.assert_allclose(answer, expected.numpy(), atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(answer, axis=-1), 1, atol=1e-5)


def test_a_changed_byte_of_weights_is_noticed(exported: Exported) -> None:
    *_, large = sorted(exported.bundle.rglob("model.*"), key=lambda path: path.stat().st_size)
    with large.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        (last,) = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    with pytest.raises(BundleError, match="the files hash to"):
        load_bundle(exported.bundle, verify=True)
