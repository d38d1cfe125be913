"""The supervisor, over small stand-ins for the parts: nothing outlives it, nothing ends unseen."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from deploy.local.claim import ClaimError, claim, end_other

_ROOT = Path(__file__).parents[3]
_STAND_IN = Path(__file__).with_name("stand_in.py")

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a stack of the given parts; its log goes to tmp_path/log."""
    with ExitStack() as started:

        def start_stack(*parts: dict[str, Any], ready: bool = True) -> "subprocess.Popen[str]":
            log = started.enter_context((tmp_path / "log").open("w"))
            process = subprocess.Popen(
                [sys.executable, str(_STAND_IN), str(tmp_path / "data"), json.dumps(parts)],
                env={**os.environ, "PYTHONPATH": str(_ROOT), "MARK": str(tmp_path)},
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
            started.callback(process.wait, 20)
            started.callback(process.send_signal, signal.SIGTERM)
            if ready:
                here = json.dumps(parts).count("echo here")
                _wait_for(lambda: "ready" in (tmp_path / "log").read_text())
                _wait_for(lambda: (tmp_path / "log").read_text().count("| here") == here)
            return process

        yield start_stack


def shell(name: str, script: str, **more: Any) -> dict[str, Any]:
    """A part that runs ``script``."""
    return {"name": name, "command": ["sh", "-c", script], **more}


def test_an_end_that_was_asked_for_ends_all_in_order_children_included(
    start: Start, tmp_path: Path
) -> None:
    # The mark in the environment tells whose processes these are.
    note = (
        "trap 'echo {0} >> $MARK/ended; exit 0' TERM; sleep 300 & echo here; while :; do wait; done"
    )
    process = start(
        shell("store", note.format("store")),
        shell("door", note.format("door"), front=True),
        shell("cache", note.format("cache")),
    )
    assert len(_processes(tmp_path)) == 6
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    ended = (tmp_path / "ended").read_text().split()
    assert ended[0] == "door"
    assert sorted(ended) == ["cache", "door", "store"]
    assert _processes(tmp_path) == []


@pytest.mark.parametrize(
    ("script", "how"),
    [("exit 3", "code 3"), ("exit 0", "code 0"), ("kill -9 $$", "SIGKILL")],
)
def test_a_part_that_ends_is_named_and_ends_the_stack(
    start: Start, tmp_path: Path, script: str, how: str
) -> None:
    process = start(shell("steady", "exec sleep 300"), shell("weak", f"sleep 0.5; {script}"))
    assert process.wait(10) == 1
    assert f"weak has ended with {how}. Ending all parts." in (tmp_path / "log").read_text()
    assert _processes(tmp_path) == []


def test_a_step_ends_and_the_rest_goes_on(start: Start, tmp_path: Path) -> None:
    process = start(
        shell("steady", "exec sleep 300"),
        shell("step", "echo work is done", is_step=True),
        shell("after", "exec sleep 300"),
    )
    log = (tmp_path / "log").read_text()
    assert "step      | work is done" in log
    assert process.poll() is None


def test_a_step_that_fails_ends_the_stack(start: Start, tmp_path: Path) -> None:
    process = start(
        shell("steady", "exec sleep 300"), shell("step", "exit 2", is_step=True), ready=False
    )
    assert process.wait(10) == 1
    assert "step has ended with code 2" in (tmp_path / "log").read_text()


def test_a_part_whose_children_keep_its_output_open_is_still_seen_to_end(
    start: Start, tmp_path: Path
) -> None:
    process = start(shell("steady", "exec sleep 300"), shell("weak", "sleep 300 & sleep 0.5"))
    assert process.wait(10) == 1
    assert "weak has ended with code 0" in (tmp_path / "log").read_text()
    assert _processes(tmp_path) == []


def test_a_part_that_does_not_listen_is_killed(start: Start, tmp_path: Path) -> None:
    process = start(shell("deaf", "trap '' TERM INT; echo here; while :; do sleep 1; done"))
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert time.monotonic() - began < 8
    assert "deaf does not end by itself: killing it" in (tmp_path / "log").read_text()
    assert _processes(tmp_path) == []


def test_a_second_signal_does_not_wait(start: Start, tmp_path: Path) -> None:
    process = start(shell("deaf", "trap '' TERM; echo here; while :; do sleep 1; done", front=True))
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert time.monotonic() - began < 2


def test_a_killed_supervisor_takes_its_parts_with_it(start: Start, tmp_path: Path) -> None:
    process = start(
        shell("one", "echo here; exec sleep 300"), shell("two", "echo here; exec sleep 300")
    )
    assert len(_processes(tmp_path)) >= 2
    process.kill()
    process.wait(10)
    _wait_for(lambda: _processes(tmp_path) == [])
    # Its lock and its process id mean nothing any more.
    assert end_other(tmp_path / "data") == f"Nothing is running in {tmp_path / 'data'}."
    with claim(tmp_path / "data"):
        pass


def test_it_can_be_ended_from_elsewhere(start: Start, tmp_path: Path) -> None:
    process = start(
        shell("slow", "trap 'sleep 1; exit 0' TERM; echo here; while :; do sleep 0.1; done")
    )
    assert end_other(tmp_path / "data") == f"The stack in {tmp_path / 'data'} has ended."
    assert _processes(tmp_path) == []
    assert process.wait(1) == 0
    assert end_other(tmp_path / "data") == f"Nothing is running in {tmp_path / 'data'}."


def test_a_folder_has_one_stack(start: Start, tmp_path: Path) -> None:
    process = start(shell("one", "exec sleep 300"))
    with pytest.raises(ClaimError, match=f"in use by another stack .process {process.pid}"):
        claim(tmp_path / "data").__enter__()
    assert process.poll() is None


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClaimError, match="cannot be written"):
        claim(tmp_path / "file").__enter__()


def _processes(mark: Path) -> list[int]:
    """Processes of a stack other than the supervisor's own."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                environment = (folder / "environ").read_bytes()
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if f"MARK={mark}\0".encode() in environment and b"stand_in" not in command:
                found.append(int(folder.name))
    return found


def _wait_for(condition: Callable[[], bool], timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
