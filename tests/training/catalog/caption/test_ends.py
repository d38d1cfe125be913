"""Whatever ends a run, its answers stay, and the same command goes on with the rest."""

import json
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from catalog.caption.answers import Answer, Answers, answer_key
from catalog.errors import CatalogError
from catalog.pairs import Pair, PairKind
from tests.training.catalog.caption.chat_server import (
    KEY,
    Asked,
    ChatServer,
    Reply,
    captions_for,
    good,
)
from tests.training.catalog.caption.shop import caption, rows, said, start

_LONG_S = 120
"""Until a command has started, on a very busy machine."""
ANSWER = Answer("{}", "", "stop", 6000, 40, 0.000924)


def until(true: Callable[[], bool]) -> None:
    """Wait for what must happen."""
    deadline = time.monotonic() + _LONG_S
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def kept(folder: Path) -> list[str]:
    path = folder / "answers" / "answers.jsonl"
    return path.read_text().splitlines() if path.exists() else []


class Holding:
    """Good answers, but from the `first` on only when `let` is set."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.let = threading.Event()
        self.held = 0

    def __call__(self, asked: Asked) -> Reply:
        if asked.number < self.first:
            return good(asked)
        self.held += 1
        return Reply(content=good(asked).content, hold=self.let)


def end(process: "subprocess.Popen[str]") -> tuple[int, str]:
    out, err = process.communicate(timeout=_LONG_S)
    return process.returncode, out + err


def test_a_kill_loses_nothing_that_was_paid_for(shop: Path, server: ChatServer) -> None:
    holding = Holding(first=5)
    server.behave = holding
    process = start(shop, server.url, "--concurrency", "2")
    try:
        until(lambda: holding.held == 2 and len(kept(shop)) == 4)
    finally:
        process.kill()
        process.communicate(timeout=_LONG_S)
    holding.let.set()
    assert not (shop / "captions.jsonl").exists()
    paid_before = {asked.question for asked in server.asked[:4]}
    assert caption(shop, server.url) == 0
    assert {tuple(row["captions"]) for row in rows(shop / "captions.jsonl")} == {
        captions_for(asked.question) for asked in server.asked
    }
    assert len(rows(shop / "captions.jsonl")) == 7
    assert all(server.times[question] == 1 for question in paid_before)
    # Two questions were under way: they are asked again, and this server charges once for both.
    assert len(server.asked) == 9
    assert set(server.charged.values()) == {1}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_waits_for_what_is_paid_for(
    shop: Path, server: ChatServer, number: signal.Signals
) -> None:
    holding = Holding(first=3)
    server.behave = holding
    process = start(shop, server.url, "--concurrency", "2")
    try:
        until(lambda: holding.held == 2 and len(kept(shop)) == 2)
        process.send_signal(number)
        assert process.stderr is not None
        for line in process.stderr:
            if "waiting for answers that are paid for" in line:
                break
        holding.let.set()
        code, told = end(process)
    finally:
        process.kill()
    assert code == 128 + number
    assert "interrupted: 3 pairs are open, and the same command goes on with them" in told
    assert len(server.asked) == len(kept(shop)) == len(rows(shop / "captions.jsonl")) == 4
    assert caption(shop, server.url) == 0
    assert len(rows(shop / "captions.jsonl")) == len(server.asked) == 7


def test_a_second_interrupt_ends_at_once(shop: Path, server: ChatServer) -> None:
    holding = Holding(first=3)
    server.behave = holding
    process = start(shop, server.url, "--concurrency", "2")
    try:
        until(lambda: holding.held == 2 and len(kept(shop)) == 2)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        for line in process.stderr:
            if "waiting for answers that are paid for" in line:
                break
        process.send_signal(signal.SIGINT)
        code, told = end(process)
    finally:
        process.kill()
        holding.let.set()
    assert code == 128 + signal.SIGINT
    assert "Traceback" not in told
    assert len(kept(shop)) == 2


def test_the_key_is_nowhere(shop: Path, server: ChatServer) -> None:
    refused = Reply(status=400)
    server.behave = lambda asked: refused if asked.number == 1 else good(asked)
    first, told = end(start(shop, server.url))
    server.behave = lambda asked: Reply(status=401)
    second, told_too = end(start(shop, server.url, "--model", "gpt-4o"))
    assert (first, second) == (0, 1)
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    # The SDK's own log is on, so there is something to find.
    assert "HTTP" in told
    assert KEY not in told + told_too
    files = [path for path in shop.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_one_command_at_a_time(
    shop: Path, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with Answers(shop):
        assert caption(shop, server.url) == 1
    assert "another `catalog caption` is at work" in said(capsys)
    assert server.asked == []
    assert caption(shop, server.url) == 0


def test_a_line_that_a_kill_tore_is_asked_again(shop: Path, server: ChatServer) -> None:
    assert caption(shop, server.url) == 0
    path = shop / "answers" / "answers.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert caption(shop, server.url) == 0
    assert len(server.asked) == 8
    assert len({row["key"] for row in rows(path)}) == 7


@pytest.mark.parametrize("line", ["{", "[]", '{"key": "a"}', "\xff"])
def test_a_line_in_the_middle_that_is_no_answer(
    shop: Path, server: ChatServer, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    (shop / "answers").mkdir()
    (shop / "answers" / "answers.jsonl").write_bytes(line.encode("latin-1") + b"\n")
    assert caption(shop, server.url) == 1
    assert "answers.jsonl: line 1 is no answer" in said(capsys)
    assert server.asked == []


def pair(number: int) -> Pair:
    return Pair(PairKind.PRODUCT, "coat", f"images/{number}", "images/b", "1", "2")


def test_an_answer_that_does_not_fit_leaves_the_file_whole(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:  # The limit cannot be raised again in this process.
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
            with Answers(tmp_path) as answers:
                for number in range(9):
                    answers.keep("one:v1", pair(number), 0, ANSWER)
        except OSError as error:
            code = 0 if "answers.jsonl" in str(error.filename) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    lines = rows(tmp_path / "answers" / "answers.jsonl")
    assert len(lines) == 1000 // (len(json.dumps(lines[0])) + 1)
    with Answers(tmp_path) as answers:
        assert answers.get(answer_key("one:v1", pair(0), 0)) == ANSWER
        assert answers.get(answer_key("one:v1", pair(len(lines)), 0)) is None
        answers.keep("one:v1", pair(9), 0, ANSWER)
        assert answers.dollars == pytest.approx((len(lines) + 1) * ANSWER.dollars)


def test_a_disk_without_room_is_asked_for_nothing(
    shop: Path, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "answers").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(shop / "answers")]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("a small file system needs root to mount it")
    try:
        assert caption(shop, server.url) == 1
    finally:
        subprocess.run(["umount", str(shop / "answers")], check=True)
    assert "less than 16 MiB are free" in said(capsys)
    assert server.asked == []


def test_rounds_pictures_and_captioners_are_kept_apart() -> None:
    keys = {
        answer_key(captioner, Pair(PairKind.PRODUCT, "c", *pictures, "1", "2"), again)
        for captioner in ("one:v1", "one:v2")
        for pictures in (("a", "b"), ("b", "a"), ("a", "c"))
        for again in (0, 1)
    }
    assert len(keys) == 12


def test_answers_need_an_open_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        Answers(tmp_path).keep("one:v1", pair(1), 0, ANSWER)
    with Answers(tmp_path), pytest.raises(CatalogError), Answers(tmp_path):
        pass
