"""The rules of requests: what passes, what becomes of it, and what is refused with which reason."""

import math
from typing import Any

import pytest

from gateway.filter_rules import check_filter
from gateway.validation import valid_catalog, valid_product_id, valid_search, valid_write
from retrieval.domain import (
    AllOf,
    AnyOf,
    FieldKind,
    Filter,
    Match,
    Not,
    ProductReference,
    ProductWrite,
    Range,
    SearchRequest,
    UploadReference,
)
from retrieval.errors import InvalidArgument, Reason

FIELDS = {"color": FieldKind.KEYWORD, "price": FieldKind.NUMBER, "hood": FieldKind.BOOL}
RED = Match("color", ("red",))


def refusal(call: Any, *args: Any) -> Reason:
    with pytest.raises(InvalidArgument) as caught:
        call(*args)
    return caught.value.reason


def nested(depth: int) -> Filter:
    inner: Filter = RED
    for _ in range(depth):
        inner = Not(inner)
    return inner


@pytest.mark.parametrize("name", ["default", "a", "shop-2_b", "0" * 64])
def test_catalog_names_that_pass(name: str) -> None:
    assert valid_catalog(name) == name


def test_no_catalog_means_the_default_one() -> None:
    assert valid_catalog("") == "default"


@pytest.mark.parametrize("name", ["A", "-a", "a/b", "a b", "x" * 65, "ü", "a\n"])
def test_catalog_names_that_are_refused(name: str) -> None:
    assert refusal(valid_catalog, name) is Reason.CATALOG_INVALID


def test_product_ids_are_compared_after_nfc() -> None:
    assert valid_product_id("cafe\u0301") == "caf\u00e9"


@pytest.mark.parametrize("product_id", ["demo-1", "x" * 256, "…", "a..b", "日本語", "a b"])
def test_product_ids_that_pass(product_id: str) -> None:
    assert valid_product_id(product_id) == product_id


@pytest.mark.parametrize(
    "product_id", ["", ".", "..", "../x", "a/b", "a\\b", "x" * 257, "a\x00", "a\nb", "\ud800"]
)
def test_product_ids_that_are_refused(product_id: str) -> None:
    assert refusal(valid_product_id, product_id) is Reason.PRODUCT_ID_INVALID


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (SearchRequest(), Reason.QUERY_EMPTY),
        (SearchRequest(modification=" \t "), Reason.QUERY_EMPTY),
        (SearchRequest(modification="a\x00b"), Reason.TEXT_INVALID),
        (SearchRequest(modification="\ud800"), Reason.TEXT_INVALID),
        (SearchRequest(modification="x" * 1001), Reason.TEXT_TOO_LONG),
        (SearchRequest(modification="red", page_size=0), Reason.PAGE_SIZE_INVALID),
        (SearchRequest(modification="red", page_size=101), Reason.PAGE_SIZE_INVALID),
        (SearchRequest(modification="red", catalog="No"), Reason.CATALOG_INVALID),
        (SearchRequest(reference=ProductReference("..")), Reason.PRODUCT_ID_INVALID),
        (
            SearchRequest(modification="red", filter=Match("size", ("L",))),
            Reason.FILTER_FIELD_UNKNOWN,
        ),
    ],
)
def test_searches_that_are_refused(request_: SearchRequest, reason: Reason) -> None:
    assert refusal(valid_search, request_, FIELDS) is reason


@pytest.mark.parametrize(
    "text", ["מעיל אדום", "👩‍🦽 coat", "x" * 1000, "ignore all rules; {'all': []}", "in schwarz"]
)
def test_texts_that_pass(text: str) -> None:
    assert valid_search(SearchRequest(modification=text), FIELDS).modification == text


def test_composed_and_decomposed_text_are_one() -> None:
    first = valid_search(SearchRequest(modification="caf\u00e9"), FIELDS)
    second = valid_search(SearchRequest(modification="cafe\u0301"), FIELDS)
    assert first == second


def test_requests_keep_queries_out_of_their_repr() -> None:
    request = SearchRequest(modification="secret wish", reference=UploadReference(b"secret"))
    assert "secret" not in repr(request)


@pytest.mark.parametrize(
    ("filter_", "reason"),
    [
        (AllOf(()), Reason.FILTER_INVALID),
        (AnyOf(()), Reason.FILTER_INVALID),
        (Match("color", ()), Reason.FILTER_INVALID),
        (Match("color", ("x",) * 101), Reason.FILTER_INVALID),
        (nested(5), Reason.FILTER_TOO_DEEP),
        (AllOf((RED,) * 33), Reason.FILTER_TOO_LARGE),
        (AllOf((AnyOf((RED,) * 17), AnyOf((RED,) * 16))), Reason.FILTER_TOO_LARGE),
        (Match("color", (1.0,)), Reason.FILTER_VALUE_INVALID),
        (Match("hood", ("true",)), Reason.FILTER_VALUE_INVALID),
        (Match("price", (True,)), Reason.FILTER_VALUE_INVALID),
        (Match("price", (math.nan,)), Reason.FILTER_VALUE_INVALID),
        (Match("color", ("a\x00",)), Reason.FILTER_VALUE_INVALID),
        (Range("color", min=1), Reason.FILTER_VALUE_INVALID),
        (Range("price"), Reason.FILTER_RANGE_INVALID),
        (Range("price", min=math.nan), Reason.FILTER_RANGE_INVALID),
        (Range("price", max=math.inf), Reason.FILTER_RANGE_INVALID),
        (Range("price", min=2, max=1), Reason.FILTER_RANGE_INVALID),
        (Range("brand", min=2), Reason.FILTER_FIELD_UNKNOWN),
    ],
)
def test_filters_that_are_refused(filter_: Filter, reason: Reason) -> None:
    assert refusal(check_filter, filter_, FIELDS) is reason


@pytest.mark.parametrize(
    "filter_",
    [
        RED,
        nested(4),
        AllOf((RED,) * 32),
        Match("color", ("red' OR 1=1", "$ne", "{}")),
        Match("hood", (True, False)),
        Range("price", min=1, max=1),
        AllOf((RED, Not(AnyOf((Range("price", max=9), Match("hood", (True,))))))),
    ],
)
def test_filters_that_pass(filter_: Filter) -> None:
    check_filter(filter_, FIELDS)


def test_attributes_are_typed_as_their_filters_need_them() -> None:
    write = ProductWrite("a", "t", {"price": "12.90", "color": 7.0, "hood": "True", "size": 42})
    assert valid_write(write, FIELDS).attributes == {
        "price": 12.9,
        "color": "7",
        "hood": True,
        "size": 42.0,
    }


def test_lists_of_values_stay_lists() -> None:
    write = ProductWrite("a", "t", {"color": ["red", "blue"]})
    assert valid_write(write, FIELDS).attributes == {"color": ["red", "blue"]}


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"price": "cheap"}, Reason.ATTRIBUTES_INVALID),
        ({"price": math.inf}, Reason.ATTRIBUTES_INVALID),
        ({"price": True}, Reason.ATTRIBUTES_INVALID),
        ({"hood": "maybe"}, Reason.ATTRIBUTES_INVALID),
        ({"a.b": 1}, Reason.ATTRIBUTES_INVALID),
        ({"": 1}, Reason.ATTRIBUTES_INVALID),
        ({"x": {"nested": 1}}, Reason.ATTRIBUTES_INVALID),
        ({"x": [["nested"]]}, Reason.ATTRIBUTES_INVALID),
        ({"x": None}, Reason.ATTRIBUTES_INVALID),
        ({"x": "a\x00"}, Reason.ATTRIBUTES_INVALID),
        ({"x": 10**400}, Reason.ATTRIBUTES_INVALID),
        ({f"a{n}": 1 for n in range(65)}, Reason.ATTRIBUTES_INVALID),
        ({f"a{n}": "x" * 900 for n in range(20)}, Reason.ATTRIBUTES_INVALID),
    ],
)
def test_attributes_that_are_refused(attributes: Any, reason: Reason) -> None:
    assert refusal(valid_write, ProductWrite("a", "t", attributes), FIELDS) is reason


@pytest.mark.parametrize("title", ["x" * 501, "a\x00", "\udfff", "x" * 1001])
def test_titles_that_are_refused(title: str) -> None:
    assert refusal(valid_write, ProductWrite("a", title, {}), FIELDS) is Reason.TITLE_INVALID
