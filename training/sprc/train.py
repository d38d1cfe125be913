"""Train the composed-retrieval model by the published recipe.

python -m sprc.train --dataset FashionIQ --data-path DIR --model-path CKPT
torchrun --nproc-per-node 4 -m sprc.train --dataset CIRR --data-path DIR --gather ...
"""

import os
import sys

import torch

from sprc.checkpoint import CheckpointError
from sprc.datasets.pictures import PictureError
from sprc.datasets.records import DataError
from sprc.schedule import ScheduleError
from sprc.training.errors import TrainingError
from sprc.training.interrupt import Interrupted, noticing_signals
from sprc.training.options import read_options
from sprc.training.processes import join_processes
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
    # Reading workers are forked, which the tokenizer's own threads would complain about.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        options = read_options(arguments)
        with join_processes(options.device) as processes:
            model, run, state = prepare(options, processes)
            trainer = Trainer(model, run)
            if state is not None:
                trainer.resume(state)
            else:
                trainer.compare_pace()
            with noticing_signals() as stop:
                trainer.train(stop)
    except Interrupted as stopped:
        print(f"sprc.train: {stopped}", file=sys.stderr)
        return 128 + stopped.signum
    except SAID_IN_A_SENTENCE as error:
        print(f"sprc.train: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
