"""Recall of a model, or of a running service, on FashionIQ, CIRR or a data set like FashionIQ.

python -m sprc.evaluate --dataset FashionIQ --data-path DIR --model-path CKPT --output FILE.json
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sprc.datasets.pictures import Transform
from sprc.datasets.records import Protocol
from sprc.evaluation.backends import open_backend
from sprc.evaluation.certificates import Certificates
from sprc.evaluation.command import interrupted_by_sigterm, run_command
from sprc.evaluation.curves import draw_curves
from sprc.evaluation.document import describe, prepare_folder, write_aside, write_document
from sprc.evaluation.endpoint import Endpoint
from sprc.evaluation.failures import draw_failures, worst_failures
from sprc.evaluation.options import (
    add_loading_flags,
    add_model_flags,
    loading_options,
    model_options,
    natural,
)
from sprc.evaluation.outcome import Outcome
from sprc.evaluation.page import PageLimits, render_page
from sprc.evaluation.table import metrics_table
from sprc.evaluation.tasks import Task, read_tasks
from sprc.evaluation.weights import evaluate_weights

PROTOCOLS = {
    "original-split": (Protocol.ORIGINAL_SPLIT,),
    "val-split": (Protocol.VAL_SPLIT,),
    "any-right": (Protocol.ANY_RIGHT,),
    "all": None,
}


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.model_path is None and options.endpoint is None:
        parser.error("give --model-path, --endpoint, or both")
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
        type=_json_file,
        required=True,
        metavar="FILE.json",
        help="figures as JSON; beside it FILE.png (recall over k) and FILE.html (single queries)",
    )
    parser.add_argument(
        "--protocol",
        choices=tuple(PROTOCOLS),
        default="all",
        help="how FashionIQ is evaluated: on its original split (the published SPRC figures), on "
        "the smaller VAL split, on the original split with any right picture counting where "
        "captions list alternatives, or all that the data has, kept apart (default all)",
    )
    parser.add_argument(
        "--baselines",
        action="store_true",
        help="also rank by the reference alone, by the words alone, by the sum of both scores, and "
        "by the composed query with the mean of each picture's tokens",
    )
    parser.add_argument(
        "--report-queries",
        type=natural,
        default=PageLimits.queries,
        metavar="N",
        help="queries of each set on the page, worst first; 0 writes no page "
        f"(default {PageLimits.queries})",
    )
    parser.add_argument(
        "--failures",
        type=Path,
        metavar="FILE.png",
        help="also draw the queries that went worst: of the first protocol, all sets together",
    )
    parser.add_argument(
        "--endpoint",
        type=_endpoint,
        metavar="HOST:PORT",
        help="evaluate a running service through its gRPC API, by TLS as https://HOST:PORT: the "
        "gallery goes into a throw-away catalog that is removed afterwards; ranks beyond the "
        "service's depth of 200 count as not found; with --model-path both stand side by side",
    )
    add_model_flags(parser, required=False)
    add_loading_flags(parser)
    return parser


def evaluate(options: argparse.Namespace) -> None:
    """Do what the flags say. Raises what `run_command` turns into a sentence."""
    prepare_folder(options.output)
    if options.endpoint is not None:
        options.endpoint.require_reachable()
        Certificates.of(os.environ)  # A file that is not there shows now, too.
    backend = None
    if options.model_path is not None:
        backend = open_backend(options.model_path, model_options(options))
    # Without weights nothing is transformed; screening still reads pictures with it.
    transform = backend.transform if backend else Transform(224)
    tasks = read_tasks(
        options.dataset,
        options.data_path,
        PROTOCOLS[options.protocol],
        transform,
        skip_broken=options.skip_broken,
    )
    outcomes: dict[Protocol, Outcome] = {}
    if backend is not None:
        outcomes = evaluate_weights(
            backend, tasks, loading_options(options), baselines=options.baselines
        )
    served = None
    if options.endpoint is not None:
        # Only here, after the last fork of a loader: gRPC's threads do not live through one.
        from sprc.evaluation.served import evaluate_service

        with interrupted_by_sigterm():
            served = evaluate_service(options.endpoint, tasks, outcomes)
    report(options, tasks, outcomes, backend.label if backend else None, served)


def report(
    options: argparse.Namespace,
    tasks: Sequence[Task],
    outcomes: Mapping[Protocol, Outcome],
    model: str | None,
    served: Mapping[str, Any] | None,
) -> None:
    """Print the tables and write the three files. Raises OSError, `PictureError`."""
    for outcome in outcomes.values():
        print(metrics_table(outcome), end="\n\n")
    for task in tasks:
        if task.left_out.problems:
            print(f"{task.name}: {task.left_out.sentence()}")
    if served is not None:
        print(
            f"served by {served['address']}: ranks beyond {served['ranking_depth']} count as not "
            f"found; {served['degraded_answers']} of {served['answers']} answers were degraded, "
            f"{served['repeated_answers']} had to be searched again between pages"
        )
    document = describe(options.dataset, outcomes, tasks, model=model, endpoint=served)
    for name, protocol in document["protocols"].items():
        if "agreement" in protocol:
            found = protocol["agreement"]
            print(
                f"{name}: {found['same_target_rank']} of {found['queries']} targets have the same "
                f"rank served and offline, the others differ by {found['largest_rank_difference']} "
                "at most"
            )
    write_document(options.output, document)
    curves = draw_curves(outcomes.values())
    write_aside(options.output.with_suffix(".png"), curves)
    if options.failures is not None:
        first = next(iter(outcomes.values()))
        write_aside(options.failures, draw_failures(worst_failures(first)))
    if options.report_queries:
        subject = " and ".join(
            part for part in (model, served and f"the service at {served['address']}") if part
        )
        page = render_page(
            f"{options.dataset}: composed retrieval",
            subject,
            list(outcomes.values()),
            curves,
            PageLimits(options.report_queries),
        )
        write_aside(options.output.with_suffix(".html"), page.encode())


def _json_file(text: str) -> Path:
    if not text.endswith(".json"):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .json")
    return Path(text)


def _endpoint(text: str) -> Endpoint:
    try:
        return Endpoint.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
