"""All GPU figures, on PyTorch alone, in less than eight minutes.

    PYTHONPATH=services:training:. python -m tests.benchmarks.gpu_parts --output gpu.json

Prints its JSON as the last line too; without a GPU it says so there and measures nothing.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch

from sprc.published import published_config
from tests.benchmarks.gpu_parts import encoder, queries, training
from tests.benchmarks.gpu_parts.bench import Bench, Sizes


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="tests.benchmarks.gpu_parts", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--output", type=Path, help="file for the JSON")
    parser.add_argument(
        "--limit-s",
        type=float,
        default=420.0,
        help="nothing new is begun after so many seconds (default %(default)s)",
    )
    options = parser.parse_args(arguments)
    found: dict[str, Any] = {"device": None, "rows": [], "tables": {}}
    if torch.cuda.is_available():
        sizes = Sizes(published_config("pretrain"))
        bench = Bench(torch.device("cuda"), sizes, limit_s=options.limit_s)
        found = run(bench, options.output)
    text = json.dumps(found)
    if options.output:
        options.output.write_text(text + "\n")
    print(text)
    return 0


def run(bench: Bench, output: Path | None = None) -> dict[str, Any]:
    """All parts; what was found is written after each, so that a part that fails costs itself."""
    model = bench.model()
    bench.say(f"{_name(bench)}, PyTorch {torch.__version__}")
    for part in (encoder, training, queries):
        if bench.late:
            break
        try:
            with bench.room_for(part.__name__):
                part.measure(bench, model)
        except Exception as error:  # noqa: BLE001 - a GPU is lent for minutes: the rest still counts
            bench.say(f"{part.__name__} failed: {type(error).__name__}: {error}")
            bench.failed[part.__name__.rpartition(".")[2]] = f"{type(error).__name__}: {error}"
        model.zero_grad(set_to_none=True)
        model.eval()
        if output:
            output.write_text(json.dumps(_found(bench)) + "\n")
    return _found(bench)


def _found(bench: Bench) -> dict[str, Any]:
    return {
        "device": _name(bench),
        "torch": torch.__version__,
        "rows": [row.as_dict() for row in bench.rows.values()],
        "tables": bench.tables,
        "failed": bench.failed,
    }


def _name(bench: Bench) -> str:
    return torch.cuda.get_device_name(bench.device) if bench.cuda else "cpu"


if __name__ == "__main__":
    sys.exit(main())
