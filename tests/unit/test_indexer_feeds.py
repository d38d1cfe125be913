"""Reading feeds: what is a row, what is a broken row, and what is no feed at all."""

from pathlib import Path

import pytest

from indexer.feed import Feed, open_feed
from indexer.rows import FeedError


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def fields(feed: Feed) -> list[dict[str, object]]:
    return [dict(row.fields) for row in feed.read()]


def test_json_lines_are_numbered_and_blank_ones_skipped(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '\ufeff{"id": "a"}\n\n  \r\n{"id": "b"}\r\n{"id": "c"}')
    feed = open_feed(path)
    assert feed.rows == 3
    assert [(row.number, row.line, row.id) for row in feed.read()] == [
        (1, 1, "a"),
        (2, 4, "b"),
        (3, 5, "c"),
    ]


@pytest.mark.parametrize(
    "line", [b"\x0c", b"\x0b \t", b"\xbb", b"\xef\xbb\xbf", b" " * (1 << 21)], ids=range(5)
)
def test_what_is_blank_is_counted_as_it_is_read(tmp_path: Path, line: bytes) -> None:
    feed = open_feed(write(tmp_path, "a.jsonl", b'{"id": "a"}\n' + line + b"\n"))
    assert feed.rows == len(list(feed.read()))


@pytest.mark.parametrize(
    "line",
    [
        b'{"id": "a"',
        b"[1]",
        b"null",
        b'"a"',
        b'{"id": "\xff"}',
        b'{"price": NaN}',
        b'{"price": 1' + b"0" * 5000 + b"}",
        b'{"a":' * 100_000,
        b'{"id": "' + b"a" * (1 << 20) + b'"}',
        b"\x00",
    ],
    ids=range(10),
)
def test_a_broken_line_is_one_broken_row(tmp_path: Path, line: bytes) -> None:
    feed = open_feed(write(tmp_path, "a.jsonl", b'{"id": "a"}\n' + line + b'\n{"id": "b"}\n'))
    rows = list(feed.read())
    assert len(rows) == feed.rows == 3
    assert [row.id for row in rows] == ["a", "", "b"]
    assert [row.problem is None for row in rows] == [True, False, True]


def test_a_csv_column_has_one_type(tmp_path: Path) -> None:
    table = (
        "id,price,size,sale,code,title\n"
        "1,9.50,42,TRUE,007,12\n"
        "2,-12,M,false,123,\n"
        '3,,,,124,"a, ""b"""\n'
    )
    assert fields(open_feed(write(tmp_path, "a.csv", table))) == [
        {"id": "1", "price": 9.5, "size": "42", "sale": True, "code": "007", "title": "12"},
        {"id": "2", "price": -12.0, "size": "M", "sale": False, "code": "123", "title": ""},
        {"id": "3", "price": "", "size": "", "sale": "", "code": "124", "title": 'a, "b"'},
    ]


@pytest.mark.parametrize("value", ["007", "1e5", "1_000", "inf", "nan", "12345678901234567", "٣"])
def test_what_is_no_plain_number_stays_text(tmp_path: Path, value: str) -> None:
    feed = open_feed(write(tmp_path, "a.csv", f"id,code\n1,{value}\n"))
    assert fields(feed) == [{"id": "1", "code": value}]


def test_a_csv_row_may_span_lines(tmp_path: Path) -> None:
    feed = open_feed(write(tmp_path, "a.csv", '\ufeffid,title\n1,"two\nlines"\n\n2,one\n'))
    assert [(row.number, row.line, row.id) for row in feed.read()] == [(1, 3, "1"), (2, 5, "2")]


@pytest.mark.parametrize("line", [b"2", b"2,b,c", b"2,\xff"])
def test_a_broken_csv_row_is_one_broken_row(tmp_path: Path, line: bytes) -> None:
    feed = open_feed(write(tmp_path, "a.csv", b"id,title\n1,a\n" + line + b"\n3,c\n"))
    rows = list(feed.read())
    assert [row.problem is None for row in rows] == [True, False, True]
    assert rows[1].problem is not None
    assert rows[1].problem.reason == "ROW_UNREADABLE"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "id,title\n", "has no rows"),
        ("a.csv", "sku,title\n1,a\n", "has no column 'id'"),
        ("a.csv", "id,title,title\n1,a,b\n", "two of one name"),
        ("a.csv", "id,\n1,a\n", "column without a name"),
        ("a.csv", 'id,title\n1,"a"b\n', "is not CSV at line 2"),
        ("a.csv", "id,title\n1," + "a" * 200_000 + "\n", "is not CSV at line 2"),
        ("a.jsonl", "", "has no rows"),
        ("a.jsonl", "\n \n", "has no rows"),
        ("a.xml", "<a/>", "neither .jsonl nor .csv"),
    ],
)
def test_what_is_no_feed_is_one_sentence(
    tmp_path: Path, name: str, content: str, sentence: str
) -> None:
    with pytest.raises(FeedError, match=sentence):
        open_feed(write(tmp_path, name, content))


def test_a_feed_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="cannot be read: No such file"):
        open_feed(tmp_path / "none.csv")
    with pytest.raises(FeedError, match="is not a file"):
        open_feed(tmp_path)
