"""Flags that evaluate, submit and query share, named as in SPRC's README."""

import argparse
import math
from contextlib import suppress
from pathlib import Path

from sprc.evaluation.backends import ModelOptions
from sprc.evaluation.features import Loading
from sprc.published import VITS


def add_model_flags(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Which model, and what its file does not say."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model-path",
        type=Path,
        required=required,
        metavar="CKPT_OR_BUNDLE",
        help="checkpoint file (PyTorch), or bundle folder (its graphs run in onnxruntime)",
    )
    group.add_argument(
        "--blip-model-name",
        choices=("blip2_cir_align_prompt",),
        default="blip2_cir_align_prompt",
        help="SPRC's name of the model class (default blip2_cir_align_prompt)",
    )
    group.add_argument(
        "--backbone",
        choices=tuple(VITS),
        help="pretrain is ViT-g, pretrain_vitL is ViT-L; read from the checkpoint, and where "
        "given it must be that one",
    )
    group.add_argument(
        "--tokenizer",
        type=Path,
        metavar="FILE",
        help="tokenizer.json or vocab.txt (default: the one beside the checkpoint)",
    )
    group.add_argument(
        "--vit-heads",
        type=int,
        metavar="N",
        help="attention heads of the ViT (default: config.json beside the checkpoint, else 16)",
    )
    group.add_argument(
        "--qformer-heads",
        type=int,
        metavar="N",
        help="attention heads of the Q-Former (default: the same file, else 12)",
    )
    group.add_argument(
        "--transform",
        choices=("targetpad", "squarepad"),
        help="how pictures become square (default: as in training, by config.json beside the "
        "checkpoint, else targetpad; a bundle has its own)",
    )
    group.add_argument(
        "--target-ratio",
        type=_ratio,
        metavar="R",
        help="long side over short side that targetpad pads to (default: the same file, else 1.25)",
    )
    group.add_argument(
        "--device", metavar="NAME", help="cpu, cuda or cuda:N (default: a GPU where there is one)"
    )
    group.add_argument(
        "--precision",
        choices=("float32", "float16", "bfloat16"),
        default="float32",
        help="arithmetic of the ViT of a checkpoint; the rest is float32 (default float32)",
    )


def add_loading_flags(parser: argparse.ArgumentParser, *, skip_broken: bool = True) -> None:
    """How pictures are read."""
    group = parser.add_argument_group("reading")
    group.add_argument(
        "--batch-size",
        type=positive,
        default=32,
        metavar="N",
        help="pictures, or queries, that the model works on at once (default 32)",
    )
    group.add_argument(
        "--num-workers",
        type=natural,
        default=2,
        metavar="N",
        help="processes that read pictures; 0 reads in this one (default 2)",
    )
    if not skip_broken:
        return
    group.add_argument(
        "--skip-broken",
        action="store_true",
        help="leave missing and damaged pictures out, and the queries that need them, and count "
        "them, instead of stopping at the first one",
    )


def model_options(options: argparse.Namespace) -> ModelOptions:
    """What `open_backend` wants to know."""
    return ModelOptions(
        tokenizer=options.tokenizer,
        backbone=options.backbone,
        vit_heads=options.vit_heads,
        qformer_heads=options.qformer_heads,
        transform=options.transform,
        target_ratio=options.target_ratio,
        device=options.device,
        precision=options.precision,
    )


def loading_options(options: argparse.Namespace) -> Loading:
    """How `compute_features` reads."""
    return Loading(options.batch_size, options.num_workers)


def positive(text: str) -> int:
    """A whole number of 1 or more, for argparse."""
    value = natural(text)
    if not value:
        raise argparse.ArgumentTypeError("0 is too small")
    return value


def _ratio(text: str) -> float:
    with suppress(ValueError):
        if 1 <= (value := float(text)) < math.inf:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a ratio of 1 or more")


def natural(text: str) -> int:
    """A whole number of 0 or more, for argparse."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} is below zero")
    return value
