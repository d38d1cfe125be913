"""Training with kept features and without: steps per second and peak memory, side by side.

training/.venv/bin/python tests/benchmarks/training_pace.py --backbone pretrain_vitL --batch-size 4

The model has the published sizes and random weights, which cost what trained ones do; its pictures
are noise. A step is forward and backward, and memory is held for AdamW's moments too.

On a machine that others use, set OMP_NUM_THREADS to the cores that are free: threads wait for each
other in every layer, so that one that starves slows both ways alike and hides the difference.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
for folder in (ROOT, ROOT / "services", ROOT / "training"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import torch  # noqa: E402 - after the import path is set
from PIL import Image  # noqa: E402

from sprc.checkpoint import save_checkpoint  # noqa: E402
from sprc.config import ModelConfig  # noqa: E402
from sprc.evaluation.table import aligned  # noqa: E402
from sprc.initial import initialise  # noqa: E402
from sprc.model import Blip2QformerCirAlignPrompt  # noqa: E402
from sprc.published import VITS, published_config  # noqa: E402
from sprc.training.first_stage import FirstStage  # noqa: E402
from sprc.training.options import read_options  # noqa: E402
from sprc.training.pace import STEPS, Pace, compare  # noqa: E402
from sprc.training.processes import join_processes  # noqa: E402
from sprc.training.session import prepare  # noqa: E402
from sprc.training.trainer import Trainer  # noqa: E402
from tests.training.synthetic import write_fashioniq  # noqa: E402

VOCABULARY = ROOT / "tests" / "parity" / "vocab.txt"
PICTURE = (400, 500)
HEADER = ["", "steps/s kept", "computed", "times", "peak GB kept", "computed"]


@dataclass(frozen=True)
class Round:
    """The same steps, measured both ways one after the other."""

    kept: Pace
    plain: Pace


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code."""
    options = build_parser().parse_args(arguments)
    with TemporaryDirectory(dir=options.folder) as folder:
        measure(options, Path(folder))
    return 0


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(
        prog="training_pace", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--backbone",
        choices=(*VITS, "small", "tiny"),
        default="pretrain_vitL",
        help="pretrain has ViT-g, pretrain_vitL ViT-L; small is a hundredth of that, tiny has "
        "one layer of each kind (default pretrain_vitL)",
    )
    parser.add_argument("--device", default="auto", help="as of sprc.train (default auto)")
    parser.add_argument("--precision", help="as of sprc.train (default: its default on the device)")
    parser.add_argument("--batch-size", type=int, default=4, help="pairs in a batch (default 4)")
    parser.add_argument(
        "--num-workers", type=int, default=0, help="processes that read pictures (default 0)"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=2,
        help=f"how often to measure {STEPS} steps both ways (default 2)",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        help="where the weights and the features may lie meanwhile (default: the system's for "
        "temporary files; ViT-L's weights take 2 GB, ViT-g's 5 GB)",
    )
    return parser


def measure(options: argparse.Namespace, folder: Path) -> None:
    """Make weights and data, measure in rounds, and print the table."""
    with trainer_of(options, folder) as trainer:
        fill_moments(trainer.optimizer)
        print(
            f"{options.backbone} with random weights, {trainer.run.recipe.precision} on "
            f"{trainer.device} (threads: {torch.get_num_threads()}), batches of "
            f"{options.batch_size}",
            flush=True,
        )
        rounds = list(measured_rounds(trainer, options.rounds))
    print(table(rounds))


@contextmanager
def trainer_of(options: argparse.Namespace, folder: Path) -> Iterator[Trainer]:
    """A run over pictures of noise that keeps its features, ready for `STEPS` + 1 steps."""
    write_weights(options.backbone, folder / "random.pt")
    write_data(folder / "data", pairs=(STEPS + 1) * options.batch_size)
    flags = {
        "--dataset": "FashionIQ",
        "--data-path": str(folder / "data"),
        "--model-path": str(folder / "random.pt"),
        "--tokenizer": str(VOCABULARY),
        "--output": str(folder / "run"),
        "--cache-features": str(folder / "features"),
        "--num-epochs": "1",
        "--device": options.device,
        "--batch-size": str(options.batch_size),
        "--num-workers": str(options.num_workers),
    }
    if options.precision is not None:
        flags["--precision"] = options.precision
    with join_processes(options.device) as processes:
        asked = read_options([part for f in flags.items() for part in f])
        lesson, run, _ = prepare(asked, processes, FirstStage())
        yield Trainer(lesson, run)


def measured_rounds(trainer: Trainer, number: int) -> Iterator[Round]:
    """Each round as it is measured, and told on standard error."""
    run = trainer.run
    for index in range(number):
        kept, plain = trainer.pace(run.features), trainer.pace(run.plain or run.features)
        if kept is None or plain is None:
            raise RuntimeError("an epoch of the data has too few steps")
        print(f"round {index + 1}: {compare(kept, plain)}", file=sys.stderr, flush=True)
        yield Round(kept, plain)


def write_weights(backbone: str, path: Path) -> None:
    """A checkpoint with random weights."""
    model = Blip2QformerCirAlignPrompt(sizes(backbone))
    initialise(model, seed=1)
    save_checkpoint(model, path, epoch=0)


def sizes(backbone: str) -> ModelConfig:
    """The published ones of a backbone, or less with pictures of the published size."""
    published = published_config("pretrain" if backbone == "pretrain" else "pretrain_vitL")
    if backbone in VITS:
        return published
    if backbone == "small":
        vit = replace(published.vit, width=256, depth=6, heads=4, mlp_hidden=1024)
        narrow = replace(published.qformer, hidden=192, heads=3, intermediate=768, vision_width=256)
        return replace(published, vit=vit, qformer=replace(narrow, layers=4, cross_layers=(0, 2)))
    vit = replace(published.vit, patch_size=28, width=32, depth=1, heads=2, mlp_hidden=48)
    narrow = replace(published.qformer, hidden=32, heads=2, intermediate=48, vision_width=32)
    return replace(published, vit=vit, qformer=replace(narrow, layers=1, cross_layers=(0,)))


def write_data(folder: Path, pairs: int) -> None:
    """One category with pictures of noise, of about the size of a shop's."""
    write_fashioniq(folder, ("coat",), gallery=pairs + 2, queries=pairs)
    for path in (folder / "images").iterdir():
        with Image.open(path) as image:
            larger = image.convert("RGB").resize(PICTURE)
        larger.save(path)


def fill_moments(optimizer: torch.optim.Optimizer) -> None:
    """Have the optimiser hold what it holds from a run's first step on; nothing is learnt."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def table(rounds: Sequence[Round]) -> str:
    """One line for each round, and the median of each column."""
    figures = [
        [
            1 / r.kept.step_s,
            1 / r.plain.step_s,
            r.plain.step_s / r.kept.step_s,
            *((pace.peak_bytes or float("nan")) / 1e9 for pace in (r.kept, r.plain)),
        ]
        for r in rounds
    ]
    named = [(f"round {number}", row) for number, row in enumerate(figures, start=1)]
    named.append(("median", [median(column) for column in zip(*figures, strict=True)]))
    return aligned([HEADER, *([name, *(f"{value:.3f}" for value in row)] for name, row in named)])


if __name__ == "__main__":
    sys.exit(main())
