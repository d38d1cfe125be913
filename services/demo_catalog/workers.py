"""Processes that draw: one per usable core, gone with their parent however it ends."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


@contextmanager
def pool_map(
    work: Callable[[Task], Result], tasks: Sequence[Task], workers: int | None = None
) -> Iterator[Iterator[Result]]:
    """Results in order of the tasks, worked out here if there is one worker.

    Args:
        work: a function of a module, which fresh processes can import.
        tasks: what can be pickled.
        workers: processes; by default one per usable core, and never more than tasks.
    """
    workers = min(workers or _usable_cores(), len(tasks))
    if workers == 1:
        yield map(work, tasks)
        return
    context = multiprocessing.get_context("spawn")  # safe in a process that has threads
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker) as pool:
        try:
            yield pool.map(work, tasks)
        except BaseException:
            pool.shutdown(cancel_futures=True)  # else leaving would work off all the rest first
            raise


def _start_worker() -> None:
    """Leave an interrupt to the parent, and end with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
