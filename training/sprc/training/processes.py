"""One process or several: who this one is, where it computes, and how they exchange tensors."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed

from sprc.training.errors import TrainingError

# The first process makes the feature cache and validates while the others wait.
_PATIENCE = timedelta(hours=24)


@dataclass(frozen=True)
class Processes:
    """This process among those of a run."""

    rank: int
    world: int
    device: torch.device

    @property
    def main(self) -> bool:
        """Whether this one validates, reports and writes."""
        return self.rank == 0

    def wait(self) -> None:
        """Return when all processes are here."""
        if self.world > 1:
            distributed.barrier()

    def mean(self, values: Tensor) -> Tensor:
        """The mean over processes of a tensor without gradient."""
        if self.world == 1:
            return values
        values = values.clone()
        distributed.all_reduce(values)
        return values / self.world

    def gather(self, values: Tensor) -> Tensor:
        """Every process's [B, ...] in order of rank, [world * B, ...]; gradients flow back."""
        if self.world == 1:
            return values
        gathered: Tensor = _Gather.apply(values, self.rank, self.world)  # type: ignore[no-untyped-call]
        return gathered


class _Gather(torch.autograd.Function):
    """All-gather whose backward adds up what every process wants of one's own rows."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, rank: int, world: int) -> Tensor:
        ctx.rank, ctx.rows = rank, len(values)
        parts = [torch.empty_like(values) for _ in range(world)]
        distributed.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None]:
        total = gradients[0].contiguous()
        distributed.all_reduce(total)
        return total[ctx.rank * ctx.rows : (ctx.rank + 1) * ctx.rows], None, None


@contextmanager
def join_processes(device: str) -> Iterator[Processes]:
    """Be one of torchrun's processes, or the only one.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        TrainingError: There is no such device.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    chosen = _device(device, int(os.environ.get("LOCAL_RANK", "0")), world)
    if world > 1:
        backend = "nccl" if chosen.type == "cuda" else "gloo"
        distributed.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield Processes(rank, world, chosen)
    finally:
        if world > 1:
            distributed.destroy_process_group()


def _device(name: str, local_rank: int, world: int) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise TrainingError(f"{name} is no device; give auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise TrainingError(f"training runs on cpu or cuda, not on {name}")
    if device.type == "cpu":
        return torch.device("cpu")
    if device.index is None or world > 1:
        device = torch.device("cuda", local_rank)
    if not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count():
        raise TrainingError(f"this machine has no {device}")
    torch.cuda.set_device(device)
    return device
