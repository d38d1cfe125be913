"""A model of ViT-L's sizes through the command line: it exports and answers.

At full depth with RECOMPOSE_TEST_LONG=1 (four minutes, 10 GiB), else with one block and one layer.
"""

import json
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from retrieval.bundle import GRAPHS, load_bundle
from sprc.checkpoint import load_model, save_checkpoint
from sprc.config import ModelConfig
from sprc.initial import initialise
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.published import published_config
from sprc.served import served_graphs
from tests.training.parity import PARITY

ROOT = Path(__file__).parents[2]
GIB = 2**30
LARGEST_PEAK_BYTES = 24 * GIB


def sizes() -> ModelConfig:
    config = published_config("pretrain_vitL")
    if os.environ.get("RECOMPOSE_TEST_LONG"):
        return config
    return replace(
        config,
        vit=replace(config.vit, depth=1),
        qformer=replace(config.qformer, layers=1, cross_layers=(0,)),
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Written by ``python -m sprc.export`` from a checkpoint of random weights beside it."""
    folder = tmp_path_factory.mktemp("full")
    model = Blip2QformerCirAlignPrompt(sizes())
    initialise(model, 1)
    save_checkpoint(model, folder / "sprc.pt", epoch=0, half=True)
    del model
    command = [sys.executable, "-m", "sprc.export", "--model-path", str(folder / "sprc.pt")]
    command += ["--output", str(folder / "bundle"), "--tokenizer", str(PARITY / "vocab.txt")]
    path = os.pathsep.join([str(ROOT / "services"), str(ROOT / "training")])
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": path})
    return folder / "bundle"


def test_export_fits_into_memory_and_equals_pytorch(bundle: Path) -> None:
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    described = load_bundle(bundle, verify=True)
    differences = described.export["max_abs_difference"]
    files = {graph: _bytes(bundle / graph) for graph in GRAPHS}
    print(json.dumps({"peak_gib": peak / GIB, "differences": differences, "bytes": files}))
    assert peak < LARGEST_PEAK_BYTES
    assert described.sizes.vision_width == 1024
    assert described.sizes.patches == 257
    assert described.sizes.text_length == 32
    assert set(differences) == set(GRAPHS)
    assert max(differences.values()) < 2e-5


def test_fusion_encoder_answers(bundle: Path) -> None:
    """Once more from here, on another batch than the export's own check."""
    model = load_model(bundle.parent / "sprc.pt")
    _, graph, _ = served_graphs(model, torch.float32, batch=1)
    session = onnxruntime.InferenceSession(bundle / graph.name / "1" / "model.onnx")
    feed = {name: value.numpy() for name, value in graph.inputs.items()}
    (answer,) = session.run(None, feed)
    with torch.inference_mode():
        expected = graph.module(*graph.inputs.values())
    np.testing.assert_allclose(answer, expected.numpy(), atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(answer, axis=-1), 1, atol=1e-5)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
