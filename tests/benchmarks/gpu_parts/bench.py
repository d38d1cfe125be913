"""What all GPU parts share: the model, its sizes, the device's clock, and where rows go."""

import gc
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from sprc.config import ModelConfig
from sprc.half import halve_encoder
from sprc.model import Blip2QformerCirAlignPrompt
from tests.benchmarks.gpu_parts.specs import SPECS
from tests.benchmarks.harness.rows import Row, measured
from tests.benchmarks.harness.timing import Timings


@dataclass(frozen=True)
class Sizes:
    """What is run; the defaults are for a GPU, the tests have less."""

    config: ModelConfig
    matrix: int = 8192
    batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128)
    judged: int = 64
    fusion_batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    training_batches: tuple[int, ...] = (128, 64, 32, 16)
    """Pairs; the first that fits into memory both ways is measured."""
    rounds: int = 7
    stretch_s: float = 0.2
    """What is timed at once takes about this long, so that starting it is no part of it."""


@dataclass
class Bench:
    """One run of the script."""

    device: torch.device
    sizes: Sizes
    limit_s: float = 420.0
    """Nothing new is begun after it."""
    began: float = field(default_factory=time.monotonic)
    rows: dict[str, Row] = field(default_factory=dict)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Parts that ended early, and why."""

    @property
    def cuda(self) -> bool:
        """Whether there is a GPU; without one the same code runs small, and rows mean nothing."""
        return self.device.type == "cuda"

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() - self.began > self.limit_s

    def row(self, name: str, value: float, note: str) -> None:
        """Keep a row; a KeyError where no spec has this name."""
        spec = {each.name: each for each in SPECS}[name]
        self.rows[name] = measured(spec, value, note)
        self.say(f"{name}: {value:.4g} {spec.unit}; {note}")

    def say(self, text: str) -> None:
        """Progress, on standard error."""
        passed = time.monotonic() - self.began
        print(f"{passed:7.1f} s  {text}", file=sys.stderr, flush=True)

    def model(self) -> Blip2QformerCirAlignPrompt:
        """Random weights on the device, the frozen encoder's in float16, as training has them."""
        torch.manual_seed(1)
        with torch.device(self.device):
            model = Blip2QformerCirAlignPrompt(self.sizes.config)
        with torch.no_grad():
            model.query_tokens.normal_(std=0.5)
            model.prompt_tokens.normal_(std=0.5)
        model.visual_encoder.requires_grad_(False)
        halve_encoder(model)
        return model.eval()

    def autocast(self) -> torch.autocast:
        """Float16 as in a training run."""
        return torch.autocast(self.device.type, torch.float16)

    def pixels(self, count: int) -> Tensor:
        """Noise [count, 3, S, S] float32 on the device."""
        side = self.sizes.config.vit.image_size
        return torch.randn(count, 3, side, side, device=self.device)

    def words(self, count: int) -> tuple[Tensor, Tensor]:
        """`input_ids` and `attention_mask` int64 [count, T] on the device, full length."""
        config = self.sizes.config
        shape = (count, config.text_length)
        ids = torch.randint(0, config.qformer.vocab, shape, device=self.device)
        return ids, torch.ones_like(ids)

    def alternating(self, variants: Mapping[str, Callable[[], object]]) -> dict[str, Timings]:
        """Seconds of one call of each variant, round by round in turn; fewer rounds when late."""
        repeats = {}
        for name, call in variants.items():
            call()
            once = self._seconds(call, 1)
            repeats[name] = int(min(max(self.sizes.stretch_s / once, 1), 200))
        names = list(variants)
        seconds: dict[str, list[float]] = {name: [] for name in names}
        for number in range(self.sizes.rounds):
            if number and self.late:
                break
            at = number % len(names)
            for name in names[at:] + names[:at]:
                seconds[name].append(self._seconds(variants[name], repeats[name]))
        return {name: Timings(tuple(found)) for name, found in seconds.items()}

    def _seconds(self, call: Callable[[], object], repeat: int) -> float:
        """Mean over `repeat` calls, by the GPU's own clock where there is one."""
        if not self.cuda:
            began = time.perf_counter()
            for _ in range(repeat):
                call()
            return (time.perf_counter() - began) / repeat
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize(self.device)
        start.record()
        for _ in range(repeat):
            call()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1e3 / repeat

    def peak_bytes(self, call: Callable[[], object]) -> int | None:
        """The most memory that tensors held during a call; none without a GPU."""
        if not self.cuda:
            call()
            return None
        torch.cuda.synchronize(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        call()
        torch.cuda.synchronize(self.device)
        return torch.cuda.max_memory_allocated(self.device)

    @contextmanager
    def room_for(self, what: str) -> Iterator[None]:
        """What does not fit into memory is told and left out; others are measured all the same."""
        try:
            yield
        except torch.OutOfMemoryError:
            self.say(f"{what}: out of memory, left out")
        finally:
            gc.collect()
            if self.cuda:
                torch.cuda.empty_cache()
