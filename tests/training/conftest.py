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

from retrieval.bundle import RERANKER  # noqa: E402 - after the import path is set
from sprc import export as exporting  # noqa: E402
from sprc.onnx_graph import OnnxGraph  # noqa: E402
from sprc.served import Graph  # noqa: E402
from sprc.served_reranker import SecondStage  # noqa: E402
from tests.training.tiny import tiny_model, tiny_second, tiny_tokenizer  # noqa: E402


@dataclass(frozen=True)
class Exported:
    """A bundle of `tiny_model`, which is not to be changed."""

    bundle: Path
    again: Callable[[Graph], OnnxGraph]
    """Its graphs as PyTorch's exporter gave them, in the place of ``sprc.export._to_onnx``."""


@pytest.fixture(scope="session")
def tiny_float(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return _exported(tmp_path_factory.mktemp("float"), "float32")


@pytest.fixture(scope="session")
def tiny_half(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return _exported(tmp_path_factory.mktemp("half"), "float16")


@pytest.fixture(scope="session")
def tiny_judged(tiny_float: Exported, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The same as `tiny_float`, with `tiny_second` as its reranker."""
    return _exported(tmp_path_factory.mktemp("judged"), "float32", tiny_float)


def _exported(
    folder: Path, precision: exporting.Precision, without: Exported | None = None
) -> Exported:
    graphs: dict[str, OnnxGraph] = {}
    to_onnx = exporting._to_onnx
    second = SecondStage(tiny_second(), None) if without else None

    def noting(graph: Graph) -> OnnxGraph:
        known = without is not None and graph.name != RERANKER
        graphs[graph.name] = without.again(graph) if without and known else to_onnx(graph)
        return deepcopy(graphs[graph.name])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "_to_onnx", noting)
        words = tiny_tokenizer(folder)
        exporting.export(
            tiny_model(), words, folder / "bundle", precision, name="tiny", second=second
        )
    return Exported(folder / "bundle", lambda graph: deepcopy(graphs[graph.name]))
