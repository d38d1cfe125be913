"""Every kind of broken row, from the feed's bytes to the line that a shop's staff read."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.grpc_codec import decode_write
from indexer.batches import Fold, make_batches
from indexer.dead_letter import DeadLetters
from indexer.feed import open_feed
from indexer.product import MAX_IMAGE_BYTES, Mapper
from indexer.remedies import REMEDIES, remedy
from indexer.rows import Row, RowError
from retrieval.domain import Deadline, ImportOutcome
from retrieval.errors import SENTENCES
from tests.support.core import Core, picture, running_core
from tests.support.picture_cases import REFUSED

GOOD = '{"id": "good", "title": "secret", "image": "good.png"}'
LONG = "secret " * 100
JSON_ROWS = {
    "not JSON": ("secret", "ROW_UNREADABLE"),
    "cut short": ('{"id": "a", "title": "secret', "ROW_UNREADABLE"),
    "no object": ('["secret"]', "ROW_UNREADABLE"),
    "a title that is no text": ('{"id": "a", "title": ["secret"]}', "ROW_UNREADABLE"),
    "a lone surrogate": ('{"id": "a", "title": "secret \\ud800"}', "ROW_UNREADABLE"),
    "over 1 MiB": ('{"id": "a", "note": "' + "a" * (1 << 20) + '"}', "ROW_TOO_LARGE"),
    "no id": ('{"title": "secret"}', "PRODUCT_ID_INVALID"),
    "an id with a slash": ('{"id": "secret/1", "image": "good.png"}', "PRODUCT_ID_INVALID"),
    "an id of two lines": ('{"id": "a\\nb", "image": "good.png"}', "PRODUCT_ID_INVALID"),
    "a long title": (
        json.dumps({"id": "a", "title": LONG, "image": "good.png"}),
        "TITLE_INVALID",
    ),
    "a price of words": (
        '{"id": "a", "image": "good.png", "price": "secret"}',
        "ATTRIBUTES_INVALID",
    ),
    "attributes that are a list": ('{"id": "a", "attributes": ["secret"]}', "ATTRIBUTES_INVALID"),
    "a field name with a space": (
        '{"id": "a", "image": "good.png", "secret name": 1}',
        "ATTRIBUTES_INVALID",
    ),
    "an object within": (
        '{"id": "a", "image": "good.png", "size": {"secret": 1}}',
        "ATTRIBUTES_INVALID",
    ),
    "no picture": ('{"id": "a", "title": "secret"}', "IMAGE_REQUIRED"),
    "a file that is not there": ('{"id": "a", "image": "secret.png"}', "IMAGE_FILE_MISSING"),
    "a folder": ('{"id": "a", "image": "."}', "IMAGE_FILE_MISSING"),
    "a file of 11 MiB": ('{"id": "a", "image": "large.png"}', "IMAGE_TOO_MANY_BYTES"),
    "an address": ('{"id": "a", "image": "https://secret.example/a"}', "IMAGE_URI_DISABLED"),
}


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    (tmp_path / "good.png").write_bytes(picture(1))
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(MAX_IMAGE_BYTES + 1)
    with running_core(tmp_path / "pictures") as core:
        yield core


async def imported(core: Core, feed: Path) -> list[dict[str, object]]:
    """The dead letters of a feed, as the indexer writes them on what the real service answers."""
    opened = open_feed(feed)
    failures: list[tuple[Row, str, str]] = []
    for batch in make_batches(opened.read(), Fold(), Mapper(feed.parent), "default", 64):
        for row, entry in batch.entries:
            if isinstance(entry, RowError):
                failures.append((row, entry.reason, entry.message))
                continue
            image = entry.image if entry.HasField("image") else None
            write = decode_write(entry.product, image)
            [result] = await core.catalog.import_products("", [write], Deadline.after(60))
            if result.outcome is ImportOutcome.FAILED:
                failures.append((row, result.reason, result.message))
    letters = feed.with_name("letters.jsonl")
    DeadLetters(letters, 0).write(failures)
    return [json.loads(line) for line in letters.read_text().splitlines()]


@pytest.mark.parametrize(("text", "reason"), JSON_ROWS.values(), ids=JSON_ROWS)
async def test_a_broken_row_is_told_in_sentences(
    core: Core, tmp_path: Path, text: str, reason: str
) -> None:
    feed = tmp_path / "feed.jsonl"
    feed.write_text(f"{GOOD}\n\n{text}\n")
    [letter] = await imported(core, feed)
    assert (letter["row"], letter["line"], letter["reason"]) == (2, 3, reason)
    assert is_sentence(letter["message"])
    assert letter["remedy"] == REMEDIES[reason]
    del letter["id"]  # which alone is the row's own
    assert "secret" not in json.dumps(letter)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"a,b,c,d", "ROW_UNREADABLE"),
        (b"a", "ROW_UNREADABLE"),
        (b"a,\xff,good.png", "ROW_UNREADABLE"),
        (b",title,good.png", "PRODUCT_ID_INVALID"),
        (b"a,title,", "IMAGE_REQUIRED"),
    ],
)
async def test_a_broken_csv_row_is_told_in_sentences(
    core: Core, tmp_path: Path, row: bytes, reason: str
) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_bytes(b"id,title,image\ngood,title,good.png\n" + row + b"\n")
    [letter] = await imported(core, feed)
    assert (letter["row"], letter["line"], letter["reason"]) == (2, 3, reason)
    assert letter["remedy"] == REMEDIES[reason]


async def test_a_broken_picture_is_told_in_sentences(core: Core, tmp_path: Path) -> None:
    """One picture for each reason that a picture may be refused for."""
    cases = {case.reason: case for case in REFUSED}
    rows = []
    for number, case in enumerate(cases.values()):
        (tmp_path / f"{number}.png").write_bytes(case.make())
        rows.append(json.dumps({"id": f"p{number}", "image": f"{number}.png"}))
    feed = tmp_path / "feed.jsonl"
    feed.write_text("\n".join(rows))
    letters = await imported(core, feed)
    assert [letter["reason"] for letter in letters] == list(cases)
    for letter in letters:
        assert is_sentence(letter["message"])
        assert letter["remedy"] == REMEDIES[str(letter["reason"])]


def test_every_reason_of_a_product_has_a_remedy_of_its_own() -> None:
    products = ("PRODUCT_ID_", "TITLE_", "ATTRIBUTES_", "IMAGE_")
    reasons = {str(reason) for reason in SENTENCES if str(reason).startswith(products)}
    reasons.remove("IMAGE_ENCODING_INVALID")  # of base64 in JSON, which no import sends
    assert reasons <= set(REMEDIES)
    assert all(map(is_sentence, REMEDIES.values()))
    assert len(set(REMEDIES.values())) == len(REMEDIES)


def test_a_reason_that_is_not_known_yet_has_a_remedy_too() -> None:
    assert is_sentence(remedy("SOMETHING_NEW"))


def is_sentence(text: object) -> bool:
    return isinstance(text, str) and text[:1].isupper() and text.endswith(".")
