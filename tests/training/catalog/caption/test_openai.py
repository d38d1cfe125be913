"""Captions come from a server as they are, what is no use is asked again once, and no more."""

import base64
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from tests.training.catalog.caption.chat_server import (
    KEY,
    Asked,
    ChatServer,
    Reply,
    captions_for,
    good,
)
from tests.training.catalog.caption.shop import caption, rows, said


def written(first: str, second: str) -> Reply:
    return Reply(content=json.dumps({"first": first, "second": second}))


def test_captions_are_the_servers(shop: Path, server: ChatServer) -> None:
    assert caption(shop, server.url) == 0
    captions = rows(shop / "captions.jsonl")
    assert len(captions) == len(server.asked) == 7
    assert {tuple(row["captions"]) for row in captions} == {
        captions_for(asked.question) for asked in server.asked
    }
    assert {row["kind"] for row in captions} == {"snapshot", "product"}
    assert list(captions[0]) == [
        *("kind", "category", "reference", "target", "reference_id", "target_id"),
        *("captions", "captioner"),
    ]
    assert {row["captioner"] for row in captions} == {"openai:gpt-4o-mini:v1"}
    assert rows(shop / "captions-set-aside.jsonl") == []


def test_what_is_asked(shop: Path, server: ChatServer) -> None:
    assert caption(shop, server.url, "--model", "gpt-4o-mini-2024-07-18") == 0
    for asked in server.asked:
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        assert asked.body["model"] == "gpt-4o-mini-2024-07-18"
        form = asked.body["response_format"]
        assert form["type"] == "json_schema"
        assert form["json_schema"]["strict"] is True
        schema = form["json_schema"]["schema"]
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"]) == ["first", "second"]
        text, *pictures = asked.body["messages"][1]["content"]
        assert "coat" in text["text"]
        assert len(pictures) == 2
        for picture in pictures:
            assert picture["image_url"]["detail"] == "low"
            kind, content = picture["image_url"]["url"].split(",")
            assert kind == "data:image/jpeg;base64"
            with Image.open(io.BytesIO(base64.b64decode(content))) as image:
                assert (image.format, max(image.size)) == ("JPEG", 512)
    tasks = {asked.body["messages"][1]["content"][0]["text"] for asked in server.asked}
    assert sum("worn" in task for task in tasks) == 1


def test_a_second_run_costs_nothing(
    shop: Path, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    caption(shop, server.url)
    first, asked = (shop / "captions.jsonl").read_bytes(), len(server.asked)
    monkeypatch.delenv("OPENAI_API_KEY")
    assert caption(shop, server.url) == 0
    assert (shop / "captions.jsonl").read_bytes() == first
    assert len(server.asked) == asked


def test_another_model_is_asked_anew(shop: Path, server: ChatServer) -> None:
    caption(shop, server.url)
    asked = len(server.asked)
    assert caption(shop, server.url, "--model", "gpt-4o") == 0
    assert len(server.asked) == 2 * asked
    assert {row["captioner"] for row in rows(shop / "captions.jsonl")} == {"openai:gpt-4o:v1"}


NO_USE = {
    "REFUSED": Reply(refusal="I can't help with pictures of people."),
    "MALFORMED_ANSWER": Reply(content='{"first": "is re'),
    "NOT_ENGLISH": written("es negro con mangas largas", "is blue with stripes"),
    "SAYS_NO_DIFFERENCE": written("is the same", "is blue with stripes"),
    "MORE_THAN_ONE_SENTENCE": written("is blue. It has a hood", "is blue with stripes"),
    "NAMES_PRODUCT": written("is the Ulvsund one in red", "is blue with stripes"),
    "SAME_TWICE": written("is blue", "Is blue."),
    "TOO_LONG": written("is blue", "has " + ", ".join(["red and green buttons"] * 10)),
    "EMPTY": written("is blue", "."),
}


@pytest.mark.parametrize("reason", NO_USE)
def test_what_is_no_use_is_asked_again_once(shop: Path, server: ChatServer, reason: str) -> None:
    server.behave = lambda asked: good(asked) if asked.again else NO_USE[reason]
    assert caption(shop, server.url) == 0
    captions = rows(shop / "captions.jsonl")
    assert len(server.asked) == 2 * len(captions)
    assert set(server.charged.values()) == {1}
    again = [asked for asked in server.asked if asked.again]
    assert {tuple(row["captions"]) for row in captions} == {
        captions_for(asked.question) for asked in again
    }
    for asked in again:
        answer, complaint = asked.body["messages"][2:]
        assert (answer["role"], complaint["role"]) == ("assistant", "user")
        assert answer["content"] == (NO_USE[reason].content or "{}")
        assert "cannot be used" in complaint["content"]


@pytest.mark.parametrize("reason", NO_USE)
def test_what_is_no_use_twice_is_set_aside_for_good(
    shop: Path, server: ChatServer, reason: str
) -> None:
    server.behave = lambda asked: NO_USE[reason]
    assert caption(shop, server.url) == 0
    aside = rows(shop / "captions-set-aside.jsonl")
    assert {row["reason"] for row in aside} == {reason}
    assert all(row["message"].endswith(".") for row in aside)
    assert rows(shop / "captions.jsonl") == []
    assert len(server.asked) == 2 * len(aside)
    assert caption(shop, server.url) == 0
    assert len(server.asked) == 2 * len(aside)
    assert rows(shop / "captions-set-aside.jsonl") == aside


@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[]",
        '["is red", "is blue"]',
        '{"first": "is red"}',
        '{"first": "is red", "second": null}',
        '{"first": "is red", "second": ["is blue"]}',
        '{"first": "is red", "second": "is blue", "third": "is green"}',
        '{"first": "is red", "second": "is blue"} and so on',
    ],
)
def test_another_form_than_asked_for(shop: Path, server: ChatServer, content: str) -> None:
    server.behave = lambda asked: Reply(content=content)
    assert caption(shop, server.url, "--per-product", "1") == 0
    assert {row["reason"] for row in rows(shop / "captions-set-aside.jsonl")} == {
        "MALFORMED_ANSWER"
    }


def test_a_code_fence_around_the_answer_is_no_fault(shop: Path, server: ChatServer) -> None:
    server.behave = lambda asked: Reply(content=f"```json\n{good(asked).content}\n```\n")
    assert caption(shop, server.url) == 0
    assert len(rows(shop / "captions.jsonl")) == len(server.asked)


@pytest.mark.parametrize("words", ["is \ud83d red", "is red. It has a \ud83d hood"])
def test_half_a_surrogate_pair_does_no_harm(shop: Path, server: ChatServer, words: str) -> None:
    # Once as JSON's escape within the answer, once as the answer's own character.
    for content in (json.dumps(words), f'"{words}"'):
        (shop / "answers" / "answers.jsonl").unlink(missing_ok=True)
        text = f'{{"first": {content}, "second": "is blue with stripes"}}'
        server.behave = lambda asked, text=text: good(asked) if asked.again else Reply(content=text)
        assert caption(shop, server.url) == 0
        assert len(rows(shop / "captions.jsonl")) == 7


def test_a_server_that_tells_no_usage_is_taken_at_the_estimate(
    shop: Path, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.behave = lambda asked: Reply(content=good(asked).content, usage=False)
    assert caption(shop, server.url) == 0
    assert all(row["dollars"] > 0 for row in rows(shop / "answers" / "answers.jsonl"))
    assert "$0.0000 spent" not in said(capsys)


def test_a_picture_that_cannot_be_read_is_set_aside_unasked(shop: Path, server: ChatServer) -> None:
    assert caption(shop, server.url) == 0
    with_it = [row for row in rows(shop / "captions.jsonl") if "coat-1" in str(row)]
    asked = len(server.asked)
    (shop / "images" / "aa" / "coat-1.jpg").write_bytes(b"no picture")
    (shop / "answers" / "answers.jsonl").unlink()
    assert caption(shop, server.url) == 0
    aside = rows(shop / "captions-set-aside.jsonl")
    assert {row["reason"] for row in aside} == {"PICTURE_UNREADABLE"}
    assert len(aside) == len(with_it)
    assert len(server.asked) == 2 * asked - len(aside)


def lead(asked: Asked) -> bool:
    """One in three questions, the same ones each time."""
    return int(asked.question, 16) % 3 == 0


def test_a_request_that_the_server_refuses_concerns_its_pair_alone(
    shop: Path, server: ChatServer
) -> None:
    server.behave = lambda asked: Reply(status=400) if lead(asked) else good(asked)
    assert caption(shop, server.url, "--concurrency", "1") == 0
    aside = rows(shop / "captions-set-aside.jsonl")
    assert {row["reason"] for row in aside} == {"REQUEST_REFUSED"}
    assert 0 < len(aside) < len(server.asked)
    server.behave = good
    assert caption(shop, server.url) == 0
    assert rows(shop / "captions-set-aside.jsonl") == []
    assert set(server.charged.values()) == {1}


def test_a_server_that_refuses_every_request_is_not_asked_on(
    shop: Path, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.behave = lambda asked: Reply(status=422)
    assert caption(shop, server.url, "--concurrency", "2") == 1
    assert len(server.asked) <= 6
    assert "may not know pictures" in said(capsys)
    assert not (shop / "captions.jsonl").exists()
