"""Training: kept features, reading pictures, attention, export. In training's environment."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tests.benchmarks.harness.rows import Spec
from tests.benchmarks.harness.section import ROOT, Room
from tests.benchmarks.harness.timing import Timings, ratio

TITLE: Final = "Training"
ABOUT: Final = """
Weights are random and pictures are noise of 400 x 500 pixels, which cost what real ones do. The
short form has a small model (ViT of 6 layers, 256 wide, 257 tokens; Q-Former of 4 layers); the
long form has SPRC's ViT-L too. A step is forward and backward of a batch, as a run does it.

*Kept features* are what `--cache-features` keeps of the frozen image encoder. The limit is what
arithmetic alone would allow, counted from the model's sizes. The loader is measured against the
pictures that plain steps use up when all pictures are in memory already: from 1 on, reading them
holds training up no more, if processors are free for it. Attention is compared in the image
encoder's forward pass: written out as softmax(QK^T)V, PyTorch's fused form (the default here), and
the latter compiled. An export is compared with the part of it that PyTorch's own exporter takes,
timed in the same export: the rest simplifies the three graphs, runs them in onnxruntime and
compares them with PyTorch. In the short form its model has one layer of each kind, since the
exporter's time goes by the number of layers, hardly by their size. Each comparison has rounds
behind one that warms up.
"""
PYTHON: Final = ROOT / "training" / ".venv" / "bin" / "python"
MODULE: Final = "tests.benchmarks.training_parts"
COMPILE_S: Final = 300.0


@dataclass(frozen=True)
class Sizes:
    """What is run: the test of this section has less."""

    small: str = "small"
    large: str = "pretrain_vitL"
    exported: str = "tiny"
    batch: int = 4
    large_batch: int = 2
    rounds: int = 3
    encoder_rounds: int = 9


SIZES = Sizes()

_ROWS: Final = (
    ("kept", "steps a second with kept features, against computing them in each step"),
    ("kept_of_limit", "the same as a share of what arithmetic alone would allow"),
    ("loader_0", "pictures a second read without workers, against what steps use up"),
    ("loader_1", "the same with one worker"),
    ("loader_2", "the same with two workers"),
    ("attention", "image encoder: time with attention written out, against the fused form"),
    ("export", "an export with all of its checks, against PyTorch's exporter in it"),
)
SPECS: Final = (
    *(Spec(f"training/{name}", f"Small model: {says}") for name, says in _ROWS),
    Spec(
        "training/compiled",
        "Small model, image encoder: time as it is, against torch.compile's result",
        form="full",
    ),
    *(Spec(f"training/vitl_{name}", f"ViT-L: {says}", form="full") for name, says in _ROWS),
)


def measure(room: Room) -> None:
    """The short form in a minute or so; the long one in some forty."""
    sizes = SIZES
    _size(room, "", sizes.small, sizes.batch)
    _export(room, "", sizes.small if room.full else sizes.exported, sizes.batch)
    if room.full:
        _compiled(room, sizes)
        _size(room, "vitl_", sizes.large, sizes.large_batch)
        _export(room, "vitl_", sizes.large, sizes.large_batch)


def _size(room: Room, prefix: str, backbone: str, batch: int) -> None:
    _pace(room, prefix, _part(room, "pace", backbone, batch, SIZES.rounds))
    attention = _part(room, "attention", backbone, batch, SIZES.encoder_rounds)
    _ratio(room, f"training/{prefix}attention", attention, "plain", "fused", "a batch of {batch}")


def _export(room: Room, prefix: str, backbone: str, batch: int) -> None:
    found = _part(room, "export", backbone, batch, SIZES.rounds)
    megabytes = round(found["bytes"] / 1e6)
    what = f"{backbone}, {megabytes} MB of graphs"
    names = {"export": "the whole", "bare": "PyTorch's exporter in it"}
    found["seconds"] = {says: found["seconds"][name] for name, says in names.items()}
    _ratio(room, f"training/{prefix}export", found, *names.values(), what)


def _part(room: Room, name: str, backbone: str, batch: int, rounds: int) -> Any:
    flags = _flags(room, backbone, batch, rounds)
    return room.elsewhere(PYTHON, MODULE, name, *flags, timeout_s=3600)


def _flags(room: Room, backbone: str, batch: int, rounds: int) -> list[str]:
    flags = {
        "--backbone": backbone,
        "--device": "cpu",
        "--batch-size": str(batch),
        "--rounds": str(rounds),
        "--folder": str(room.scratch),
    }
    return [part for flag in flags.items() for part in flag]


def _pace(room: Room, prefix: str, found: Any) -> None:
    """Rows of steps and of the loader, and the picture of the latter."""
    kept, plain, ready = (_timings(found[name]) for name in ("kept_s", "plain_s", "ready_s"))
    faster, limit = ratio(plain, kept), found["limit"]
    where = f"batches of {found['batch']}, float32 on {found['threads']} threads"
    note = f"a step takes {kept} with kept features, {plain} plain; {where}; by rounds {faster}"
    room.row(f"training/{prefix}kept", faster.value, note)
    room.row(
        f"training/{prefix}kept_of_limit",
        faster.value / limit,
        f"{faster.value:.3g} of {limit:.3g} times; plain steps also read pictures, which the limit"
        " does not count",
    )
    used = found["pictures_a_step"] / ready.median
    for workers, rates in found["loader"].items():
        low, rate, high = np.percentile(rates, (25, 50, 75))
        room.row(
            f"training/{prefix}loader_{workers}",
            rate / used,
            f"{rate:.3g} pictures a second ({low:.3g} to {high:.3g}), where steps whose pictures"
            f" are in memory ({ready}) use up {used:.3g}",
        )
    title = "ViT-L" if prefix else "the small model"
    room.picture(
        f"training-{prefix}loader.png",
        f"Pictures a second that the loader reads, and what steps of {title} use up",
        lambda axes: _draw(axes, found["loader"], used),
    )


def _draw(axes: Any, loader: dict[str, list[float]], used: float) -> None:
    rates = [float(np.median(found)) for found in loader.values()]
    bars = axes.bar(list(loader), rates, width=0.5)
    axes.bar_label(bars, fmt="%.0f", padding=2)
    axes.margins(y=0.12)
    axes.set_xlabel("workers")
    axes.axhline(used, color="#c2410c", label=f"used up by plain steps: {used:.3g}")
    axes.set_ylabel("pictures a second")
    axes.legend()


def _compiled(room: Room, sizes: Sizes) -> None:
    flags = _flags(room, sizes.small, sizes.batch, sizes.encoder_rounds)
    try:
        found = room.elsewhere(PYTHON, MODULE, "compiled", *flags, timeout_s=COMPILE_S)
    except subprocess.TimeoutExpired:
        room.say(f"training/compiled: torch.compile did not finish in {COMPILE_S:.0f} s")
        room.table(
            "Not measured: training/compiled",
            ("what", "why"),
            [("torch.compile", f"it did not finish in {COMPILE_S:.0f} s on this machine")],
        )
        return
    _ratio(room, "training/compiled", found, "fused", "compiled", "a batch of {batch}")


def _ratio(room: Room, row: str, found: Any, one: str, other: str, what: str) -> None:
    timings = {name: _timings(seconds) for name, seconds in found["seconds"].items()}
    compared = ratio(timings[one], timings[other])
    told = f"{one} {timings[one]}, {other} {timings[other]}; {what.format_map(found)}"
    room.row(row, compared.value, f"{told}; by rounds {compared}")


def _timings(seconds: Sequence[float]) -> Timings:
    return Timings(tuple(seconds))
