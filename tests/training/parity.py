"""The recorded tensors of tests/parity, and how far a value is from one."""

from pathlib import Path

import numpy as np
import torch

PARITY = Path(__file__).parents[1] / "parity"
TINY_A = PARITY / "tiny_a"
TINY_RERANK = PARITY / "tiny_rerank"
FULL = PARITY / "full"
ATOL = 1e-5


def arrays(path: Path) -> dict[str, torch.Tensor]:
    """Numeric arrays of an .npz file as tensors."""
    with np.load(path) as file:
        return {
            name: torch.from_numpy(file[name])
            for name in file.files
            if file[name].dtype.kind in "fiu"
        }


def pixels() -> torch.Tensor:
    """The twelve pictures after SPRC's transform, [12, 3, 224, 224] float32."""
    return arrays(PARITY / "transform_targetpad.npz")["images"]


def texts(index: torch.Tensor | list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and masks, int64 [len(index), 32], of some of the texts."""
    tokens = arrays(PARITY / "tokens.npz")
    return tokens["input_ids"][index], tokens["attention_mask"][index]


def difference(actual: torch.Tensor, expected: torch.Tensor) -> float:
    """The greatest absolute difference of two tensors of one shape."""
    assert actual.shape == expected.shape
    return float((actual.detach() - expected).abs().max())
