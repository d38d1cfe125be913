"""Turns: in the order they came, one at a time, and writes held back where that is asked."""

from __future__ import annotations

import threading
import time

from qdrant_edge_server.turn import Turn


class Queue:
    """Threads that each want a turn, begun one after another."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.had: list[str] = []
        self._threads: list[threading.Thread] = []

    def wants(self, name: str, *, write: bool = False) -> None:
        waiting = self.turn.waiting
        thread = threading.Thread(target=self._have, args=(name, write))
        self._threads.append(thread)
        thread.start()
        while self.turn.waiting == waiting:
            time.sleep(0.001)

    def _have(self, name: str, write: bool) -> None:
        with self.turn.taken(write=write) as waited_s:
            assert waited_s > 0
            self.had.append(name)

    def all_had(self, count: int) -> list[str]:
        end = time.monotonic() + 5
        while len(self.had) < count and time.monotonic() < end:
            time.sleep(0.001)
        return self.had

    def join(self) -> None:
        for thread in self._threads:
            thread.join(5)


def test_first_come_first_served() -> None:
    turn = Turn()
    queue = Queue(turn)
    with turn.taken():
        for name in "abcdef":
            queue.wants(name)
        assert turn.waiting == 6
        assert queue.had == []
    queue.join()
    assert queue.had == list("abcdef")
    assert turn.waiting == 0


def test_held_writes_wait_and_reads_do_not() -> None:
    turn = Turn()
    queue = Queue(turn)
    with turn.taken():
        queue.wants("write 1", write=True)
        queue.wants("read 1")
        queue.wants("write 2", write=True)
        queue.wants("read 2")
        turn.hold_writes()
    assert queue.all_had(2) == ["read 1", "read 2"]
    assert turn.waiting == 2
    with turn.taken():
        queue.wants("read 3")
        turn.release_writes()
        queue.wants("write 3", write=True)
    queue.join()
    assert queue.had[2:] == ["write 1", "write 2", "read 3", "write 3"]


def test_a_failure_ends_a_turn() -> None:
    turn = Turn()
    try:
        with turn.taken():
            raise ValueError
    except ValueError:
        pass
    with turn.taken(write=True):
        assert turn.waiting == 0
