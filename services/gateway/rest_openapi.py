"""The OpenAPI document, made from one table of operations and the documentation models."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from gateway import rest_models as models
from gateway.access.caller import SCOPES
from gateway.error_table import INTERNAL_REASON, INTERNAL_SENTENCE, OPAQUE, TABLE, Failure
from gateway.rest_errors import error_body
from retrieval.errors import SENTENCES, Kind, Reason

_REF: Final = "#/components/schemas/{model}"

ABOUT: Final = """\
Composed product search: point at a picture, say what should be different, and get the products
of a catalog that match.

The same calls are served over gRPC as `recompose.v1.SearchService` and
`recompose.v1.CatalogService`; both answer alike. Every failure has the form of `Error`: a
`reason` for programs and one sentence for people. An `X-Request-Id` of 8 to 64 letters, digits,
`-` and `_` is kept and comes back with the answer.
"""

_ERRORS: Final[Mapping[Kind, tuple[str, Reason]]] = {
    Kind.MALFORMED: ("The request cannot be read.", Reason.REQUEST_MALFORMED),
    Kind.UNAUTHENTICATED: (
        "The service asks for a key, and the request has none, or one that it does not know.",
        Reason.CREDENTIALS_MISSING,
    ),
    Kind.FORBIDDEN: ("The key is not for this call or catalog.", Reason.SCOPE_MISSING),
    Kind.NOT_FOUND: ("There is no such product.", Reason.PRODUCT_NOT_FOUND),
    Kind.TOO_LARGE: ("The body or the picture is too large.", Reason.IMAGE_TOO_MANY_BYTES),
    Kind.UNSUPPORTED: (
        "The media type or the picture's format is not taken.",
        Reason.MEDIA_TYPE_UNSUPPORTED,
    ),
    Kind.INVALID: ("A value breaks a rule.", Reason.PAGE_SIZE_INVALID),
    Kind.PRECONDITION: (
        "Something that the request names did not deliver.",
        Reason.IMAGE_HOST_UNREACHABLE,
    ),
    Kind.EXHAUSTED: ("At the limit; `Retry-After` says when to try again.", Reason.OVERLOADED),
    Kind.BROKEN: ("A part of the service broke.", Reason.DEPENDENCY_BROKEN),
    Kind.UNAVAILABLE: ("A part of the service is missing.", Reason.DEPENDENCY_UNAVAILABLE),
    Kind.TIMEOUT: ("The time for this request ran out.", Reason.DEADLINE_EXCEEDED),
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the REST edge, as routed and as documented."""

    method: str
    path: str
    tag: str
    summary: str
    description: str
    answers: Mapping[int, Mapping[str, Any]]
    errors: Sequence[Kind] = ()
    parameters: Sequence[Mapping[str, Any]] = ()
    body: Mapping[str, Any] | None = None

    def route(self, app: FastAPI, name: str, endpoint: Callable[..., Any]) -> None:
        """Route to an endpoint; the name is the rpc's, and goes to metrics."""
        app.add_api_route(
            self.path, endpoint, methods=[self.method], name=name, include_in_schema=False
        )

    def document(self, name: str) -> dict[str, Any]:
        """The operation object (OpenAPI 3.1, 4.8.10)."""
        responses = {str(code): dict(answer) for code, answer in self.answers.items()}
        for kind in self.errors:
            responses[str(TABLE[kind].http)] = _error(kind)
        if self.errors:
            responses["500"] = _internal()
        return {
            "operationId": name,
            "tags": [self.tag],
            "summary": self.summary,
            "description": self.description,
            **({"parameters": list(self.parameters)} if self.parameters else {}),
            **(
                {"requestBody": {"required": True, "content": self.body}}
                if self.body is not None
                else {}
            ),
            # without a key where the service asks for none
            **({"security": [{}, {"key": []}]} if name in SCOPES else {}),
            "responses": dict(sorted(responses.items())),
        }


def build_document(operations: Mapping[str, Operation]) -> dict[str, Any]:
    """The whole document (OpenAPI 3.1)."""
    paths: dict[str, Any] = {}
    for name, operation in operations.items():
        paths.setdefault(operation.path, {})[operation.method.lower()] = operation.document(name)
    _, schemas = models_json_schema(
        [(model, "validation") for model in models.DOCUMENTED], ref_template=_REF
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Recompose", "version": "1", "description": ABOUT},
        "tags": [
            {"name": "search", "description": "Composed product search."},
            {"name": "catalog", "description": "The products of a shop."},
            {"name": "operation", "description": "Probes and metrics."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def json_content(model: type[Any], example: Any = None, **more: Any) -> dict[str, Any]:
    """A media type object for JSON of a model."""
    content: dict[str, Any] = {"schema": {"$ref": _REF.format(model=model.__name__)}, **more}
    if example is not None:
        content["example"] = example
    return {"application/json": content}


def _error(kind: Kind) -> dict[str, Any]:
    description, reason = _ERRORS[kind]
    failure = Failure(TABLE[kind], reason.value, SENTENCES[reason])
    response: dict[str, Any] = {"description": description, "content": _error_content(failure)}
    if kind is Kind.EXHAUSTED:
        response["headers"] = {
            "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}
        }
    return response


def _internal() -> dict[str, Any]:
    failure = Failure(OPAQUE, INTERNAL_REASON, INTERNAL_SENTENCE)
    return {"description": "A fault of the service.", "content": _error_content(failure)}


def _error_content(failure: Failure) -> dict[str, Any]:
    return json_content(models.Error, error_body(failure, "3f2a9c5d7e8b1a40"))
