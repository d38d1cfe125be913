"""Parts of the benchmarks' section about peers, each by itself, without the peers."""

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import uvicorn
from fastapi import FastAPI, File, Form
from fastapi.responses import JSONResponse
from PIL import Image

from tests.benchmarks.harness.section import Room, Shared
from tests.benchmarks.peers import servers
from tests.benchmarks.peers.client import Found
from tests.benchmarks.peers.posting import Http, RequestFailed
from tests.benchmarks.peers.ways import OURS, Addresses, Ways
from tests.benchmarks.preprocessing_parts.drawn import as_file, drawn
from tests.benchmarks.sections import peers
from tests.support.triton import free_ports

_app = FastAPI()


@_app.post("/json")
async def _json(body: dict[str, Any]) -> dict[str, Any]:
    return {"got": body}


@_app.post("/form")
async def _form(image: Annotated[bytes, File()], text: Annotated[str, Form()]) -> dict[str, Any]:
    return {"bytes": image.decode("latin-1"), "text": text}


@_app.post("/busy")
async def _busy() -> JSONResponse:
    return JSONResponse({"says": "later"}, status_code=429)


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    (port,) = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(_app, port=port, log_level="warning"))
    with contextlib.suppress(asyncio.CancelledError):
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)
        client = Http(port)
        yield client
        await client.close()
        server.should_exit = True
        await serving


async def test_bodies_arrive_as_they_were_sent(http: Http) -> None:
    content = bytes(range(256))
    assert json.loads(await http.post_json("/json", {"a": "ü"})) == {"got": {"a": "ü"}}
    answer = json.loads(await http.post_form("/form", {"text": "in navy"}, content))
    assert answer == {"bytes": content.decode("latin-1"), "text": "in navy"}


async def test_a_refusal_is_counted_and_its_connection_is_used_again(http: Http) -> None:
    with pytest.raises(RequestFailed, match=r"429.*later"):
        await http.post_json("/busy", {})
    found, asked = Found(), 0

    async def ask() -> None:
        nonlocal asked
        asked += 1
        await http.post_json("/busy" if asked == 1 else "/json", {})

    await found.window(ask, callers=1, seconds=0.2)
    assert found.failed == 1
    assert "429" in found.says
    assert len(found.seconds) == asked - 1
    assert (
        found.seconds[0] >= 0.025
    )  # the refusal and the wait after it belong to the answer's time
    assert found.rates[0] > 0


async def test_each_photo_is_new_and_shows_the_same(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(as_file(drawn(0.01), "JPEG"))
    ways = Ways(Addresses(1, 1, 1, 1, 1, "c", 10, photo, tmp_path), with_grpc=True)
    try:
        one, other = ways._new_photo(), ways._new_photo()
    finally:
        await ways.close()
    assert one != other
    assert Image.open(io.BytesIO(one)).tobytes() == Image.open(io.BytesIO(other)).tobytes()
    asked = {kind for kind, who in ways.all if who == OURS}
    assert asked == {"picture", "composed", "product"}


def test_without_the_peers_every_row_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "PYTHON", tmp_path / "none")
    room = Room(
        False, tmp_path, tmp_path, Shared(tmp_path), {spec.name: spec for spec in peers.SPECS}
    )
    peers.measure(room)
    assert room.rows.keys() == room.specs.keys()
    assert all(row.value is None and "setup-peers" in row.note for row in room.rows.values())


def test_rows_hold_the_worst_of_all_numbers_of_callers(tmp_path: Path) -> None:
    def found(kind: str, who: str, callers: int, rate: float) -> dict[str, Any]:
        seconds = [1 / rate] * 9
        return {
            "kind": kind, "who": who, "callers": callers, "rates": [rate], "seconds": seconds,
            "failed": 3 if who == OURS else 0, "says": "429",
        }  # fmt: skip

    ways = [
        *((kind, who) for kind in ("picture", "composed", "product") for who in _WHO),
        *(("embedding", who) for who in _WHO[1:]),
    ]
    rates = {(OURS, 1): 30.0, (OURS, 8): 50.0}
    room = Room(
        False, tmp_path, tmp_path, Shared(tmp_path), {spec.name: spec for spec in peers.SPECS}
    )
    results = [
        found(kind, who, callers, rates.get((who, callers), 40.0))
        for kind, who in ways
        for callers in (1, 8)
    ]
    peers._tell(room, peers.Results(results), (1, 8))
    assert room.rows.keys() == room.specs.keys()
    assert room.rows["peers/picture_plain"].value == pytest.approx(0.75)
    assert room.rows["peers/composed_infinity_p99"].value == pytest.approx(4 / 3)
    assert any(table.title.startswith("Requests that") for table in room.tables)
    assert all((tmp_path / picture.file).stat().st_size for picture in room.pictures)


_WHO = (OURS, peers.INFINITY, peers.PLAIN)
