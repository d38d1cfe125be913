"""Where a bundle of a published size comes from: a folder that has one, or training's export."""

import os
from pathlib import Path
from typing import Final

from tests.benchmarks.harness.section import ROOT, Room

KEPT: Final = "RECOMPOSE_BENCH_MODELS"
"""Environment variable: a folder with bundles of full size that need no new export."""


def full_size_bundle(room: Room, kind: str) -> Path:
    """The folder of a bundle with random weights; ``kind``: the training side's name of it."""
    kept = Path(os.environ.get(KEPT, "")) / kind / "bundle"
    if os.environ.get(KEPT) and (kept / "bundle.json").exists():
        return kept
    python = ROOT / "training" / ".venv" / "bin" / "python"
    module, folder = "tests.benchmarks.cache_parts.export_full_size", room.scratch / kind
    made = room.elsewhere(python, module, kind, str(folder), timeout_s=1800)
    room.say(f"{kind} was exported in {made['seconds']:.0f} s")
    return Path(made["bundle"])
