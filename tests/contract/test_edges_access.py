"""Who may do what, on both edges: keys, scopes, catalogs, rates, and a line for every write."""

import tomllib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from gateway.access.audit_log import INVALID, AuditedCatalog
from gateway.access.caller import SCOPES, Scope
from gateway.access.guard import Guard
from gateway.access.key_file import new_key
from gateway.access.keys import ApiKeys
from gateway.access.rate import CallerLimits
from gateway.access.tenants import TenantCatalog, TenantSearch
from gateway.edge_parts import CatalogCore
from gateway.rest_api import build_rest_app
from recompose.v1 import catalog_pb2, search_pb2
from retrieval.errors import Reason
from retrieval.rate_limit import LocalRateLimit
from tests.support.calls import METHODS, grpc_call, grpc_calls, rest_calls
from tests.support.edges import Edges, grpc_refusal, rest_refusal, serving
from tests.support.fake_core import FakeCore, edge_parts

WRONG = new_key("search")[0]
ALL_SCOPES = [scope.value for scope in Scope]


class Shop:
    """Both edges behind a file of keys: one for each scope, and what a test adds."""

    def __init__(self, folder: Path) -> None:
        self.core = FakeCore()
        self.keys: dict[str, str] = {}
        self._path = folder / "keys.toml"
        for scope in Scope:
            self.add(scope.value.replace(".", "-"), f'scopes = ["{scope.value}"]')
        self.edges: Edges

    def add(self, name: str, rules: str) -> None:
        self.keys[name], digest = new_key(name)
        with self._path.open("a") as file:
            file.write(f'[keys.{name}]\nsha256 = ["{digest}"]\n{rules}\n')

    def parts(self) -> Any:
        catalog: CatalogCore = AuditedCatalog(TenantCatalog(self.core))
        now = 0.0
        limits = CallerLimits(LocalRateLimit(lambda: now), LocalRateLimit())
        return replace(
            edge_parts(self.core),
            search=TenantSearch(self.core),
            catalog=catalog,
            access=Guard(ApiKeys(self._path), limits),
        )

    async def rest(self, method: str, key: str, catalog: str = "default") -> Any:
        verb, path, arguments = rest_calls(catalog)[method]
        return await self.edges.rest.request(verb, path, headers=bearer(key), **arguments)

    def grpc(self, method: str, key: str, catalog: str = "default") -> Any:
        metadata = (("authorization", f"Bearer {key}"),)
        return grpc_call(self.edges, method, catalog, metadata)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    shop = Shop(tmp_path)
    shop.add("mine", f'scopes = {ALL_SCOPES}\ncatalogs = ["mine"]')
    shop.add("slow", 'scopes = ["search"]\nrate = "2/minute"')
    shop.add("little", 'scopes = ["search"]\nquota = "3/day"')
    shop.add("late", 'scopes = ["search"]\nnot_after = 2020-01-01T00:00:00Z')
    async with serving(shop.parts()) as edges:
        shop.edges = edges
        yield shop


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_every_call_has_a_scope() -> None:
    services = (search_pb2.DESCRIPTOR, catalog_pb2.DESCRIPTOR)
    offered = {
        method.name
        for file in services
        for service in file.services_by_name.values()
        for method in service.methods
    }
    assert set(SCOPES) == offered | {"GetProductImage"} == set(METHODS)


@pytest.mark.parametrize("scope", Scope, ids=lambda scope: scope.value)
async def test_a_key_opens_the_calls_of_its_scope_and_no_other(shop: Shop, scope: Scope) -> None:
    key = shop.keys[scope.value.replace(".", "-")]
    for method in rest_calls():
        answer = await shop.rest(method, key)
        if scope in (SCOPES[method], Scope.ADMIN):
            assert answer.status_code in (200, 204), method
        else:
            assert (answer.status_code, rest_refusal(answer).reason) == (403, "SCOPE_MISSING")
    metadata = (("authorization", f"Bearer {key}"),)
    for method, call in grpc_calls(shop.edges, metadata=metadata).items():
        if scope in (SCOPES[method], Scope.ADMIN):
            await call
        else:
            refusal = await grpc_refusal(call)
            assert (refusal.status, refusal.reason) == ("PERMISSION_DENIED", "SCOPE_MISSING")


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], Reason.CREDENTIALS_MISSING),
        (["Bearer " + WRONG], Reason.CREDENTIALS_INVALID),
        (["Bearer rck_nobody_x"], Reason.CREDENTIALS_INVALID),
        (["Bearer "], Reason.CREDENTIALS_INVALID),
        (["Bearer"], Reason.CREDENTIALS_INVALID),
        (["Basic {key}"], Reason.CREDENTIALS_INVALID),
        (["{key}"], Reason.CREDENTIALS_INVALID),
        (["Bearer {key}", "Bearer {key}"], Reason.CREDENTIALS_INVALID),
        (["Bearer {key}x"], Reason.CREDENTIALS_INVALID),
        (["Bearer {late}"], Reason.CREDENTIALS_INVALID),
        (["Bearer " + "x" * 5000], Reason.CREDENTIALS_INVALID),
        (["Bearer schlüssel"], Reason.CREDENTIALS_INVALID),
    ],
)
async def test_no_key_no_call(shop: Shop, headers: list[str], reason: Reason) -> None:
    sent = [text.format(key=shop.keys["search"], late=shop.keys["late"]) for text in headers]
    for verb, path, arguments in rest_calls().values():
        raw = [(b"authorization", text.encode("latin-1")) for text in sent]
        answer = await shop.edges.rest.request(verb, path, headers=raw, **arguments)
        assert (answer.status_code, rest_refusal(answer).reason) == (401, reason.value)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert not any(text and text in answer.text for text in sent)
    if all(text.isascii() for text in sent):  # gRPC's clients send nothing else as text
        metadata = tuple(("authorization", text) for text in sent)
        for call in grpc_calls(shop.edges, metadata=metadata).values():
            refusal = await grpc_refusal(call)
            assert (refusal.status, refusal.reason) == ("UNAUTHENTICATED", reason.value)
    assert shop.core.calls == []


async def test_a_refused_body_is_not_read(shop: Shop) -> None:
    read = 0

    async def picture() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b"x" * 1000

    headers = {"Content-Type": "application/json"}
    answer = await shop.edges.rest.post("/v1/products:search", content=picture(), headers=headers)
    assert (answer.status_code, read) == (401, 0)


async def test_probes_need_no_key(shop: Shop) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"):
        assert (await shop.edges.rest.get(path)).status_code == 200


@pytest.mark.parametrize("catalog", ["default", "yours", "mine2", "mine/..", "MINE"])
@pytest.mark.parametrize("method", METHODS)
async def test_a_bound_key_reaches_no_other_catalog(shop: Shop, method: str, catalog: str) -> None:
    bad_name = catalog in ("mine/..", "MINE")
    if method in rest_calls():
        answer = await shop.rest(method, shop.keys["mine"], catalog)
        code, reason = (422, "CATALOG_INVALID") if bad_name else (403, "CATALOG_FORBIDDEN")
        assert (answer.status_code, rest_refusal(answer).reason) == (code, reason)
    if method != "GetProductImage":
        refusal = await grpc_refusal(shop.grpc(method, shop.keys["mine"], catalog))
        status = "INVALID_ARGUMENT" if bad_name else "PERMISSION_DENIED"
        assert refusal.status == status
    assert shop.core.calls == []


@pytest.mark.parametrize("method", METHODS)
async def test_a_bound_key_reaches_its_own(shop: Shop, method: str) -> None:
    if method in rest_calls():
        answer = await shop.rest(method, shop.keys["mine"], "mine")
        assert answer.status_code in (200, 204)
    if method != "GetProductImage":
        await shop.grpc(method, shop.keys["mine"], "mine")
    assert shop.core.calls


@pytest.mark.parametrize(
    ("name", "times", "reason", "wait_s"),
    [("slow", 2, "RATE_LIMITED", 30), ("little", 3, "QUOTA_EXHAUSTED", 28_800)],
)
async def test_too_often_is_told_when_to_try_again(
    shop: Shop, name: str, times: int, reason: str, wait_s: int
) -> None:
    for _ in range(times):
        assert (await shop.rest("Search", shop.keys[name])).status_code == 200
    answer = await shop.rest("Search", shop.keys[name])
    assert (answer.status_code, rest_refusal(answer).reason) == (429, reason)
    assert int(answer.headers["retry-after"]) == wait_s
    refusal = await grpc_refusal(shop.grpc("Search", shop.keys[name]))
    assert (refusal.status, refusal.reason) == ("RESOURCE_EXHAUSTED", reason)
    assert (await shop.rest("Search", shop.keys["search"])).status_code == 200


async def test_every_write_is_a_line(shop: Shop) -> None:
    with capture_logs() as lines:
        await shop.rest("UpdateProduct", shop.keys["mine"], "mine")
        await shop.rest("DeleteProduct", shop.keys["mine"], "yours")
        await shop.grpc("ImportProducts", shop.keys["catalog-write"])
        await shop.rest("GetProduct", shop.keys["mine"], "mine")
    writes = [line for line in lines if line["event"] == "write"]
    for line in writes:
        del line["event"], line["log_level"]
    assert writes == [
        _write("mine", "update", "mine", product_id="p", created=False),
        _write("mine", "delete", "yours", product_id="p", outcome="CATALOG_FORBIDDEN"),
        _write("catalog-write", "import", "default", products=1, imported=1),
    ]


async def test_a_line_repeats_no_name_that_is_none(shop: Shop) -> None:
    said = "red dress of Ada\n" * 1000
    metadata = (("authorization", f"Bearer {shop.keys['catalog-write']}"),)
    request = catalog_pb2.DeleteProductRequest(id=said, catalog=said)
    with capture_logs() as lines:
        await grpc_refusal(shop.edges.catalog.DeleteProduct(request, metadata=metadata))
    (line,) = [line for line in lines if line["event"] == "write"]
    assert (line["catalog"], line["product_id"]) == (INVALID, INVALID)
    assert "Ada" not in str(lines)


async def test_a_picture_that_a_key_was_asked_for_is_for_no_shared_cache(shop: Shop) -> None:
    answer = await shop.rest("GetProductImage", shop.keys["catalog-read"])
    assert answer.headers["cache-control"].startswith("private,")
    async with serving(edge_parts(FakeCore())) as edges:
        open_answer = await edges.rest.get("/v1/products/p/image")
        assert open_answer.headers["cache-control"].startswith("public,")


async def test_pages_of_listed_origins_may_call() -> None:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    app = build_rest_app(edge_parts(FakeCore()), cors_origins=["https://shop.test"])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as rest:
        for origin, allowed in (("https://shop.test", True), ("https://other.test", False)):
            before = await rest.options("/v1/products:search", headers=asked | {"Origin": origin})
            assert (before.status_code == 200) == allowed
            answer = await rest.get("/v1/products", headers={"Origin": origin})
            told = answer.headers.get("access-control-allow-origin")
            assert told == (origin if allowed else None)
            assert "access-control-allow-credentials" not in answer.headers


async def test_the_file_holds_no_key(shop: Shop, tmp_path: Path) -> None:
    content = (tmp_path / "keys.toml").read_text()
    assert tomllib.loads(content)["keys"].keys() == shop.keys.keys()
    assert not any(key in content for key in shop.keys.values())


def _write(
    caller: str, operation: str, catalog: str, outcome: str = "ok", **more: object
) -> Mapping[str, object]:
    known = {"caller": caller, "operation": operation, "catalog": catalog, "outcome": outcome}
    return known | more
