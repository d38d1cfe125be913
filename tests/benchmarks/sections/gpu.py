"""A GPU: the image encoder, fusion, queries and training at float16, in training's environment."""

from typing import Any, Final

from tests.benchmarks.gpu_parts.specs import SPECS as _SPECS
from tests.benchmarks.harness.section import ROOT, Room

TITLE: Final = "A GPU"
ABOUT: Final = """
SPRC at its published size (ViT-g, BERT-base Q-Former) with random weights, in PyTorch, at float16
as a training run has it. The rate of the encoder is counted from its sizes (two operations for each
multiply-add) and compared with a product of two 8192 x 8192 float16 matrices, in turn. *Plain*
attention is softmax(QK^T)V written out, as in the code that SPRC was published with. A training
step ends in AdamW; its pictures, or their kept features, come from the host's memory, decoded. The
limit of kept features is the ratio of both steps' operations. The same script runs by itself where
there is nothing but PyTorch: `python -m tests.benchmarks.gpu_parts --output gpu.json`.
"""
SPECS: Final = _SPECS
PYTHON: Final = ROOT / "training" / ".venv" / "bin" / "python"


def measure(room: Room) -> None:
    """Seven minutes on a GPU, a few seconds without one."""
    found = room.elsewhere(PYTHON, "tests.benchmarks.gpu_parts", timeout_s=540)
    if found["device"] is None:
        room.say("no GPU here: nothing was measured")
        return
    show(room, found)


def show(room: Room, found: Any) -> None:
    """Rows, tables and pictures of what the script found.

    Raises:
        RuntimeError: a part of it failed; what the others found is there.
    """
    where = f"{found['device']}, PyTorch {found['torch']}"
    for row in found["rows"]:
        room.row(row["name"], row["value"], f"{row['note']}; {where}")
    for name, lines in found["tables"].items():
        if lines:
            room.table(
                f"{name.capitalize()} by batch ({where})",
                tuple(lines[0]),
                [["" if v is None else f"{v:.4g}" for v in line.values()] for line in lines],
            )
    if found["tables"].get("encoder"):
        room.picture(
            "gpu-encoder.png",
            f"ViT-g at float16 by batch, as a share of the matrix rate ({where})",
            lambda axes: _draw(axes, found["tables"]["encoder"]),
        )
    if found["failed"]:
        raise RuntimeError("; ".join(f"{part}: {why}" for part, why in found["failed"].items()))


def _draw(axes: Any, lines: list[dict[str, float]]) -> None:
    batches = [line["batch"] for line in lines]
    axes.plot(batches, [line["share"] for line in lines], marker="o")
    axes.axhline(0.6, color="#c2410c", linestyle="--", label="target at batch 64")
    axes.set_xscale("log", base=2)
    axes.set_xticks(batches, [f"{batch:g}" for batch in batches])
    axes.set_ylim(0, 1)
    axes.set_xlabel("batch")
    axes.set_ylabel("share of the matrix rate")
    axes.legend()
