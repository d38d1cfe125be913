"""Recall of a model, or of a running service, on FashionIQ, CIRR or a data set like FashionIQ.

python -m sprc.evaluate --dataset FashionIQ --data-path DIR --model-path CKPT --output FILE.json
"""

import argparse
import sys
from pathlib import Path

from sprc.datasets.records import Protocol
from sprc.evaluation.backends import open_backend
from sprc.evaluation.command import run_command
from sprc.evaluation.curves import draw_curves
from sprc.evaluation.document import describe, write_aside, write_document
from sprc.evaluation.options import (
    add_loading_flags,
    add_model_flags,
    loading_options,
    model_options,
    natural,
)
from sprc.evaluation.page import PageLimits, render_page
from sprc.evaluation.table import metrics_table
from sprc.evaluation.tasks import read_tasks
from sprc.evaluation.weights import evaluate_weights

PROTOCOLS = {
    "original-split": (Protocol.ORIGINAL_SPLIT,),
    "val-split": (Protocol.VAL_SPLIT,),
    "both": (Protocol.ORIGINAL_SPLIT, Protocol.VAL_SPLIT),
}


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code."""
    options = build_parser().parse_args(arguments)
    return run_command("sprc.evaluate", lambda: evaluate(options))


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="sprc.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--dataset",
        required=True,
        help="CIRR, FashionIQ (every category found), or categories of a data set in FashionIQ's "
        "format with commas between them",
    )
    parser.add_argument(
        "--data-path", type=Path, required=True, metavar="DIR", help="folder of the data set"
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE.json",
        help="figures as JSON; beside it FILE.png (recall over k) and FILE.html (single queries)",
    )
    parser.add_argument(
        "--protocol",
        choices=tuple(PROTOCOLS),
        default="both",
        help="galleries of FashionIQ: its original split (the published SPRC figures), the "
        "smaller VAL split, or both, kept apart (default both)",
    )
    parser.add_argument(
        "--baselines",
        action="store_true",
        help="also rank by the reference alone, by the words alone, and by the sum of both scores",
    )
    parser.add_argument(
        "--report-queries",
        type=natural,
        default=PageLimits.queries,
        metavar="N",
        help="queries of each set on the page, worst first; 0 writes no page "
        f"(default {PageLimits.queries})",
    )
    add_model_flags(parser)
    add_loading_flags(parser)
    return parser


def evaluate(options: argparse.Namespace) -> None:
    """Do what the flags say. Raises what `run_command` turns into a sentence."""
    backend = open_backend(options.model_path, model_options(options))
    tasks = read_tasks(
        options.dataset,
        options.data_path,
        PROTOCOLS[options.protocol],
        backend.transform,
        skip_broken=options.skip_broken,
    )
    outcomes = evaluate_weights(
        backend, tasks, loading_options(options), baselines=options.baselines
    )
    for outcome in outcomes.values():
        print(metrics_table(outcome), end="\n\n")
    document = describe(options.dataset, outcomes, tasks, model=backend.label, endpoint=None)
    write_document(options.output, document)
    curves = draw_curves(outcomes.values())
    write_aside(options.output.with_suffix(".png"), curves)
    if options.report_queries:
        title = f"{options.dataset}: composed retrieval"
        limits = PageLimits(options.report_queries)
        page = render_page(title, backend.label, list(outcomes.values()), curves, limits)
        write_aside(options.output.with_suffix(".html"), page.encode())


if __name__ == "__main__":
    sys.exit(main())
