"""A crawl in a process of its own: Scrapy's reactor cannot be started twice, nor share signals."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

_PATIENCE_S: Final = 60.0
"""For a crawl that was asked to end: requests on their way are waited for."""


def crawl(arguments: Sequence[str]) -> int:
    """Run ``catalog crawl``; returns its exit code. Its words go where ours go.

    Raises:
        KeyboardInterrupt: Ctrl-C, or SIGTERM within `sigterm_interrupts`; the crawl has ended.
    """
    path = os.pathsep.join(entry for entry in sys.path if entry)
    # A group of its own: Ctrl-C reaches it once, through us.
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "catalog", "crawl", *arguments],
        env={**os.environ, "PYTHONPATH": path},
        process_group=0,
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE_S)
        raise
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
