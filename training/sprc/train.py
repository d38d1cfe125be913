"""Train the composed-retrieval model by the published recipe.

python -m sprc.train --dataset FashionIQ --data-path DIR --model-path CKPT
torchrun --nproc-per-node 4 -m sprc.train --dataset CIRR --data-path DIR --gather ...
"""

import os
import sys
from collections.abc import Callable

import torch

from sprc.checkpoint import CheckpointError
from sprc.datasets.pictures import PictureError
from sprc.datasets.records import DataError
from sprc.schedule import ScheduleError
from sprc.training.errors import TrainingError
from sprc.training.first_stage import FirstStage
from sprc.training.interrupt import Interrupted, noticing_signals
from sprc.training.options import Options, read_options
from sprc.training.processes import join_processes
from sprc.training.run import M, R, Stage
from sprc.training.session import prepare
from sprc.training.trainer import Trainer
from sprc.words import WordsError

SAID_IN_A_SENTENCE = (
    TrainingError,
    CheckpointError,
    DataError,
    PictureError,
    ScheduleError,
    WordsError,
    OSError,
    torch.OutOfMemoryError,
)


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code."""
    return run_training("sprc.train", lambda: read_options(arguments), FirstStage())


def run_training(command: str, read: Callable[[], Options[R]], stage: Stage[R, M]) -> int:
    """Train a stage as its command was asked to; returns the exit code."""
    # Reading workers are forked, which the tokenizer's own threads would complain about.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        options = read()
        with join_processes(options.device) as processes:
            lesson, run, state = prepare(options, processes, stage)
            trainer = Trainer(lesson, run)
            if state is not None:
                trainer.resume(state)
            else:
                trainer.compare_pace()
            with noticing_signals() as stop:
                trainer.train(stop)
    except Interrupted as stopped:
        print(f"{command}: {stopped}", file=sys.stderr)
        return 128 + stopped.signum
    except SAID_IN_A_SENTENCE as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
