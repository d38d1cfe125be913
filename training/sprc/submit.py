"""CIRR's two test files, as the evaluation server asks for them.

python -m sprc.submit --data-path DIR --model-path CKPT_OR_BUNDLE --output DIR [--rerank CKPT]
"""

import argparse
import re
import sys
from pathlib import Path

from sprc.datasets.cirr import Cirr
from sprc.datasets.loading import PictureDataset
from sprc.datasets.screening import screen_evaluation
from sprc.evaluation.backends import BackendError
from sprc.evaluation.command import run_command
from sprc.evaluation.features import compute_features
from sprc.evaluation.options import (
    add_loading_flags,
    add_model_flags,
    loading_options,
    model_options,
)
from sprc.evaluation.reranking import rerank
from sprc.evaluation.scores import Source, similarities
from sprc.evaluation.second_stage import add_rerank_flags, open_stages
from sprc.ranks import rank_gallery
from sprc.submission import make_submissions, submit_ranking, write_submissions

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code."""
    options = build_parser().parse_args(arguments)
    return run_command("sprc.submit", lambda: submit(options))


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="sprc.submit", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--data-path", type=Path, required=True, metavar="DIR", help="folder of CIRR"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder for the two files"
    )
    parser.add_argument(
        "--submission-name",
        type=_name,
        metavar="NAME",
        help="end of the files' names (default, as SPRC: the model name and _2; with --rerank also "
        "_rerank)",
    )
    add_model_flags(parser, required=False)
    add_rerank_flags(parser)
    parser.add_argument(
        "--reference-removed-first",
        action="store_true",
        help="with --rerank, leave a query's own picture out of what is reordered (SPRC removes it "
        "afterwards)",
    )
    # No --skip-broken: the server scores all queries, so a submission without some is no use.
    add_loading_flags(parser, skip_broken=False)
    return parser


def submit(options: argparse.Namespace) -> None:
    """Do what the flags say. Raises what `run_command` turns into a sentence."""
    backend, second = open_stages(options, model_options(options))
    if backend is None:
        raise BackendError("give --model-path, --rerank, or both")
    loading = loading_options(options)
    test, _ = screen_evaluation(
        Cirr.open(options.data_path).test(), backend.transform, skip_broken=False
    )
    features = compute_features(
        backend,
        test.gallery,
        PictureDataset(test.gallery, test.pictures, backend.transform),
        test.queries,
        loading,
        label=test.name,
    )
    similarity = similarities(test, features, baselines=False)[Source.COMPOSED]
    # Also before a second stage works for long: what cannot be submitted shows here.
    submissions = make_submissions(test, similarity)
    if second is not None:
        with second.judge(
            test.name, test.gallery, test.pictures, loading, options.output.parent
        ) as judge:
            reranked = rerank(judge, test, rank_gallery(similarity), second.depth)
        apart = reranked.without_reference if options.reference_removed_first else None
        submissions = submit_ranking(test, reranked.ranking if apart is None else apart)
    name = options.submission_name or f"{options.blip_model_name}_2{'_rerank' if second else ''}"
    for path in write_submissions(submissions, options.output, name):
        print(f"{path}: {len(test.queries)} queries, {path.stat().st_size} bytes")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a plain file name")
    return text


if __name__ == "__main__":
    sys.exit(main())
