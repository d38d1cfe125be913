"""What an export takes, and how much of it PyTorch's own exporter does."""

import argparse
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from sprc.export import export
from sprc.initial import initialise
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.served import served_graphs
from tests.benchmarks.training_pace import VOCABULARY, sizes


def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Seconds of both by round, and the bundle's bytes.

    The exporter is timed inside each export: that compares one and the same work, and takes half
    the time of exporting once more without the rest.
    """
    model = Blip2QformerCirAlignPrompt(sizes(options.backbone))
    initialise(model, seed=1)
    model.eval()
    bundle = folder / "bundle"
    seconds: dict[str, list[float]] = {"export": [], "bare": []}
    _warm_up(model)
    for _ in range(options.rounds):
        shutil.rmtree(bundle, ignore_errors=True)
        with _exporter_timed() as calls:
            start = time.perf_counter()
            export(model, VOCABULARY, bundle, "float32", name="measured")
            whole = time.perf_counter() - start
        seconds["export"].append(whole)
        seconds["bare"].append(sum(calls))
    return {
        "seconds": seconds,
        "bytes": sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()),
    }


def _warm_up(model: Blip2QformerCirAlignPrompt) -> None:
    """Export one graph of three: loading the exporter's modules takes longer than a small model."""
    graph = served_graphs(model, torch.float32)[0]
    torch.onnx.export(graph.module.eval(), tuple(graph.inputs.values()), dynamo=True, verbose=False)


@contextmanager
def _exporter_timed() -> Iterator[list[float]]:
    """Seconds of each call of torch.onnx.export meanwhile."""
    calls: list[float] = []
    exporter = torch.onnx.export

    def timed(*arguments: Any, **named: Any) -> Any:
        start = time.perf_counter()
        program = exporter(*arguments, **named)
        calls.append(time.perf_counter() - start)
        return program

    with patch.object(torch.onnx, "export", timed):
        yield calls
