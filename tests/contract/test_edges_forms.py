"""Forms and the limits of bodies: read within bounds, whatever the headers say."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.rest_body import BodyLimits
from retrieval.domain import UploadReference
from tests.support.edges import rest_refusal, serving
from tests.support.fake_core import FakeCore, RulingCore, edge_parts

JSON = "application/json"
SEARCH = "/v1/products:search"


def form(*parts: tuple[str, bytes], end: bytes = b"--x--\r\n") -> bytes:
    return (
        b"".join(
            b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
            % (name.encode(), content)
            for name, content in parts
        )
        + end
    )


FORMS: list[tuple[str, bytes, int, str]] = [
    ("cut short", form(("modification", b"x"), end=b""), 400, "REQUEST_MALFORMED"),
    ("2,000 fields", form(*[(f"f{n}", b"x") for n in range(2000)]), 400, "REQUEST_MALFORMED"),
    (
        "a part without a name",
        b"--x\r\nContent-Type: text/plain\r\n\r\nx\r\n--x--\r\n",
        422,
        "FIELD_UNKNOWN",
    ),
    (
        "a part header of 100 KB",
        b"--x\r\nContent-Disposition: " + b"a" * 100_000 + b"\r\n\r\nx\r\n--x--\r\n",
        400,
        "REQUEST_MALFORMED",
    ),
    ("an unknown field", form(("zq", b"1"), ("image", b"p")), 422, "FIELD_UNKNOWN"),
    ("a field twice", form(("modification", b"a"), ("modification", b"b")), 422, "FIELD_INVALID"),
    ("two pictures", form(("image", b"a"), ("image", b"b")), 422, "FIELD_INVALID"),
    ("bad UTF-8", form(("modification", b"\xff")), 400, "REQUEST_MALFORMED"),
    ("bad JSON", form(("modification", b"x"), ("filter", b"{")), 400, "REQUEST_MALFORMED"),
    (
        "page_size as a word",
        form(("modification", b"x"), ("page_size", b'"5"')),
        422,
        "PAGE_SIZE_INVALID",
    ),
    ("request and a field", form(("request", b"{}"), ("modification", b"x")), 422, "FIELD_INVALID"),
    (
        "a picture and a reference",
        form(("image", b"p"), ("reference", b'{"product_id": "p"}')),
        422,
        "FIELD_INVALID",
    ),
    ("an empty form", form(), 422, "QUERY_EMPTY"),
]


@pytest.mark.parametrize(
    ("body", "status", "reason"), [case[1:] for case in FORMS], ids=[case[0] for case in FORMS]
)
async def test_forms(body: bytes, status: int, reason: str) -> None:
    core = RulingCore()
    headers = {"content-type": "multipart/form-data; boundary=x"}
    async with serving(edge_parts(core)) as edges:
        answer = await edges.rest.post(SEARCH, content=body, headers=headers)
    assert (answer.status_code, rest_refusal(answer).reason) == (status, reason)
    assert core.calls == []


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..\\\\a.png", "/dev/null", "a\0.png", "x" * 1000]
)
async def test_a_file_name_is_of_no_interest(name: str) -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        answer = await edges.rest.post(SEARCH, files={"image": (name, b"a picture")})
    assert answer.status_code == 200
    ((_, request),) = core.calls
    assert request.reference == UploadReference(b"a picture")
    assert name not in answer.text


async def _stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


LIMITS = BodyLimits(json_bytes=2000, multipart_bytes=1000, buffered_bytes=3000, read_s=0.2)


async def test_lengths_are_bounded_whatever_is_declared() -> None:
    core = FakeCore()
    spaces = b'{"modification": "x"' + b" " * 1979 + b"}"
    async with serving(edge_parts(core), LIMITS) as edges:

        async def post(content: Any, **headers: str) -> int:
            given = {"content-type": JSON} | {
                name.replace("_", "-"): value for name, value in headers.items()
            }
            return (await edges.rest.post(SEARCH, content=content, headers=given)).status_code

        assert await post(spaces) == 200
        assert await post(_stream(spaces[:500], spaces[500:])) == 200
        assert await post(spaces + b" ") == 413
        assert await post(_stream(spaces, b" ")) == 413
        assert await post(b"{}", content_length="2001") == 413
        assert await post(spaces + b" ", content_length="2") == 413
        assert await post(b"{}", content_length="-1") == 400
        assert await post(b"{}", content_length="9" * 30) == 400
        assert await post(b"{}", content_encoding="gzip") == 415
        form_type = "multipart/form-data; boundary=x"
        assert await post(form(("image", b"a" * 1000)), content_type=form_type) == 413
    assert len(core.calls) == 2


async def test_bodies_in_memory_are_bounded_together_and_released() -> None:
    core = FakeCore(hold=asyncio.Event())
    body = b'{"modification": "x"' + b" " * 1500 + b"}"
    async with serving(edge_parts(core), LIMITS) as edges:
        headers = {"content-type": JSON}
        first = asyncio.create_task(edges.rest.post(SEARCH, content=body, headers=headers))
        await core.entered.wait()
        second = await edges.rest.post(SEARCH, content=body, headers=headers)
        assert (second.status_code, rest_refusal(second).reason) == (429, "OVERLOADED")
        assert core.hold is not None
        core.hold.set()
        assert (await first).status_code == 200
        third = await edges.rest.post(SEARCH, content=body, headers=headers)
        assert third.status_code == 200


async def test_a_caller_who_sends_too_slowly_runs_out_of_time() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"modi'
        await asyncio.sleep(30)
        yield b'fication": "x"}'

    async with serving(edge_parts(FakeCore()), LIMITS) as edges:
        headers = {"content-type": JSON}
        answer = await edges.rest.post(SEARCH, content=slowly(), headers=headers)
    assert (answer.status_code, rest_refusal(answer).reason) == (504, "DEADLINE_EXCEEDED")


async def test_a_picture_of_the_largest_size_passes_both_forms_and_leaves_the_loop_free() -> None:
    core = FakeCore()
    picture = bytes(10 << 20)
    content = json.dumps(
        {"reference": {"image": {"content": base64.b64encode(picture).decode()}}}
    ).encode()
    async with serving(edge_parts(core)) as edges:
        rest = await edges.rest.post(SEARCH, content=content, headers={"content-type": JSON})
        assert rest.status_code == 200
        rest = await edges.rest.post(SEARCH, files={"image": picture})
        assert rest.status_code == 200
    assert [len(request.reference.content) for _, request in core.calls] == [10 << 20] * 2
