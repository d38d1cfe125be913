"""Learning rate and first beta, step by step, against those of the published code."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from sprc.schedule import (
    Schedule,
    ScheduleError,
    build_optimizer,
    build_scheduler,
    cirr_schedule,
    fashioniq_schedule,
)

RECORDED = np.load(Path(__file__).parents[1] / "parity" / "metrics" / "lr_schedules.npz")


def course(schedule: Schedule, learning_rate: float, epochs: int, steps: int) -> np.ndarray:
    """Learning rate and first beta at each step, [epochs * steps, 2]."""
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = build_optimizer([parameter], learning_rate)
    scheduler = build_scheduler(
        optimizer, schedule, learning_rate=learning_rate, steps_per_epoch=steps
    )
    seen = []
    for _ in range(epochs * steps):
        group = optimizer.param_groups[0]
        seen.append((group["lr"], group["betas"][0]))
        optimizer.step()
        scheduler.step()
    return np.array(seen)


def test_cirr_schedule_equals_the_published_code() -> None:
    values = course(cirr_schedule(50), 1e-5, 50, 20)
    assert np.array_equal(values[:, 0], RECORDED["cirr_lr_50ep_20steps"])
    assert np.array_equal(values[:, 1], RECORDED["cirr_beta1"])
    # Sized for 80 epochs: the rate is still 0.32 of the peak after 50.
    assert values[-1, 0] == pytest.approx(0.32e-5, rel=0.02)


def test_fashioniq_schedule_equals_the_published_code() -> None:
    values = course(fashioniq_schedule(30), 2e-5, 30, 20)
    assert np.array_equal(values[:, 0], RECORDED["fiq_lr_30ep_20steps"])
    assert np.array_equal(values[:, 1], RECORDED["fiq_beta1"])


@pytest.mark.parametrize("steps", [1, 2, 3, 20])
def test_short_runs_have_a_schedule(steps: int) -> None:
    for epochs in (1, 2, 3):
        for schedule in (fashioniq_schedule(epochs), cirr_schedule(epochs)):
            values = course(schedule, 1e-4, epochs, steps)
            assert np.isfinite(values).all()
            assert values[:, 0].max() <= 1e-4 * (1 + 1e-9)


def test_epochs_without_a_schedule_are_refused() -> None:
    with pytest.raises(ScheduleError, match="80 epochs, 81"):
        cirr_schedule(81)
    with pytest.raises(ScheduleError, match="0 epochs"):
        fashioniq_schedule(0)


def test_the_optimiser_is_the_published_one() -> None:
    frozen = nn.Parameter(torch.zeros(1), requires_grad=False)
    layer = nn.Linear(2, 2)
    optimizer = build_optimizer([frozen, *layer.parameters()], 1e-5)
    (group,) = optimizer.param_groups
    assert len(group["params"]) == 2
    assert (group["betas"], group["eps"], group["weight_decay"]) == ((0.9, 0.98), 1e-7, 0.05)
