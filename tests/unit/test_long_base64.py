"""Long pictures in JSON: what is taken out comes back whole, and nothing else is changed by it."""

import base64
import json
import random
import sys
import threading
import time
from typing import Any

import pytest

from gateway.long_base64 import LONG_BYTES, PIECE_BYTES, LongBase64, decode_base64, lift
from gateway.rest_codec import PRODUCT_FORM, SEARCH_FORM, decode_product, decode_search
from gateway.rest_parse import Parsed, parse, parse_json
from retrieval.domain import UploadReference
from retrieval.errors import InvalidImage, MalformedRequest

PICTURE = random.Random(0).randbytes(300_000)
TEXT = base64.b64encode(PICTURE).decode()


def plain(document: Any) -> Any:
    """With every picture as the text that it was."""
    if isinstance(document, LongBase64):
        return str(document)
    if isinstance(document, dict):
        return {name: plain(value) for name, value in document.items()}
    return [plain(item) for item in document] if isinstance(document, list) else document


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    ("document", "lifted"),
    [
        ({"reference": {"image": {"content": TEXT}}, "page_size": 3}, 1),
        ({"a": {"content": TEXT}, "b": {"content": TEXT}, "c": "content"}, 2),
        ({"content": TEXT, 'k"content': TEXT, "content ": TEXT}, 2),
        ({"content": [TEXT], "x": '"content":"'}, 0),
        ({"content": TEXT[:LONG_BYTES]}, 0),
        ({"content": TEXT + "="}, 0),
        ({"content": TEXT[:-1] + "\n"}, 0),
        ({"content": TEXT[:-1] + "é"}, 0),
        ({"content": "x" * 8 + TEXT[1:] + '"'}, 0),
        ({"content": {"content": {"content": TEXT}}, "z": ["content", {"content": TEXT}]}, 2),
    ],
)
def test_what_is_read_is_what_was_written(document: Any, lifted: int, indent: int | None) -> None:
    raw = json.dumps(document, indent=indent, ensure_ascii=False).encode()
    assert len(lift(raw)[1]) == lifted
    assert plain(parse_json(raw)) == document


def test_the_last_of_equal_names_counts_as_in_any_json() -> None:
    raw = b'{"content": "%s", "content": "short"}' % TEXT.encode()
    assert parse_json(raw) == {"content": "short"}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"content": "%s"' % TEXT.encode(),
        b'{"content": "%s' % TEXT.encode(),
        b'"content": "%s"}' % TEXT.encode(),
        b'{"content": "%s" "content": 1}' % TEXT.encode(),
        b'{"content": "%s"}\xff' % TEXT.encode(),
    ],
)
def test_what_is_no_json_stays_none(raw: bytes) -> None:
    with pytest.raises(MalformedRequest):
        parse_json(raw)


def test_a_place_where_a_name_is_cut_by_a_piece_is_found() -> None:
    for shift in range(-12, 2):
        filler = "x" * (PIECE_BYTES + shift - len('{"a": "", '))
        raw = json.dumps({"a": filler, "content": TEXT}).encode()
        assert len(lift(raw)[1]) == 1


@pytest.mark.parametrize("size", [0, 1, 2, 3, PIECE_BYTES, PIECE_BYTES * 3 // 4 + 1, 1_000_001])
def test_base64_is_decoded_piece_by_piece(size: int) -> None:
    content = random.Random(size).randbytes(size)
    assert decode_base64(base64.b64encode(content).decode()) == content
    assert decode_base64(memoryview(base64.b64encode(content))) == content


@pytest.mark.parametrize(
    "text", ["A", "AAA", "AAAA=", "AAAA====", "AA==AAAA", "=AAA", "AA\nA=", "AA-_", "é", "A" * 5]
)
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_base64(text)
    far = "A" * PIECE_BYTES
    with pytest.raises(ValueError, match=r"."):
        decode_base64(far + text + far)


def test_both_calls_take_a_lifted_picture() -> None:
    body = {"reference": {"image": {"content": TEXT}}}
    question = decode_search(parse("application/json", json.dumps(body).encode(), SEARCH_FORM))
    assert question.reference == UploadReference(PICTURE)
    product = {"title": "t", "image": {"content": TEXT}, "attributes": {"content": TEXT}}
    _, write = decode_product(
        parse("application/json", json.dumps(product).encode(), PRODUCT_FORM), "p-1"
    )
    assert write.attributes == {"content": TEXT}


def test_a_picture_that_is_no_base64_is_refused_by_name() -> None:
    document = {"reference": {"image": {"content": "%" + TEXT}}}
    with pytest.raises(InvalidImage) as refused:
        decode_search(Parsed(parse_json(json.dumps(document).encode())))
    assert refused.value.field == "reference.image.content"


def test_other_threads_go_on_while_the_largest_body_is_read() -> None:
    raw = json.dumps(
        {"reference": {"image": {"content": base64.b64encode(bytes(10 << 20)).decode()}}}
    ).encode()
    pieces = [raw[start : start + 65536] for start in range(0, len(raw), 65536)]
    reading = threading.Thread(target=lambda: parse_json(b"".join(pieces)))
    before_s, waits_s = sys.getswitchinterval(), []
    sys.setswitchinterval(1e-4)
    try:
        reading.start()
        while reading.is_alive():
            began_s = time.perf_counter()
            time.sleep(0)
            waits_s.append(time.perf_counter() - began_s)
    finally:
        sys.setswitchinterval(before_s)
    # Reading it in one piece lets go of the interpreter lock a handful of times.
    assert len(waits_s) >= 30
