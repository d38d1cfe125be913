"""Bodies, query strings and headers that REST alone can get wrong."""

import json

import pytest

from tests.support.edges import rest_refusal, serving
from tests.support.fake_core import FakeCore, RulingCore, edge_parts

JSON = "application/json"
SEARCH = "/v1/products:search"
SECRET = "zq-red-dress-of-ada"


def surrogate(field: str) -> str:
    return json.dumps({"modification": "x", field: "\ud800"})


# name, content type, body, status, reason, field
BODIES: list[tuple[str, str, bytes | str, int, str, str]] = [
    ("nothing", JSON, "", 400, "REQUEST_MALFORMED", ""),
    ("half of an object", JSON, '{"modification": "x"', 400, "REQUEST_MALFORMED", ""),
    ("100,000 levels", JSON, "[" * 100_000, 400, "REQUEST_MALFORMED", ""),
    ("5,000 levels", JSON, "[" * 5_000 + "]" * 5_000, 400, "REQUEST_MALFORMED", ""),
    ("100,000 objects", JSON, '{"filter":' * 100_000, 400, "REQUEST_MALFORMED", ""),
    ("a million values", JSON, "[" + "[]," * 1_000_000 + "1]", 400, "REQUEST_MALFORMED", ""),
    (
        "a 5,000-digit integer",
        JSON,
        '{"modification": "x", "page_size": ' + "9" * 5000 + "}",
        400,
        "REQUEST_MALFORMED",
        "",
    ),
    ("bad UTF-8", JSON, b'{"modification": "\xff\xfe"}', 400, "REQUEST_MALFORMED", ""),
    ("overlong UTF-8", JSON, b'{"modification": "\xc0\xaf"}', 400, "REQUEST_MALFORMED", ""),
    ("a list", JSON, "[]", 422, "FIELD_INVALID", ""),
    ("a string", JSON, '"x"', 422, "FIELD_INVALID", ""),
    ("null", JSON, "null", 422, "FIELD_INVALID", ""),
    ("NaN", JSON, "NaN", 422, "FIELD_INVALID", ""),
    ("an unknown field", JSON, '{"modification": "x", "zq": 1}', 422, "FIELD_UNKNOWN", ""),
    (
        "an unknown field inside",
        JSON,
        '{"reference": {"zq": 1}}',
        422,
        "FIELD_UNKNOWN",
        "reference",
    ),
    *(
        (
            f"page_size {size[:12]}",
            JSON,
            f'{{"modification": "x", "page_size": {size}}}',
            422,
            "PAGE_SIZE_INVALID",
            "page_size",
        )
        for size in (
            "true",
            '"10"',
            "0",
            "-1",
            "101",
            str(2**63),
            "10.0",
            "NaN",
            "1e999",
            "[]",
            "9" * 400,
        )
    ),
    *(
        (
            f"diversity {diversity[:12]}",
            JSON,
            f'{{"modification": "x", "diversity": {diversity}}}',
            422,
            "DIVERSITY_INVALID",
            "diversity",
        )
        for diversity in ("true", '"0.5"', "NaN", "1e999", "[]", "{}", "9" * 400)
    ),
    (
        "a bound of 400 digits",
        JSON,
        '{"modification": "x", "filter": {"field": "price", "min": -' + "9" * 400 + "}}",
        422,
        "FILTER_RANGE_INVALID",
        "filter",
    ),
    (
        "a number to group by",
        JSON,
        '{"modification": "x", "group_by": 1}',
        422,
        "FIELD_INVALID",
        "group_by",
    ),
    (
        "a surrogate to group by",
        JSON,
        surrogate("group_by"),
        422,
        "GROUP_FIELD_UNKNOWN",
        "group_by",
    ),
    ("a surrogate in a text", JSON, '{"modification": "\\ud800"}', 422, "TEXT_INVALID", ""),
    ("a surrogate in a catalog", JSON, surrogate("catalog"), 422, "CATALOG_INVALID", "catalog"),
    ("a surrogate in a view", JSON, surrogate("view"), 422, "VIEW_INVALID", "view"),
    (
        "a surrogate in an id",
        JSON,
        '{"reference": {"product_id": "\\ud800"}}',
        422,
        "PRODUCT_ID_INVALID",
        "reference.product_id",
    ),
    (
        "a surrogate in a filter's field",
        JSON,
        '{"modification": "x", "filter": {"field": "\\ud800", "any_of": ["x"]}}',
        422,
        "FILTER_FIELD_UNKNOWN",
        "filter",
    ),
    (
        "a surrogate in a name",
        JSON,
        '{"modification": "x", "\\ud800": 1}',
        422,
        "FIELD_UNKNOWN",
        "",
    ),
    ("a number as text", JSON, '{"modification": 1}', 422, "FIELD_INVALID", "modification"),
    ("a list as text", JSON, '{"modification": ["x"]}', 422, "FIELD_INVALID", "modification"),
    (
        "a word as a flag",
        JSON,
        '{"modification": "x", "include_reference": "no"}',
        422,
        "FIELD_INVALID",
        "include_reference",
    ),
    (
        "two references",
        JSON,
        '{"reference": {"product_id": "p", "image": {"content": ""}}}',
        422,
        "FIELD_INVALID",
        "reference",
    ),
    (
        "two pictures in one",
        JSON,
        '{"reference": {"image": {"content": "", "uri": "https://a.test"}}}',
        422,
        "FIELD_INVALID",
        "reference.image",
    ),
    *(
        (
            f"base64 {text[:9]!r}",
            JSON,
            json.dumps({"reference": {"image": {"content": text}}}),
            422,
            "IMAGE_ENCODING_INVALID",
            "reference.image.content",
        )
        for text in ("?", "AAA", "A A=", "AAAA\n", "AA==AA==", "é" * 4, "_-_-", "data:,AAAA")
    ),
    *(
        (name, JSON, json.dumps({"modification": "x", "filter": body}), 422, reason, field)
        for name, body, reason, field in (
            ("a filter as text", "x", "FILTER_INVALID", "filter"),
            ("a filter as a list", [], "FILTER_INVALID", "filter"),
            ("all as an object", {"all": {}}, "FILTER_INVALID", "filter"),
            ("two kinds", {"all": [], "any": []}, "FILTER_INVALID", "filter"),
            ("an unknown word", {"field": "color", "like": "r"}, "FILTER_INVALID", "filter"),
            (
                "a match and a range",
                {"field": "price", "any_of": [1], "min": 1},
                "FILTER_INVALID",
                "filter",
            ),
            ("a field alone", {"field": "price"}, "FILTER_INVALID", "filter"),
            ("a number as a field", {"field": 1, "min": 1}, "FILTER_INVALID", "filter"),
            ("a text bound", {"field": "price", "min": "1"}, "FILTER_RANGE_INVALID", "filter.min"),
            ("a true bound", {"field": "price", "max": True}, "FILTER_RANGE_INVALID", "filter.max"),
        )
    ),
    (
        "1e999 in a filter",
        JSON,
        '{"modification": "x", "filter": {"field": "price", "min": 1e999}}',
        422,
        "FILTER_RANGE_INVALID",
        "filter",
    ),
    (
        "900 levels of filters",
        JSON,
        '{"modification": "x", "filter": ' + '{"not": ' * 900 + "1" + "}" * 901,
        422,
        "FILTER_TOO_DEEP",
        "filter",
    ),
    ("UTF-16", JSON, '{"modification": "x"}'.encode("utf-16"), 415, "MEDIA_TYPE_UNSUPPORTED", ""),
    (
        "UTF-16 without a mark",
        JSON,
        '{"modification": "x"}'.encode("utf-16-le"),
        415,
        "MEDIA_TYPE_UNSUPPORTED",
        "",
    ),
    *(
        (content_type, content_type, "{}", 415, "MEDIA_TYPE_UNSUPPORTED", "")
        for content_type in (
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
            "application/json; charset=\xff",
            "multipart/mixed; boundary=x",
            "image/png",
        )
    ),
    ("no boundary", "multipart/form-data", "--x--", 400, "REQUEST_MALFORMED", ""),
    ("an empty boundary", 'multipart/form-data; boundary=""', "", 400, "REQUEST_MALFORMED", ""),
    (
        "another boundary",
        "multipart/form-data; boundary=x",
        "--y\r\n\r\n--y--\r\n",
        400,
        "REQUEST_MALFORMED",
        "",
    ),
]


@pytest.mark.parametrize(
    ("content_type", "body", "status", "reason", "field"),
    [case[1:] for case in BODIES],
    ids=[case[0] or "no content type" for case in BODIES],
)
async def test_bodies(
    content_type: str, body: bytes | str, status: int, reason: str, field: str
) -> None:
    core = RulingCore()
    headers = [(b"content-type", content_type.encode("latin-1"))] if content_type else []
    async with serving(edge_parts(core)) as edges:
        answer = await edges.rest.post(SEARCH, content=body, headers=headers)
    refusal = rest_refusal(answer)
    assert (answer.status_code, refusal.reason, refusal.field) == (status, reason, field)
    assert "zq" not in answer.text
    assert core.calls == []


@pytest.mark.parametrize("content_type", [JSON, "Application/JSON; Charset=UTF-8"])
async def test_utf8_with_or_without_a_mark_is_read(content_type: str) -> None:
    core = FakeCore()
    async with serving(edge_parts(core)) as edges:
        for mark in (b"", b"\xef\xbb\xbf"):
            body = mark + '{"modification": "größer"}'.encode()
            headers = {"content-type": content_type}
            assert (await edges.rest.post(SEARCH, content=body, headers=headers)).is_success
    assert [request.modification for _, request in core.calls] == ["größer"] * 2


QUERIES: list[tuple[str, int, str, str]] = [
    ("/v1/products?page_size=0", 422, "PAGE_SIZE_INVALID", "page_size"),
    ("/v1/products?page_size=101", 422, "PAGE_SIZE_INVALID", "page_size"),
    ("/v1/products?page_size=", 422, "PAGE_SIZE_INVALID", "page_size"),
    ("/v1/products?page_size=1_0", 422, "PAGE_SIZE_INVALID", "page_size"),
    ("/v1/products?page_size=%2010", 422, "PAGE_SIZE_INVALID", "page_size"),
    ("/v1/products?page_size=%D9%A1", 422, "PAGE_SIZE_INVALID", "page_size"),
    ("/v1/products?page_size=9223372036854775808", 422, "PAGE_SIZE_INVALID", "page_size"),
    ("/v1/products?page_size=" + "9" * 5000, 422, "PAGE_SIZE_INVALID", "page_size"),
    ("/v1/products?page_size=5&page_size=5", 422, "FIELD_INVALID", "page_size"),
    ("/v1/products?pagesize=5", 422, "FIELD_UNKNOWN", ""),
    ("/v1/products?view=wide", 422, "VIEW_INVALID", "view"),
    ("/v1/products?catalog=A", 422, "CATALOG_INVALID", "catalog"),
    ("/v1/products?catalog=%FF", 400, "REQUEST_MALFORMED", ""),
    ("/v1/products?" + "&".join(f"a{n}=1" for n in range(2000)), 400, "REQUEST_MALFORMED", ""),
    ("/v1/products/%FF", 400, "REQUEST_MALFORMED", ""),
    ("/v1/products/p?zq=1", 422, "FIELD_UNKNOWN", ""),
    ("/v1/products?filter=%7B", 400, "REQUEST_MALFORMED", ""),
    ("/v1/products?filter=%7B%7D", 422, "FILTER_INVALID", "filter"),
    ("/v1/products?filter=%7B%7D&filter=%7B%7D", 422, "FIELD_INVALID", "filter"),
    ("/v1/products:facets?filter=%7B", 400, "REQUEST_MALFORMED", ""),
    ("/v1/products:facets?filter=%7B%7D", 422, "FILTER_INVALID", "filter"),
    ("/v1/products:facets?multi_select=1", 422, "FIELD_INVALID", "multi_select"),
    ("/v1/products:facets?fields=color", 422, "FIELD_UNKNOWN", ""),
    ("/v1/products:facets?filter=" + "%5B" * 20_000, 400, "REQUEST_MALFORMED", ""),
]


@pytest.mark.parametrize(
    ("path", "status", "reason", "field"), QUERIES, ids=[case[0][:44] for case in QUERIES]
)
async def test_queries(path: str, status: int, reason: str, field: str) -> None:
    core = RulingCore()
    async with serving(edge_parts(core)) as edges:
        raw = edges.rest.build_request("GET", "/v1/products")
        raw.url = edges.rest.base_url.copy_with(raw_path=path.encode())
        answer = await edges.rest.send(raw)
    refusal = rest_refusal(answer)
    assert (answer.status_code, refusal.reason, refusal.field) == (status, reason, field)
    assert core.calls == []


async def test_unknown_query_parameters_of_posts_and_puts_are_refused() -> None:
    async with serving(edge_parts(FakeCore())) as edges:
        answers = [
            await edges.rest.post(f"{SEARCH}?catalog=shop", json={"modification": "x"}),
            await edges.rest.put("/v1/products/p?allow_missing=maybe", json={}),
        ]
    reasons = [rest_refusal(answer).reason for answer in answers]
    assert reasons == ["FIELD_UNKNOWN", "FIELD_INVALID"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"host", b"a b")], 400),
        ([(b"host", b"")], 400),
        ([(b"host", b"[::1")], 400),
        ([(b"host", b"shop.test:port")], 400),
        ([(b"host", b"user@shop.test")], 400),
        ([(b"host", b"shop.test/path")], 400),
        ([(b"host", b"\xff")], 400),
        ([(b"host", b"a.test"), (b"host", b"b.test")], 400),
        ([(b"host", b"[::1]:8080")], 200),
        ([(b"host", b"localhost:8080")], 200),
        ([(b"host", b"shop.test"), (b"x-filler", b"a" * 20_000)], 413),
    ],
)
async def test_hosts_and_headers(headers: list[tuple[bytes, bytes]], status: int) -> None:
    async with serving(edge_parts(FakeCore())) as edges:
        request = edges.rest.build_request("GET", "/v1/products/p")
        request.headers = type(request.headers)(headers)
        answer = await edges.rest.send(request)
    assert answer.status_code == status
