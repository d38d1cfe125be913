"""One part of the training section, in training's environment; prints JSON as its last line.

python -m tests.benchmarks.training_parts pace --backbone small --batch-size 6
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks import training_pace
from tests.benchmarks.training_parts import attention, exporting, loading

PARTS = {
    "pace": loading.measured,
    "attention": attention.written_out_against_fused,
    "compiled": attention.compiled_against_fused,
    "export": exporting.measured,
}


def main() -> int:
    """Command line. Returns the exit code."""
    parser = training_pace.build_parser()
    parser.prog = "tests.benchmarks.training_parts"
    parser.description = (__doc__ or "").split("\n")[0]
    parser.add_argument("part", choices=PARTS)
    options = parser.parse_args()
    with TemporaryDirectory(dir=options.folder) as folder:
        found = PARTS[options.part](options, Path(folder))
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
