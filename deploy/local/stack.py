"""Processes that live and end together, with one log.

Honcho starts each in a session of its own, reads its lines and prints them with name and time;
what is decided here is what may run when, and how all of it ends.
"""

import contextlib
import os
import queue
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from honcho.colour import get_colours
from honcho.printer import Message, Printer
from honcho.process import Process

_CHILD: Final = Path(__file__).with_name("child.py")
_POLL_S: Final = 0.1
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_OWN_NAME: Final = "recompose"


class StackError(Exception):
    """The stack cannot go on; the text is one sentence."""


class EndAsked(Exception):
    """Somebody asked for the end: Ctrl-C, or a signal."""


@dataclass
class _Part:
    process: Process
    is_step: bool
    front: bool
    pid: int | None = None
    code: int | None = None


class Stack:
    """Parts in the order they were started.

    A service runs until the stack ends: if it ends before, so does the stack. A step runs once
    and ends with 0. A front part is ended before the others, so that it can finish its work.
    """

    def __init__(self, members_lock: Path, names: Sequence[str]) -> None:
        """Prepare for parts called ``names``; nothing is started yet.

        Args:
            members_lock: file that every part holds a shared lock on while it lives.
            names: for the width of the log's first column.
        """
        self._members_lock = members_lock
        self._printer = Printer(sys.stdout, width=max(map(len, [*names, _OWN_NAME])))
        self._colours = get_colours()
        self._events: queue.Queue[Message] = queue.Queue()
        self._parts: dict[str, _Part] = {}
        self._asked: signal.Signals | None = None
        self._ending = False

    def listen(self) -> None:
        """Let SIGINT, SIGTERM and SIGHUP ask for the end, from now on."""
        for number in _SIGNALS:
            # Under nohup the end of the terminal is meant to be survived.
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)

    def say(self, text: str) -> None:
        """Write a line of the supervisor's own."""
        self._printer.write(Message("line", text, datetime.now(), _OWN_NAME, None))  # noqa: DTZ005

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        is_step: bool = False,
        front: bool = False,
    ) -> None:
        """Start a part.

        Args:
            name: in the log.
            command: program and arguments.
            environment: all of its environment.
            is_step: it is expected to end, with 0.
            front: it is ended before the others.
        """
        wrapped = [sys.executable, str(_CHILD), str(os.getpid()), str(self._members_lock)]
        process = Process(
            "exec " + shlex.join([*wrapped, *command]),
            name=name,
            colour=next(self._colours),
            env=dict(environment),
        )
        self._parts[name] = _Part(process, is_step, front)
        threading.Thread(target=process.run, args=(self._events,), daemon=True).start()

    def wait(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Keep the log going until ``condition`` holds.

        Raises:
            EndAsked: a signal came.
            StackError: a part ended that should not, or the time is over.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            self._pump()
            self._check()
            if condition():
                return
            if time.monotonic() > deadline:
                raise StackError(f"{what} did not happen within {timeout_s:g} seconds.")

    def finish(self, name: str, timeout_s: float) -> None:
        """Wait until the step ``name`` has ended with 0.

        Raises:
            EndAsked, StackError: as wait.
        """
        self.wait(lambda: self._parts[name].code == 0, f"The end of {name}", timeout_s)

    def stay(self) -> NoReturn:
        """Keep the log going for good.

        Raises:
            EndAsked, StackError: as wait.
        """
        while True:
            self._pump()
            self._check()

    def end(self, front_s: float, rest_s: float) -> None:
        """End all parts: front ones and steps first, then the others; what stays is killed.

        Another signal while this runs kills at once.
        """
        self._ending, self._asked = True, None
        self._ask_to_end(front_s, front=True)
        self._ask_to_end(rest_s)
        for name, part in self._living():
            self.say(f"{name} does not end by itself: killing it")
            _signal_group(part.pid, signal.SIGKILL)
        deadline = time.monotonic() + rest_s
        while self._living() and time.monotonic() < deadline:
            self._pump()

    def _ask_to_end(self, timeout_s: float, *, front: bool = False) -> None:
        deadline = time.monotonic() + timeout_s
        told: set[int] = set()
        while (living := self._living(front=front)) and time.monotonic() < deadline:
            for _, part in living:
                # One that was only just started has no process id for a moment.
                if part.pid is not None and part.pid not in told:
                    _signal_group(part.pid, signal.SIGTERM)
                    told.add(part.pid)
            if self._asked is not None:
                return
            self._pump()

    def _living(self, *, front: bool = False) -> list[tuple[str, _Part]]:
        return [
            (name, part)
            for name, part in self._parts.items()
            if part.code is None and (not front or part.front or part.is_step)
        ]

    def _pump(self) -> None:
        """Handle what the parts say, waiting a moment for the first of it."""
        timeout: float | None = _POLL_S
        while True:
            try:
                event = self._events.get(timeout=timeout) if timeout else self._events.get_nowait()
            except queue.Empty:
                break
            timeout = None
            part = self._parts[event.name]
            if event.type == "start":
                part.pid = event.data["pid"]
            elif event.type == "stop":
                part.code = event.data["returncode"]
                self._on_stop(event.name, part)
            else:
                self._printer.write(event)
        self._notice_orphans()

    def _on_stop(self, name: str, part: _Part) -> None:
        # What it started and left behind would hold ports and files.
        _signal_group(part.pid, signal.SIGKILL)
        if self._ending or (part.is_step and part.code == 0):
            self.say(f"{name} has ended")

    def _notice_orphans(self) -> None:
        """A part may be gone while what it started keeps its output open."""
        for part in self._parts.values():
            if part.pid is None or part.code is not None:
                continue
            with contextlib.suppress(ChildProcessError):
                flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
                if os.waitid(os.P_PID, part.pid, flags) is not None:
                    _signal_group(part.pid, signal.SIGKILL)

    def _check(self) -> None:
        if self._asked is not None:
            raise EndAsked(self._asked.name)
        for name, part in self._parts.items():
            if part.code is None or (part.is_step and part.code == 0):
                continue
            how = f"code {part.code}"
            if part.code < 0:
                how = signal.Signals(-part.code).name
            raise StackError(f"{name} has ended with {how}.")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._asked = signal.Signals(number)


def _signal_group(pid: int | None, number: signal.Signals) -> None:
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)
