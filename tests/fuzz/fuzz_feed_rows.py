"""Rows of a feed: each becomes a product or is refused alone, and the count told before is right.

The first byte says which format the rest is in.
"""

import tempfile
from pathlib import Path

from indexer.feed import open_feed
from indexer.product import Mapper
from indexer.rows import FeedError, RowError

JSONL = b"\0"
CSV = b"\1"

LONGEST = 4096
"""Bytes of an input."""


def corpus() -> list[bytes]:
    """Feeds of both formats, whole and broken."""
    lines = [
        b'{"id": "a", "title": "Coat", "image": "a.jpg", "attributes": {"price": 5, "tags": []}}\n',
        b'\xef\xbb\xbf{"id": 7, "color": "red", "hood": true}\r\n\r\n{"id": null}\n',
        b'{"id": "\\ud800", "price": 1e999}\n[1]\n{"id": {"a": [[[[[[[[[1]]]]]]]]]}}\nNaN\n',
        b'{"id": "b", "price": 100000000000000000000000000, "a": null, "b": ""}\n\x0c\n\xff\n',
    ]
    tables = [
        b'id,title,price,hood\na,"Coat, long",12.5,true\nb,Hat,7,false\n',
        b'\xef\xbb\xbfid;x,id,image\n"1","a ""b""\nc",x.jpg\n\n2,3\n',
        b"id,price\n\xff,1e5\na,007\n\n\x00,-0.5\n",
        b'id, price ,price\na,1,2\n"',
    ]
    return [JSONL + line for line in lines] + [CSV + table for table in tables]


_FOLDER = tempfile.TemporaryDirectory(prefix="recompose-fuzz-")
_PLACES = {JSONL: Path(_FOLDER.name, "feed.jsonl"), CSV: Path(_FOLDER.name, "feed.csv")}
_MAPPER = Mapper(Path(_FOLDER.name))


def TestOneInput(data: bytes) -> None:  # noqa: N802 (the name that fuzzers look for)
    path = _PLACES[CSV if data[:1] > b"\x7f" or data[:1] == CSV else JSONL]
    path.write_bytes(data[1:])
    try:
        feed = open_feed(path)
        rows = list(feed.read())
    except FeedError:
        return
    if [row.number for row in rows] != list(range(1, feed.rows + 1)):
        raise AssertionError((feed.rows, [row.number for row in rows]))
    for row in rows:
        try:
            product = _MAPPER.product(row)
            _MAPPER.picture(row)
        except RowError as error:
            if not (error.reason and error.message):
                raise AssertionError(repr(error)) from error
        else:
            product.SerializeToString()
