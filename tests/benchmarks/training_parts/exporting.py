"""What an export takes against PyTorch's own exporter on the same three graphs."""

import argparse
import shutil
from pathlib import Path
from typing import Any

import torch

from sprc.export import OPSET, export
from sprc.initial import initialise
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.served import served_graphs
from tests.benchmarks.harness.timing import alternating
from tests.benchmarks.training_pace import VOCABULARY, sizes


def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Seconds of both, in turn, and the bundle's bytes."""
    model = Blip2QformerCirAlignPrompt(sizes(options.backbone))
    initialise(model, seed=1)
    model.eval()
    bundle = folder / "bundle"

    def whole() -> None:
        shutil.rmtree(bundle, ignore_errors=True)
        export(model, VOCABULARY, bundle, "float32", name="measured")

    def bare() -> None:
        for graph in served_graphs(model, torch.float32):
            torch.onnx.export(
                graph.module,
                tuple(graph.inputs.values()),
                folder / "bare.onnx",
                dynamo=True,
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                opset_version=OPSET,
                verbose=False,
            )
            graph.module.eval()

    timings = alternating({"export": whole, "bare": bare}, options.rounds, warm_up=0)
    return {
        "seconds": {name: found.seconds for name, found in timings.items()},
        "bytes": sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()),
    }
