"""Requests drawn from the running stack's OpenAPI document: it answers each as documented.

Half of them keep the document and half break it in one place. Whatever is written goes into a
catalog of this test's own, which is empty again at its end. With RECOMPOSE_TEST_LONG=1 there are
many more, and other ones each time.
"""

import base64
import json
import os
from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

from gateway.rest_models import Error
from gateway.rest_operations import OPERATIONS
from tests.support import pictures
from tests.support.stack import Stack

LONG: Final = bool(os.environ.get("RECOMPOSE_TEST_LONG"))
CATALOG: Final = "schemathesis"
KNOWN: Final = ("known-1", "known 2", "k\u00e9pi")
EXAMPLES: Final = dict.fromkeys(("Health", "Readiness", "Metrics"), 5) | {"DeleteProduct": 20}
USUAL_EXAMPLES: Final = 1000 if LONG else 40
CHECKS: Final = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.response_headers_conformance,
]
PICTURES: Final = [
    pictures.encode(pictures.textured((48, 40)), "JPEG"),
    pictures.encode(pictures.two_tone(), "PNG"),
]
_CONDITIONS: Final[list[dict[str, Any]]] = [
    {"field": "color", "any_of": ["red", "blue"]},
    {"field": "price", "min": 10, "max": 60},
    {"not": {"all": [{"field": "category", "any_of": ["dress"]}, {"field": "price", "max": 30}]}},
]
FITTING: Final[dict[str, list[Any]]] = {
    "catalog": ["default"],
    "page_token": [""],
    "filter": _CONDITIONS,
    "field": [["color"], ["color", "price"], []],
    "group_by": ["", "color"],
    "reference": [None, {"image": {"content": base64.b64encode(PICTURES[0]).decode()}}],
    "modification": ["in black"],
    "page_size": [1, 20],
    "attributes": [{"color": "red", "price": 7, "tags": ["a", "b"]}],
}
ASKED: Final = [(name, "positive") for name in OPERATIONS] + [
    (name, "negative")
    for name, operation in OPERATIONS.items()
    if operation.parameters or operation.body  # else nothing in the request can be wrong
]
IN_THE_FORM: Final = frozenset({"image", "reference"})


@pytest.fixture(scope="module")
def schema(stack: Stack) -> Any:
    """The document as the stack serves it; pictures in it are now and then really some."""
    really = st.sampled_from([base64.b64encode(picture).decode() for picture in PICTURES])
    garbage = st.binary(max_size=60).map(lambda data: base64.b64encode(data).decode())
    schemathesis.openapi.format("byte", really | garbage)
    return schemathesis.openapi.from_dict(stack.rest.get("/openapi.json").raise_for_status().json())


@pytest.fixture(scope="module")
def session(stack: Stack) -> Iterator[requests.Session]:
    """A client; before it a few products in the catalog of their own, after it none."""
    before = _ids(stack, "default")
    for product_id in KNOWN:
        _write(stack, product_id)
    with requests.Session() as session:
        session.trust_env = False
        yield session
    for product_id in _ids(stack, CATALOG):
        _delete(stack, product_id)
    assert _ids(stack, CATALOG) == []
    assert _ids(stack, "default") == before


@pytest.mark.parametrize(("name", "mode"), ASKED)
def test_answers_are_as_documented(
    name: str, mode: str, schema: Any, session: requests.Session, stack: Stack
) -> None:
    operation = schema.find_operation_by_id(name)
    generation = schemathesis.GenerationMode(mode)
    seen: list[int] = []

    @settings(
        max_examples=EXAMPLES.get(name, USUAL_EXAMPLES),
        deadline=None,
        database=None,
        derandomize=not LONG,
        phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=generation), st.data())
    def ask(case: Any, data: st.DataObject) -> None:
        _aim(case, name, mode, data)
        answer = case.call(base_url=str(stack.rest.base_url), session=session, timeout=30)
        seen.append(answer.status_code)
        if answer.status_code == 204:
            _write(stack, case.path_parameters["id"])
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code >= 400:
            error = Error.model_validate_json(answer.content).error
            assert error.code == answer.status_code
            assert error.request_id == answer.headers["x-request-id"][0]

    ask()
    if mode == "positive":
        assert set(seen) & {int(code) for code in OPERATIONS[name].answers}
    else:  # all but all: a null and an empty parameter count as left out, which no schema says
        assert sum(code >= 400 for code in seen) >= 0.9 * len(seen)


def _aim(case: Any, name: str, mode: str, data: st.DataObject) -> None:
    """Let half of the good requests ask for what there is; write into this test's catalog alone.

    Names of products and attributes drawn by chance are never those of the shop, and requests
    would not get far.
    """
    if mode == "positive" and data.draw(st.booleans()):
        if case.media_type == "multipart/form-data":
            known = _document(case.body) if "request" in case.body else {}
            request = {key: value for key, value in known.items() if key not in IN_THE_FORM}
            case.body = {"image": data.draw(st.sampled_from(PICTURES)), "request": request}
        elif name == "Search":
            case.body.setdefault("modification", "in black")
        for sent in (case.query, _document(case.body)):
            for field in sorted(sent.keys() & FITTING.keys()):
                value = data.draw(st.sampled_from(FITTING[field]))
                as_text = sent is case.query and isinstance(value, dict)
                sent[field] = json.dumps(value) if as_text else value
        if "{id}" in case.path:
            case.path_parameters = {"id": data.draw(st.sampled_from(KNOWN))}
            if case.method == "GET":
                case.query = {**case.query, "catalog": CATALOG}
    if name == "DeleteProduct":
        case.query = {**case.query, "catalog": CATALOG}
    if name == "UpdateProduct":
        _document(case.body)["catalog"] = CATALOG


def _document(body: Any) -> dict[str, Any]:
    """The JSON object of a body, or of the part of a form that has it; else an empty one."""
    inner = body.get("request", body) if isinstance(body, dict) else None
    return inner if isinstance(inner, dict) else {}


def _write(stack: Stack, product_id: str) -> None:
    content = base64.b64encode(PICTURES[0]).decode()
    stack.rest.put(
        f"/v1/products/{_quoted(product_id)}",
        json={"catalog": CATALOG, "image": {"content": content}},
    ).raise_for_status()


def _delete(stack: Stack, product_id: str) -> None:
    stack.rest.request(
        "DELETE", f"/v1/products/{_quoted(product_id)}", params={"catalog": CATALOG}
    ).raise_for_status()


def _quoted(product_id: str) -> str:
    return requests.utils.quote(product_id, safe="")


def _ids(stack: Stack, catalog: str) -> list[str]:
    """The ids of all products of a catalog."""
    found: list[str] = []
    token = ""
    while True:
        query: dict[str, str | int] = {"catalog": catalog, "page_size": 100, "view": "basic"}
        page = stack.rest.get("/v1/products", params={**query, "page_token": token})
        page.raise_for_status()
        found += [product["id"] for product in page.json()["products"]]
        if not (token := page.json()["next_page_token"]):
            return found
