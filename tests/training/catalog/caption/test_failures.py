"""A server that fails: waited for, asked again, or given up, and nothing lost or paid for twice."""

import socket
import threading
from pathlib import Path

import pytest

from tests.training.catalog.caption.chat_server import KEY, Asked, ChatServer, Reply, good
from tests.training.catalog.caption.shop import caption, rows, said


def done(folder: Path) -> int:
    return len(rows(folder / "captions.jsonl"))


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_a_failure_that_passes(shop: Path, server: ChatServer, status: int) -> None:
    server.behave = lambda asked: Reply(status=status) if asked.times == 1 else good(asked)
    assert caption(shop, server.url) == 0
    assert done(shop) == 7
    assert set(server.times.values()) == {2}
    # A server that knows idempotency keys repeats its answer to one, be it a failure.
    assert len({asked.headers["idempotency-key"] for asked in server.asked}) == 14


def test_retry_after_closes_the_way_for_all(shop: Path, server: ChatServer) -> None:
    wait = Reply(status=429, headers={"Retry-After": "1"})
    server.behave = lambda asked: wait if asked.number == 1 else good(asked)
    assert caption(shop, server.url, "--concurrency", "1") == 0
    assert done(shop) == 7
    first, second = server.asked[:2]
    assert first.question == second.question
    assert second.at - first.at >= 1
    assert set(server.charged.values()) == {1}


def test_a_wait_that_is_too_long_is_left_for_a_later_run(
    shop: Path, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    wait = Reply(status=503, headers={"Retry-After": "3600"})
    server.behave = lambda asked: wait if asked.number == 3 else good(asked)
    assert caption(shop, server.url, "--concurrency", "1") == 1
    assert len(server.asked) == 3
    assert done(shop) == 2
    assert "the server asks to wait for 60 minutes; 5 pairs are open" in said(capsys)
    assert caption(shop, server.url) == 0
    assert done(shop) == 7
    assert set(server.charged.values()) == {1}


def away(asked: Asked) -> bool:
    return int(asked.question, 16) % 2 == 0


@pytest.mark.parametrize("status", [429, 500])
def test_a_failure_that_stays_leaves_its_pairs_open(
    shop: Path, server: ChatServer, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    server.behave = lambda asked: Reply(status=status) if away(asked) else good(asked)
    assert caption(shop, server.url) == 1
    still_open = {asked.question for asked in server.asked if away(asked)}
    assert f"{len(still_open)} pairs are open" in said(capsys)
    assert done(shop) == 7 - len(still_open)
    assert rows(shop / "captions-set-aside.jsonl") == []
    assert {server.times[question] for question in still_open} == {6}
    asked_before = len(server.asked)
    server.behave = good
    assert caption(shop, server.url) == 0
    assert {asked.question for asked in server.asked[asked_before:]} == still_open
    assert done(shop) == 7
    assert set(server.charged.values()) == {1}


def test_an_answer_that_comes_too_late_is_not_paid_for_twice(
    shop: Path, server: ChatServer
) -> None:
    late = threading.Event()

    def behave(asked: Asked) -> Reply:
        if asked.times == 1:
            return Reply(content=good(asked).content, hold=late)
        late.set()
        return good(asked)

    server.behave = behave
    assert caption(shop, server.url, "--timeout", "0.5") == 0
    assert done(shop) == 7
    assert len(server.asked) > 7
    assert set(server.charged.values()) == {1}
    assert len(rows(shop / "answers" / "answers.jsonl")) == 7


def test_an_answer_that_is_lost_on_its_way_is_not_paid_for_twice(
    shop: Path, server: ChatServer
) -> None:
    server.behave = lambda asked: Reply(content=good(asked).content, lose=asked.times == 1)
    assert caption(shop, server.url) == 0
    assert done(shop) == 7
    assert set(server.times.values()) == {2}
    assert set(server.charged.values()) == {1}


@pytest.mark.parametrize(
    "raw",
    [b"<html>busy</html>", b"{", b"null", b"[]", b"{}", b'{"choices": [{}]}', b'{"choices": "x"}'],
)
def test_an_answer_that_is_no_completion(shop: Path, server: ChatServer, raw: bytes) -> None:
    server.behave = lambda asked: Reply(raw=raw) if asked.times == 1 else good(asked)
    assert caption(shop, server.url, "--per-product", "1") == 0
    assert set(server.times.values()) == {2}


def test_a_careless_server_does_no_harm(shop: Path, server: ChatServer) -> None:
    server.behave = lambda asked: Reply(
        raw=b'{"choices": [{"message": {"content": 5}}], "usage": {"prompt_tokens": "many"}}'
    )
    assert caption(shop, server.url) == 0
    assert {row["reason"] for row in rows(shop / "captions-set-aside.jsonl")} == {
        "MALFORMED_ANSWER"
    }


FINAL = {
    "refused the key in OPENAI_API_KEY (HTTP 401)": Reply(status=401),
    "has no quota left (HTTP 402)": Reply(status=402),
    "may not use gpt-4o-mini (HTTP 403)": Reply(status=403),
    "has no model gpt-4o-mini": Reply(status=404),
    "has no quota left (HTTP 429)": Reply(status=429, error={"code": "insufficient_quota"}),
}


@pytest.mark.parametrize("sentence", FINAL)
def test_what_no_retry_helps_against_ends_the_run_at_once(
    shop: Path, server: ChatServer, capsys: pytest.CaptureFixture[str], sentence: str
) -> None:
    server.behave = lambda asked: FINAL[sentence] if asked.number > 2 else good(asked)
    assert caption(shop, server.url, "--concurrency", "1") == 1
    told = said(capsys)
    assert sentence in told
    assert KEY not in told
    assert told.count("\n") == 5
    assert len(server.asked) == 3
    assert done(shop) == 2
    server.behave = good
    assert caption(shop, server.url) == 0
    assert done(shop) == 7
    assert set(server.charged.values()) == {1}


def test_what_ended_before_anything_was_done_replaces_nothing(
    shop: Path, server: ChatServer
) -> None:
    (shop / "captions.jsonl").write_text("of another captioner\n")
    server.behave = lambda asked: Reply(status=401)
    assert caption(shop, server.url) == 1
    assert (shop / "captions.jsonl").read_text() == "of another captioner\n"


def test_nobody_is_there(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        assert caption(shop, url) == 1
    assert "the server cannot be reached; 7 pairs are open" in said(capsys)


def test_a_path_that_is_not_the_apis(
    shop: Path, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert caption(shop, server.url.removesuffix("/v1")) == 1
    assert "--base-url is not that of its chat completions" in said(capsys)


@pytest.mark.parametrize(
    "url",
    ["shop.example", "ftp://shop.example", "https://", "http://me:secret@h/v1", "http://h/?key=1"],
)
def test_an_address_that_is_none(shop: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert caption(shop, url) == 1
    told = said(capsys)
    assert "--base-url must be an address" in told
    assert "secret" not in told


def test_no_key(
    shop: Path,
    server: ChatServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert caption(shop, server.url) == 1
    assert "OPENAI_API_KEY is not set" in said(capsys)
    assert server.asked == []


@pytest.mark.parametrize("key", ["sk-\u00e9", "sk-\n1", "sk-\t1"])
def test_a_key_that_is_none(
    shop: Path,
    server: ChatServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    key: str,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    assert caption(shop, server.url) == 1
    told = said(capsys)
    assert "cannot be a key" in told
    assert key not in told
    monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\n")
    assert caption(shop, server.url) == 0
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
