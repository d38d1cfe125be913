"""Train the second stage, which judges and reorders the first stage's candidates.

python -m sprc.rerank --dataset FashionIQ --data-path DIR --model-path FIRST_STAGE

After each epoch the first stage and the reranked results stand side by side; sprc.evaluate and
sprc.submit take the trained second stage by ``--rerank``.
"""

import sys

from sprc.train import run_training
from sprc.training.second_stage.options import read_rerank_options
from sprc.training.second_stage.stage import SecondStage


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code."""
    return run_training("sprc.rerank", lambda: read_rerank_options(arguments), SecondStage())


if __name__ == "__main__":
    sys.exit(main())
