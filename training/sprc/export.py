"""From a checkpoint to a served bundle: three ONNX graphs, tokenizer, ``bundle.json``.

    python -m sprc.export --model-path CKPT --output DIR [--precision float32|float16]

With ``--rerank CKPT`` a fourth graph is the second stage of that checkpoint.

Every graph is run in onnxruntime and compared with PyTorch before anything is published.
Measured on two busy cores: ViT-L two minutes and 9.2 GiB of memory at most (float16: 5.7 GiB),
ViT-g three and a half minutes and 9.3 GiB, in either precision. A second stage takes a minute more,
and 1.5 GB for its weights.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
import torch
from torch import nn

from retrieval.bundle import (
    GRAPHS,
    RERANKER,
    Bundle,
    BundleError,
    Preprocess,
    RerankerGraph,
    Sizes,
    TextRules,
    compute_digest,
    compute_reranker_digest,
    load_bundle,
)
from retrieval.bundle_age import older_than
from retrieval.preprocess.targetpad import CLIP_MEAN, CLIP_STD
from retrieval.preprocess.text import MAX_WORDS
from sprc import onnx_graph
from sprc.checkpoint import (
    CheckpointError,
    load_model,
    read_target_ratio,
    read_trained_at,
    save_checkpoint,
)
from sprc.config import PUBLISHED_RATIO
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.served import Graph, served_graphs
from sprc.served_reranker import SecondStage, load_second_stage, served_reranker
from sprc.triton_config import write_config
from sprc.words import WordsError, find_words, read_words, require_known

Precision = Literal["float32", "float16"]
OPSET = 18
CHECKPOINT = "checkpoint.pt"
RERANK_CHECKPOINT = "reranker.pt"
# Worst differences on fixed inputs: float32 arithmetic in another order, and the rounding of
# image_embeds to float16 (values of a layer norm, up to about 8: half a step is 0.004).
TOLERANCE = {"float32": 1e-4, "float16": 5e-3}


class ExportError(Exception):
    """The export was given up; nothing was published."""


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="sprc.export", description=__doc__.split("\n")[0])
    parser.add_argument("--model-path", type=Path, required=True, help="checkpoint to export")
    parser.add_argument("--output", type=Path, required=True, help="folder of the bundle")
    parser.add_argument(
        "--precision",
        choices=("float32", "float16"),
        default="float32",
        help="how weights and image_embeds are stored; arithmetic is float32 (default float32)",
    )
    parser.add_argument(
        "--tokenizer",
        type=Path,
        help="tokenizer.json or vocab.txt (default: the one beside the checkpoint)",
    )
    parser.add_argument(
        "--rerank",
        type=Path,
        metavar="CKPT",
        help="second stage to export too (sprc.rerank, or SPRC's class): of the same image "
        "encoder, words and text length; its tokenizer lies beside it, unless --tokenizer is "
        "that of both",
    )
    parser.add_argument("--name", default="recompose", help="name written into bundle.json")
    parser.add_argument(
        "--metrics",
        type=Path,
        metavar="FILE.json",
        help="an evaluation by sprc.evaluate, whose figures are kept in bundle.json",
    )
    parser.add_argument(
        "--with-checkpoint",
        action="store_true",
        help="also write checkpoint.pt: the weights just as they are served, to go on from; of a "
        "second stage reranker.pt",
    )
    parser.add_argument(
        "--allow-older",
        action="store_true",
        help="replace the bundle in --output also where it was trained later",
    )
    parser.add_argument("--vit-heads", type=int, help="attention heads of the ViT")
    parser.add_argument("--qformer-heads", type=int, help="attention heads of the Q-Former")
    options = parser.parse_args(arguments)
    try:
        model = load_model(
            options.model_path, vit_heads=options.vit_heads, qformer_heads=options.qformer_heads
        )
        tokenizer = options.tokenizer or find_words(options.model_path)
        target_ratio = read_target_ratio(options.model_path)
        second = None
        if options.rerank:
            second = load_second_stage(
                options.rerank,
                model,
                words=options.tokenizer or find_words(options.rerank),
                first_words=tokenizer,
                target_ratio=target_ratio,
                vit_heads=options.vit_heads,
                qformer_heads=options.qformer_heads,
            )
        bundle = export(
            model,
            tokenizer,
            options.output,
            options.precision,
            second=second,
            name=options.name,
            target_ratio=target_ratio,
            trained_at=read_trained_at(options.model_path),
            metrics=_read_metrics(options.metrics) if options.metrics else None,
            allow_older=options.allow_older,
            with_checkpoint=options.with_checkpoint,
        )
    except (CheckpointError, ExportError, WordsError) as error:
        print(f"sprc.export: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: {bundle.name} {bundle.short_digest}, {bundle.export}")
    return 0


def export(
    model: Blip2QformerCirAlignPrompt,
    tokenizer: Path,
    output: Path,
    precision: Precision,
    *,
    name: str,
    second: SecondStage | None = None,
    target_ratio: float = PUBLISHED_RATIO,
    trained_at: datetime | None = None,
    metrics: dict[str, Any] | None = None,
    with_checkpoint: bool = False,
    allow_older: bool = False,
) -> Bundle:
    """Write a bundle aside, check it, and move it to `output`; returns its ``bundle.json``.

    The matrices are rounded to float16 in place for a float16 export, so that PyTorch and the
    graphs hold the same numbers. Serving pads pictures to `target_ratio`, 1 being squarepad. With
    `with_checkpoint` the same numbers lie beside the graphs as ``checkpoint.pt``, those of a
    second stage as ``reranker.pt``.
    `trained_at` is the checkpoint's: a bundle in `output` that was trained later is replaced with
    `allow_older` alone. Raises `ExportError`, as when a graph differs from PyTorch, or `WordsError`
    for the tokenizer, and leaves `output` as it was.
    """
    output = output.resolve()
    aside = output.with_name(f".{output.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        if output.exists() and not output.is_dir():
            raise ExportError(f"{output} is not a folder")
        aside.mkdir(parents=True)
        half = precision == "float16"
        for each in (model, *([second.model] if second else [])):
            if half:
                _round_to_half(each)
        _write_tokenizer(tokenizer, aside / "tokenizer.json", model.config.qformer.vocab)
        differences = {}
        for graph, check in _graphs(model, second, torch.float16 if half else torch.float32):
            path = aside / graph.name / "1" / "model.onnx"
            exported = onnx_graph.tidy(_to_onnx(graph), half=half)
            onnx_graph.write(exported, path)
            write_config(exported.model, aside / graph.name / "config.pbtxt")
            del exported
            differences[graph.name] = _compare(check, path, TOLERANCE[precision])
        bundle = _describe(model, aside, precision, name, target_ratio, metrics or {}, differences)
        bundle = bundle.model_copy(update={"trained_at": trained_at})
        if second:
            judge = RerankerGraph(digest=compute_reranker_digest(aside, bundle.digest))
            bundle = bundle.model_copy(update={"reranker": judge})
        if not allow_older:
            _require_newer(bundle, output)
        (aside / "bundle.json").write_text(bundle.model_dump_json(indent=1) + "\n")
        if with_checkpoint:
            save = partial(save_checkpoint, epoch=0, half=half, target_ratio=target_ratio)
            if second:
                save(second.model, aside / RERANK_CHECKPOINT, trained_at=second.trained_at)
            # Last, for both have one config.json.
            save(model, aside / CHECKPOINT, trained_at=trained_at)
        _publish(aside, output)
    except OSError as error:
        raise ExportError(f"{output} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return bundle


def _graphs(
    model: Blip2QformerCirAlignPrompt, second: SecondStage | None, embeds: torch.dtype
) -> Iterator[tuple[Graph, Graph]]:
    """Each graph to export, and once more with other sizes, to be compared."""
    yield from zip(served_graphs(model, embeds), served_graphs(model, embeds, batch=3), strict=True)
    if second:
        yield (
            served_reranker(model, second.model, embeds),
            served_reranker(model, second.model, embeds, batch=3, candidates=5),
        )


def _read_metrics(path: Path) -> dict[str, Any]:
    """Figures by protocol and source of an evaluation's JSON. Raises `ExportError`."""
    try:
        protocols = json.loads(path.read_text())["protocols"]
        return {name: found["figures"] for name, found in protocols.items()}
    except FileNotFoundError:
        raise ExportError(f"{path} does not exist") from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ExportError(f"{path} is no evaluation of sprc.evaluate") from error


def _round_to_half(model: nn.Module) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                rounded = parameter.half().float()
                if not torch.isfinite(rounded).all():
                    raise ExportError(f"{name} does not fit into float16")
                parameter.copy_(rounded)


def _to_onnx(graph: Graph) -> onnx_graph.OnnxGraph:
    batch = torch.export.Dim("batch", min=1, max=1024)
    candidates = torch.export.Dim("candidates", min=1, max=1024)
    program = torch.onnx.export(
        graph.module.eval(),
        tuple(graph.inputs.values()),
        dynamo=True,
        input_names=list(graph.inputs),
        output_names=list(graph.outputs),
        dynamic_shapes=tuple(
            {0: batch, 1: candidates} if name in graph.listing else {0: batch}
            for name in graph.inputs
        ),
        opset_version=OPSET,
        verbose=False,
    )
    if program is None:
        raise ExportError(f"{graph.name} was not exported")
    graph.module.eval()  # the exporter may leave training mode, and dropout, on
    return onnx_graph.from_ir(program.model)


def _compare(graph: Graph, path: Path, tolerance: float) -> float:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feed = {key: value.numpy() for key, value in graph.inputs.items()}
    actual = session.run(list(graph.outputs), feed)
    with torch.inference_mode():
        expected = graph.expected()
    worst = 0.0
    for output, ours, theirs in zip(graph.outputs, actual, expected, strict=True):
        reference = theirs.numpy()
        if ours.shape != reference.shape or ours.dtype != reference.dtype:
            raise ExportError(f"{graph.name}: {output} has another shape or type than PyTorch's")
        # Told first: a difference from NaN is NaN, which is greater than no tolerance.
        for where, values in (("onnxruntime", ours), ("PyTorch", reference)):
            if not np.isfinite(values).all():
                raise ExportError(f"{graph.name}: {output} is not finite in {where}")
        worst = max(worst, float(np.abs(ours.astype(np.float64) - reference).max()))
    if worst > tolerance:
        raise ExportError(f"{graph.name} differs from PyTorch by {worst:.2e}")
    return worst


def _write_tokenizer(source: Path, target: Path, vocab: int) -> None:
    words = read_words(source)
    require_known(words, vocab, source)
    if source.suffix == ".txt":
        target.write_text(words.to_str(pretty=True), encoding="utf-8")
    else:
        shutil.copyfile(source, target)


def _describe(
    model: Blip2QformerCirAlignPrompt,
    folder: Path,
    precision: Precision,
    name: str,
    target_ratio: float,
    metrics: dict[str, Any],
    differences: dict[str, float],
) -> Bundle:
    config = model.config
    sizes = Sizes(
        image_size=config.vit.image_size,
        patches=config.vit.tokens,
        vision_width=config.vit.width,
        query_tokens=config.qformer.query_tokens,
        embed_dim=config.embed_dim,
        text_length=config.text_length,
    )
    preprocess = Preprocess(
        version=1, transform="targetpad", target_ratio=target_ratio, mean=CLIP_MEAN, std=CLIP_STD
    )
    text = TextRules(version=1, processor="blip_caption", max_words=MAX_WORDS)
    return Bundle(
        format=1,
        name=name,
        digest=compute_digest(folder, sizes, preprocess, text),
        precision=precision,
        sizes=sizes,
        preprocess=preprocess,
        text=text,
        metrics=metrics,
        export={"opset": OPSET, "max_abs_difference": differences},
    )


def _require_newer(bundle: Bundle, output: Path) -> None:
    """Raise `ExportError` where the bundle in `output`, if it is one, is newer."""
    try:
        there = load_bundle(output)
    except BundleError:
        return
    if told := older_than(bundle, there):
        raise ExportError(f"{told}: replace {output} all the same with --allow-older")


def _publish(aside: Path, output: Path) -> None:
    """Move the checked files in; ``bundle.json`` is away while its graphs change."""
    if not output.exists():
        aside.rename(output)
        return
    (output / "bundle.json").unlink(missing_ok=True)
    # A second stage is the new one's or none's.
    (output / RERANK_CHECKPOINT).unlink(missing_ok=True)
    for graph in (*GRAPHS, RERANKER):
        shutil.rmtree(output / graph, ignore_errors=True)
        if (aside / graph).exists():
            (aside / graph).rename(output / graph)
    for name in (CHECKPOINT, RERANK_CHECKPOINT, "config.json", "tokenizer.json", "bundle.json"):
        if (aside / name).exists():
            (aside / name).replace(output / name)


if __name__ == "__main__":
    sys.exit(main())
