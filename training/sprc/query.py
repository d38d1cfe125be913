"""One question over a folder of pictures, without any service.

python -m sprc.query --model-path CKPT --gallery DIR --reference FILE --text "in black"
"""

import argparse
import sys
from pathlib import Path

from sprc.datasets.records import DataError
from sprc.evaluation.backends import open_backend
from sprc.evaluation.command import run_command
from sprc.evaluation.contact_sheet import draw_contact_sheet
from sprc.evaluation.document import prepare_folder, write_aside
from sprc.evaluation.folder import list_gallery, rank_folder
from sprc.evaluation.options import add_model_flags, model_options, positive
from sprc.evaluation.table import aligned


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code."""
    options = build_parser().parse_args(arguments)
    return run_command("sprc.query", lambda: query(options))


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="sprc.query", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--gallery",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of pictures (.jpg, .png, .webp), folders in it included",
    )
    parser.add_argument(
        "--reference", type=Path, metavar="FILE", help="picture to start from; alone: its like"
    )
    parser.add_argument(
        "--text",
        default="",
        metavar="WORDS",
        help="what should be different; without --reference, what is looked for",
    )
    parser.add_argument(
        "--top", type=positive, default=10, metavar="N", help="results shown (default 10)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("query.png"),
        metavar="FILE.png",
        help="contact sheet: the question and its results (default query.png)",
    )
    parser.add_argument(
        "--batch-size",
        type=positive,
        default=32,
        metavar="N",
        help="pictures that the model works on at once (default 32)",
    )
    parser.add_argument(
        "--skip-broken",
        action="store_true",
        help="leave pictures of the gallery that cannot be read out, and name them",
    )
    add_model_flags(parser)
    return parser


def query(options: argparse.Namespace) -> None:
    """Do what the flags say. Raises what `run_command` turns into a sentence."""
    text = options.text.strip()
    if options.reference is None and not text:
        raise DataError("give --reference, --text, or both")
    prepare_folder(options.output)
    gallery = list_gallery(options.gallery)
    backend = open_backend(options.model_path, model_options(options))
    ranking, problems = rank_folder(
        backend,
        gallery,
        options.reference,
        text,
        batch_size=options.batch_size,
        skip_broken=options.skip_broken,
    )
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    shown = ranking[: options.top]
    rows = [
        [str(result.path.relative_to(options.gallery)), str(place), f"{result.score:.4f}"]
        for place, result in enumerate(shown, 1)
    ]
    print(aligned([["picture", "rank", "score"], *rows]))
    write_aside(options.output, draw_contact_sheet(options.reference, text, shown))
    print(f"{options.output}: the first {len(shown)} of {len(ranking)}")


if __name__ == "__main__":
    sys.exit(main())
