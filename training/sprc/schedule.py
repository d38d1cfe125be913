"""Optimiser and learning-rate schedule of the published recipes.

One AdamW group over everything that trains, and OneCycleLR stepped once a batch. OneCycleLR also
cycles the first beta, 0.95 down to 0.85 at the peak and back, so the 0.9 given to AdamW is never
used; that is part of the published recipe too.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

CIRR_SCHEDULED_EPOCHS = 80
"""SPRC's code sizes CIRR's schedule for 80 epochs, though its README trains for 50."""


class ScheduleError(ValueError):
    """A schedule is too short for the epochs asked for."""


@dataclass(frozen=True)
class Schedule:
    """Shape of one OneCycleLR.

    `epochs` is what the schedule is sized for, which may be more than are trained;
    `warmup_share` of it rises to the peak, from the peak divided by `start_divisor`.
    """

    epochs: int
    warmup_share: float
    start_divisor: float


def cirr_schedule(epochs: int) -> Schedule:
    """CIRR's: the same shape however many epochs are trained. Raises `ScheduleError`."""
    if not 1 <= epochs <= CIRR_SCHEDULED_EPOCHS:
        raise ScheduleError(
            f"CIRR's schedule spans {CIRR_SCHEDULED_EPOCHS} epochs, {epochs} were asked for"
        )
    return Schedule(CIRR_SCHEDULED_EPOCHS, warmup_share=1 / 50, start_divisor=25)


def fashioniq_schedule(epochs: int) -> Schedule:
    """FashionIQ's, and that of any data set in its format: the peak is after 1.5 epochs.

    A single epoch, which the published code cannot run, peaks after three quarters of it.
    Raises `ScheduleError`.
    """
    if epochs < 1:
        raise ScheduleError(f"{epochs} epochs were asked for")
    warmup_share = 1.5 / epochs if epochs > 1 else 0.75
    return Schedule(epochs, warmup_share, start_divisor=100)


def build_optimizer(parameters: Iterable[nn.Parameter], learning_rate: float) -> AdamW:
    """AdamW with weight decay on everything it is given, biases and temperature included."""
    trainable = [parameter for parameter in parameters if parameter.requires_grad]
    return AdamW(trainable, lr=learning_rate, betas=(0.9, 0.98), eps=1e-7, weight_decay=0.05)


def build_scheduler(
    optimizer: AdamW, schedule: Schedule, *, learning_rate: float, steps_per_epoch: int
) -> OneCycleLR:
    """The scheduler to step after each optimiser step; `learning_rate` is the peak."""
    return OneCycleLR(
        optimizer,
        max_lr=learning_rate,
        pct_start=schedule.warmup_share,
        div_factor=schedule.start_divisor,
        steps_per_epoch=steps_per_epoch,
        epochs=schedule.epochs,
    )


def step_schedule(scheduler: OneCycleLR) -> None:
    """Go on by one step, as the published code does after every step of training.

    Also after one that the loss scaler of fp16 skipped.
    """
    with warnings.catch_warnings():
        # Where the scaler skips the first step, PyTorch takes the two for called in wrong order.
        warnings.filterwarnings("ignore", r"Detected call of `lr_scheduler\.step", UserWarning)
        scheduler.step()
