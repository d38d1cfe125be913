"""Put the training package and the serving packages it shares on the import path.

And the tiny model's bundles, exported once for all tests that need one: PyTorch's exporter takes
seconds for each graph, however small the model.
"""

import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
for folder in (ROOT / "services", ROOT / "training"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import torch  # noqa: E402 - after the import path is set

# These models are tiny: a second thread only waits, and badly so on a busy machine.
torch.set_num_threads(1)

from sprc import export as exporting  # noqa: E402 - after the import path is set
from sprc.onnx_graph import OnnxGraph  # noqa: E402
from sprc.served import Graph  # noqa: E402
from tests.training.tiny import tiny_model, tiny_tokenizer  # noqa: E402


@dataclass(frozen=True)
class Exported:
    """The bundle of `tiny_model`, which is not to be changed."""

    bundle: Path
    again: Callable[[Graph], OnnxGraph]
    """Its graphs as PyTorch's exporter gave them, in the place of ``sprc.export._to_onnx``."""


@pytest.fixture(scope="session")
def tiny_float(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return _exported(tmp_path_factory.mktemp("float"), "float32")


@pytest.fixture(scope="session")
def tiny_half(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return _exported(tmp_path_factory.mktemp("half"), "float16")


def _exported(folder: Path, precision: exporting.Precision) -> Exported:
    graphs: dict[str, OnnxGraph] = {}
    to_onnx = exporting._to_onnx

    def noting(graph: Graph) -> OnnxGraph:
        graphs[graph.name] = to_onnx(graph)
        return deepcopy(graphs[graph.name])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "_to_onnx", noting)
        words = tiny_tokenizer(folder)
        exporting.export(tiny_model(), words, folder / "bundle", precision, name="tiny")
    return Exported(folder / "bundle", lambda graph: deepcopy(graphs[graph.name]))
