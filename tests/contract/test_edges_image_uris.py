"""Pictures by their address through both edges: refused alike, and without a packet; fetched alike.

The core is the real one over fakes at its other ports, and so is the fetch, in an internet of the
tests' own (`tests/support/internet.py`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.edge_parts import Budgets
from gateway.telemetry import Metrics
from recompose.v1 import catalog_pb2, product_pb2, search_pb2
from retrieval.domain import SearchRequest, UploadReference, UriReference
from retrieval.errors import SENTENCES, Reason
from retrieval.ports import ImageFetcher
from tests.support.core import Core, picture, running_core
from tests.support.edges import Edges, Refusal, grpc_refusal, rest_refusal, serving
from tests.support.fake_core import FakeCore, edge_parts
from tests.support.internet import PUBLIC, Handler, Internet, redirects, sends
from tests.support.uri_cases import CASES

URI = "http://shop.example/a.png"


@asynccontextmanager
async def shop(
    folder: Path,
    internet: Internet,
    fetcher: ImageFetcher | None = None,
    metrics: Metrics | None = None,
) -> AsyncIterator[tuple[Edges, Core]]:
    metrics = metrics or Metrics()
    fetcher = fetcher or internet.fetcher(observe=metrics.observe_dependency)
    with running_core(folder, fetcher=fetcher) as core:
        parts = replace(
            edge_parts(FakeCore()),
            search=core.search,
            catalog=core.catalog,
            metrics=metrics,
            buffered=internet.buffered,
        )
        async with serving(parts) as edges:
            yield edges, core


async def refusals(edges: Edges, uri: str) -> dict[str, tuple[int, Refusal]]:
    """What each call that takes an address says to it."""
    searched = await edges.rest.post(
        "/v1/products:search", json={"reference": {"image": {"uri": uri}}}
    )
    put = await edges.rest.put("/v1/products/p", json={"title": "x", "image": {"uri": uri}})
    return {
        "rest search": (searched.status_code, rest_refusal(searched)),
        "rest update": (put.status_code, rest_refusal(put)),
    }


async def grpc_refusals(edges: Edges, uri: str) -> dict[str, Refusal]:
    image, product = product_pb2.Image(uri=uri), product_pb2.Product(id="p", title="x")
    search = search_pb2.SearchRequest(reference=search_pb2.Reference(image=image))
    update = catalog_pb2.UpdateProductRequest(product=product, image=image, allow_missing=True)
    return {
        "search": await grpc_refusal(edges.search.Search(search)),
        "update": await grpc_refusal(edges.catalog.UpdateProduct(update)),
    }


async def imported(edges: Edges, *uris: str) -> list[Any]:
    answer = await edges.catalog.ImportProducts(
        iter(
            catalog_pb2.ImportProductsRequest(
                product=product_pb2.Product(id=f"p{number}", title="x"),
                image=product_pb2.Image(uri=uri),
            )
            for number, uri in enumerate(uris)
        )
    )
    return list(answer.results)


def is_text(uri: str) -> bool:
    """Whether it can be sent at all: both edges' strings are UTF-8."""
    return "\ud800" not in uri


async def test_every_address_that_must_not_be_fetched_is_refused_alike_without_a_packet(
    tmp_path: Path,
) -> None:
    internet = Internet(names={"shop.example": [[PUBLIC]]})
    async with shop(tmp_path, internet) as (edges, _):
        for case, (uri, reason) in CASES.items():
            sentence = SENTENCES[reason]
            of_search = Refusal("INVALID_ARGUMENT", reason, "reference.image.uri", sentence)
            of_update = Refusal("INVALID_ARGUMENT", reason, "image.uri", sentence)
            if not is_text(uri):
                continue
            assert await refusals(edges, uri) == {
                "rest search": (422, of_search),
                "rest update": (422, of_update),
            }, case
            assert await grpc_refusals(edges, uri) == {
                "search": of_search,
                "update": of_update,
            }, case
        uris = {case: one for case, one in CASES.items() if is_text(one[0])}
        results = await imported(edges, *(uri for uri, _ in uris.values()))
        assert [result.reason for result in results] == [reason for _, reason in uris.values()]
    assert internet.asked == []
    assert internet.dialled == []


async def test_a_private_record_among_public_ones_is_refused_without_a_connection(
    tmp_path: Path,
) -> None:
    internet = Internet(names={"shop.example": [[PUBLIC, "10.0.0.1"]]})
    async with shop(tmp_path, internet) as (edges, _):
        for status, refusal in (await refusals(edges, URI)).values():
            assert (status, refusal.reason) == (422, Reason.IMAGE_URI_REFUSED)
        for refusal in (await grpc_refusals(edges, URI)).values():
            assert refusal.status == "INVALID_ARGUMENT"
            assert refusal.reason == Reason.IMAGE_URI_REFUSED
    assert internet.dialled == []


async def endless(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.2)


HOSTS: dict[str, tuple[Handler, int, str, Reason]] = {
    "a web page": (
        sends(b"<!doctype html><title>no</title>", "Content-Type: image/png"),
        422,
        "INVALID_ARGUMENT",
        Reason.IMAGE_NOT_AN_IMAGE,
    ),
    "a picture of another format": (
        sends(b"GIF89a" + bytes(40)),
        415,
        "INVALID_ARGUMENT",
        Reason.IMAGE_FORMAT_UNSUPPORTED,
    ),
    "nothing": (sends(b""), 422, "INVALID_ARGUMENT", Reason.IMAGE_EMPTY),
    "half a picture": (sends(picture(1)[:-20]), 422, "INVALID_ARGUMENT", Reason.IMAGE_TRUNCATED),
    "too much": (
        sends(bytes((10 << 20) + 1), length=False),
        413,
        "INVALID_ARGUMENT",
        Reason.IMAGE_TOO_MANY_BYTES,
    ),
    "an error": (
        sends(b"gone", status="410 Gone"),
        424,
        "FAILED_PRECONDITION",
        Reason.IMAGE_HOST_REFUSED,
    ),
    "a circle": (redirects("/"), 424, "FAILED_PRECONDITION", Reason.IMAGE_HOST_REFUSED),
    "the inside": (
        redirects("http://10.0.0.1/"),
        422,
        "INVALID_ARGUMENT",
        Reason.IMAGE_URI_REFUSED,
    ),
    "a byte now and then": (endless, 424, "FAILED_PRECONDITION", Reason.IMAGE_HOST_TIMEOUT),
}


@pytest.mark.parametrize("case", HOSTS)
async def test_what_a_host_sends_is_judged_alike(tmp_path: Path, case: str) -> None:
    handler, http, grpc_status, reason = HOSTS[case]
    internet, metrics = Internet(), Metrics()
    budget_s = 0.5 if reason is Reason.IMAGE_HOST_TIMEOUT else 20
    fetcher = internet.fetcher(budget_s=budget_s, observe=metrics.observe_dependency)
    async with (
        internet.host(handler),
        shop(tmp_path, internet, fetcher, metrics) as (edges, _),
    ):
        for status, refusal in (await refusals(edges, URI)).values():
            assert (status, refusal.status, refusal.reason) == (http, grpc_status, reason)
        for refusal in (await grpc_refusals(edges, URI)).values():
            assert (refusal.status, refusal.reason) == (grpc_status, reason)
        (result,) = await imported(edges, URI)
        assert result.reason == reason
        shown = (await edges.rest.get("/metrics")).text
        assert 'recompose_dependency_calls_total{dependency="image_host",outcome="' in shown
        assert "shop.example" not in shown
    assert internet.buffered.taken_bytes == 0


async def test_an_address_answers_as_its_picture_does(tmp_path: Path) -> None:
    internet = Internet()

    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        seed = int(head.split()[1].removeprefix(b"/"))
        await sends(picture(seed))(head, writer)

    async with internet.host(answer), shop(tmp_path, internet) as (edges, core):
        uris = [f"http://shop.example/{number}" for number in range(20)]
        results = await imported(edges, *uris)
        assert {result.outcome for result in results} == {catalog_pb2.IMPORT_OUTCOME_IMPORTED}
        again = await imported(edges, *uris)
        assert {result.outcome for result in again} == {catalog_pb2.IMPORT_OUTCOME_UNCHANGED}

        put = await edges.rest.put("/v1/products/x", json={"title": "x", "image": {"uri": uris[7]}})
        assert (put.status_code, put.json()["image_width"]) == (201, 24)

        body = {"reference": {"image": {"uri": uris[3]}}}
        by_rest = (await edges.rest.post("/v1/products:search", json=body)).json()
        image = product_pb2.Image(uri=uris[3])
        by_grpc = await edges.search.Search(
            search_pb2.SearchRequest(reference=search_pb2.Reference(image=image))
        )
        by_upload = await edges.search.Search(
            search_pb2.SearchRequest(
                reference=search_pb2.Reference(image=product_pb2.Image(content=picture(3)))
            )
        )
        assert by_rest["hits"][0]["product"]["id"] == "p3"
        ids = [hit.product.id for hit in by_upload.hits]
        assert [hit["product"]["id"] for hit in by_rest["hits"]] == ids
        assert [hit.product.id for hit in by_grpc.hits] == ids
        assert core.encoder.calls["encode_images"] >= 1
    assert internet.buffered.taken_bytes == 0


async def test_an_import_fetches_few_pictures_at_once(tmp_path: Path) -> None:
    internet = Internet()
    waiting, most = 0, 0

    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        await asyncio.sleep(0.02)
        waiting -= 1
        await sends(picture(1))(head, writer)

    async with internet.host(answer), shop(tmp_path, internet) as (edges, _):
        results = await imported(edges, *[URI] * 40)
        assert {result.outcome for result in results} == {catalog_pb2.IMPORT_OUTCOME_IMPORTED}
    assert 2 <= most <= 8


async def test_fetched_bytes_and_uploads_share_the_memory_they_may_take(tmp_path: Path) -> None:
    internet = Internet()
    asked, release = asyncio.Event(), asyncio.Event()
    content = picture(1)

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + content[:-1])
        await writer.drain()
        asked.set()
        await release.wait()
        writer.write(content[-1:])

    async with internet.host(answer), shop(tmp_path, internet) as (edges, _):
        body = {"reference": {"image": {"uri": URI}}}
        searching = asyncio.create_task(edges.rest.post("/v1/products:search", json=body))
        await asked.wait()
        while internet.buffered.taken_bytes < len(content):  # noqa: ASYNC110 - on its way
            await asyncio.sleep(0.01)
        internet.buffered.change((256 << 20) - internet.buffered.taken_bytes)
        upload = await edges.rest.post("/v1/products:search", files={"image": picture(2)})
        assert (upload.status_code, rest_refusal(upload).reason) == (429, "OVERLOADED")
        internet.buffered.change(-(100 << 20))
        release.set()
        assert (await searching).status_code == 200


@pytest.mark.parametrize("reference", [UriReference(URI), UploadReference(b"x"), None])
def test_a_search_has_the_time_for_a_fetch_beside_its_own(reference: Any) -> None:
    budgets = Budgets(search_s=1.0, image_uri_s=2.0)
    expected = 3.0 if isinstance(reference, UriReference) else 1.0
    assert budgets.of_search(SearchRequest(reference=reference)) == expected


async def test_each_edge_gives_a_search_that_time() -> None:
    core = FakeCore()
    parts = edge_parts(core, budgets=Budgets(search_s=1.0, image_uri_s=20.0))
    async with serving(parts) as edges:
        await edges.rest.post("/v1/products:search", json={"reference": {"image": {"uri": URI}}})
        image = product_pb2.Image(uri=URI)
        search = search_pb2.SearchRequest(reference=search_pb2.Reference(image=image))
        await edges.search.Search(search)
        await edges.search.Search(search, timeout=5)
        await edges.rest.post("/v1/products:search", json={"modification": "x"})
    first, second, third, last = core.deadlines_s
    assert 15 < first <= 21
    assert 15 < second <= 21
    assert third < 6
    assert last <= 1
