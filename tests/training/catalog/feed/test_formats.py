"""Rows out of the three formats, and files that are none of them."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from catalog.errors import CatalogError
from catalog.feed.formats import open_feed

ATOM = """<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">
  <title>Shop</title>
  <entry>
    <id>tag:shop.example,2026:a1</id><title>Plain</title><updated>2026-01-01</updated>
    <link href="https://shop.example/a1"/>
    <g:id>a1</g:id><g:title>Wool coat</g:title>
    <g:product_type>Clothing &gt; Coats</g:product_type>
  </entry>
</feed>"""
RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel>
  <title>Shop</title><link>https://shop.example</link>
  <item>
    <guid>1</guid><title>울 코트</title><link>https://shop.example/a1</link>
    <g:id>a1</g:id><g:price>12.00 USD</g:price>
    <g:additional_image_link>b.jpg</g:additional_image_link>
    <g:additional_image_link>c, d.jpg</g:additional_image_link>
    <g:shipping><g:country>KR</g:country><g:price>9 USD</g:price></g:shipping>
    <g:product_detail>
      <g:section_name>Make</g:section_name>
      <g:attribute_name>Sleeve</g:attribute_name><g:attribute_value>long</g:attribute_value>
    </g:product_detail>
  </item>
  <item><g:id>a2</g:id></item>
</channel></rss>"""
BOMB = """<?xml version="1.0"?>
<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<rss><channel><item><id>&b;</id></item></channel></rss>"""
OUTSIDE = """<?xml version="1.0"?>
<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/hostname">]>
<rss><channel><item><id>&a;</id></item></channel></rss>"""


def rows(folder: Path, name: str, content: str | bytes) -> list[tuple[str, dict[str, Any]]]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    feed = open_feed(path)
    found = [(row.where, dict(row.fields)) for row in feed.read()]
    assert len(found) == feed.rows
    assert set(feed.columns) == {name for _, fields in found for name in fields}
    return found


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_with_any_delimiter(tmp_path: Path, delimiter: str) -> None:
    content = (
        f'\ufeffid{delimiter}label\r\na1{delimiter}"two\nlines"\r\n\r\na2{delimiter}"x ""y"""\r\n'
    )
    assert rows(tmp_path, "feed.csv", content) == [
        ("line 3", {"id": "a1", "label": "two\nlines"}),
        ("line 5", {"id": "a2", "label": 'x "y"'}),
    ]


def test_tsv(tmp_path: Path) -> None:
    assert rows(tmp_path, "FEED.TSV", "id\tlabel\na\tb, c\n") == [
        ("line 2", {"id": "a", "label": "b, c"})
    ]


def test_json_lines(tmp_path: Path) -> None:
    lines = ['\ufeff{"id": 1, "sizes": ["S"]}', "", '{"id": "2", "kids": true}']
    assert rows(tmp_path, "feed.jsonl", "\n".join(lines)) == [
        ("line 1", {"id": 1, "sizes": ["S"]}),
        ("line 3", {"id": "2", "kids": True}),
    ]


def test_rss(tmp_path: Path) -> None:
    first = {
        "title": "울 코트",
        "link": "https://shop.example/a1",
        "id": "a1",
        "price": "12.00 USD",
        "additional_image_link": ["b.jpg", "c, d.jpg"],
        "Sleeve": "long",
    }
    assert rows(tmp_path, "feed.xml", RSS) == [("item 1", first), ("item 2", {"id": "a2"})]


def test_atom_in_which_googles_elements_count(tmp_path: Path) -> None:
    fields = {
        "id": "a1",
        "title": "Wool coat",
        "link": "https://shop.example/a1",
        "product_type": "Clothing > Coats",
    }
    assert rows(tmp_path, "feed.atom", ATOM) == [("item 1", fields)]


def test_a_large_xml_is_read_as_a_stream(tmp_path: Path) -> None:
    """What was read is let go of."""
    item = "<item><id>a</id><description>" + "x" * 5000 + "</description></item>"
    path = tmp_path / "feed.xml"
    path.write_text("<rss><channel>" + item * 4000 + "</channel></rss>")
    tracemalloc.start()
    try:
        assert open_feed(path).rows == 4000
        assert tracemalloc.get_traced_memory()[1] < path.stat().st_size / 10
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "The row is not JSON."),
        ('{"price": NaN}', "The row is not JSON."),
        ("[" * 100_000, "The row is not JSON."),
        ('"text"', "The row is no JSON object."),
    ],
)
def test_a_broken_line_is_that_row_alone(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "feed.jsonl"
    path.write_text('{"id": "1"}\n' + line + '\n{"id": "2"}\n')
    first, broken, last = open_feed(path).read()
    assert (first.problem, last.problem) == (None, None)
    assert broken.problem is not None
    assert (broken.where, broken.problem.message) == ("line 2", message)


def test_a_csv_row_of_another_length_is_that_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("id,label\na\nb,coat\n")
    broken, whole = open_feed(path).read()
    assert broken.problem is not None
    assert broken.problem.message == "The row has 1 values, where the header has 2."
    assert whole.fields == {"id": "b", "label": "coat"}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("feed.csv", "", "is empty; a CSV feed begins with a header"),
        ("feed.csv", "id,label\n", "has no products"),
        ("feed.jsonl", "\n\n", "has no products"),
        ("feed.xml", "<rss><channel/></rss>", "has no products"),
        ("feed.xml", "", "is not XML"),
        ("feed.xml", "<rss><channel><item><id>a</id>", "is not XML"),
        ("feed.csv", "id,label\na,\xe9\n".encode("latin-1"), "is not UTF-8"),
        ("feed.csv", "id,label\na,b\n".encode("utf-16"), "is not UTF-8"),
        ("feed.jsonl", '{"id": "\xe9"}\n'.encode("latin-1"), "is not UTF-8"),
        ("feed.xml", "<rss><item><id>\xe9</id></item></rss>".encode("latin-1"), "is not XML"),
        (
            "feed.xml",
            '<?xml version="1.0" encoding="euc-kr"?><rss><item><id>코</id></item></rss>'.encode(
                "euc-kr"
            ),
            "is not UTF-8",
        ),
        ("feed.xml", BOMB, "declares entities of its own"),
        ("feed.xml", OUTSIDE, "declares entities of its own"),
        ("feed.csv", "id,id\na,b\n", "two of one name"),
        ("feed.csv", "id,\na,b\n", "a column without a name"),
        ("feed.csv", 'id,label\n"a"b,c\n', "is not CSV at line 2"),
        ("feed.csv", 'id,label\na,"never closed\n', "is not CSV at line 2"),
        ("feed.json", json.dumps([{"id": "a"}]), "is one JSON array"),
        ("feed.jsonl", '{"id": "' + "a" * (1 << 20) + '"}', "line 1 is longer than a product"),
        ("feed.xlsx", "PK", "is of no known format"),
        ("feed", "id\n1\n", "is of no known format"),
    ],
)
def test_unusable(tmp_path: Path, name: str, content: str | bytes, sentence: str) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CatalogError, match=sentence) as caught:
        open_feed(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="cannot be read: No such file"):
        open_feed(tmp_path / "feed.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(CatalogError, match="is not a file"):
        open_feed(tmp_path / "folder.csv")
