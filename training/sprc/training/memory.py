"""The most memory that a stretch of work held at once."""

import ctypes
from pathlib import Path

import torch

# proc(5): writing 5 there makes VmHWM begin again at what is resident now.
_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class PeakMemory:
    """Of a GPU, what tensors held; of the CPU, what was resident of this process in all."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._counts = False

    def reset(self) -> None:
        """Begin a stretch."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            self._counts = True
            return
        _give_back_freed()
        try:
            _RESET.write_text("5")
        except OSError:
            self._counts = False
        else:
            self._counts = True

    def peak_bytes(self) -> int | None:
        """The peak of the stretch; none where the system does not count it."""
        if not self._counts:
            return None
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        entries = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        return 1024 * int(entries["VmHWM"].removesuffix("kB"))


def _give_back_freed() -> None:
    """Have glibc return what is free: an earlier stretch's would count as held by this one."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
