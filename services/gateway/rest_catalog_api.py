"""The catalog over REST: wire to domain and back, nothing decided."""

from typing import Final

from fastapi import Request, Response

from gateway.access.caller import ANYONE, current_caller
from gateway.edge_parts import EdgeParts
from gateway.rest_answer import answer
from gateway.rest_body import BodyReader
from gateway.rest_codec import (
    PRODUCT_FORM,
    decode_filter,
    decode_page_size,
    decode_product,
    decode_view,
)
from gateway.rest_encode import JsonResponse, encode_facets, encode_page, encode_product
from gateway.rest_fields import Query
from gateway.rest_parse import parse_json
from retrieval.domain import DEFAULT_CATALOG, FacetsRequest, Filter
from retrieval.errors import InvalidArgument, Reason

IMAGE_MAX_AGE_S: Final = 300
_CATALOG_ONLY: Final = frozenset({"catalog"})


class CatalogApi:
    def __init__(self, parts: EdgeParts, bodies: BodyReader) -> None:
        self._parts = parts
        self._core = parts.catalog
        self._bodies = bodies

    async def list(self, request: Request) -> Response:
        query = _query(request, {"catalog", "page_size", "page_token", "view", "filter"})
        page_size = decode_page_size(query.page_size())
        view, filter = decode_view(query.text("view")), _filter(query)
        with self._parts.admission.permit():
            page = await answer(
                request,
                self._parts.budgets.read_s,
                lambda deadline: self._core.list(
                    _catalog(query), page_size, query.text("page_token"), deadline, filter=filter
                ),
            )
        return JsonResponse(encode_page(page, view))

    async def get(self, request: Request) -> Response:
        query = _query(request, _CATALOG_ONLY)
        with self._parts.admission.permit():
            product = await answer(
                request,
                self._parts.budgets.read_s,
                lambda deadline: self._core.get(_catalog(query), _id(request), deadline),
            )
        return JsonResponse(encode_product(product))

    async def put(self, request: Request) -> Response:
        query = _query(request, {"allow_missing"})
        allow_missing = query.flag("allow_missing", default=True)
        async with self._bodies.open(request) as body:
            with self._parts.admission.permit():
                catalog, write = await body.decode(
                    PRODUCT_FORM, lambda parsed: decode_product(parsed, _id(request))
                )
                product, created = await answer(
                    request,
                    self._parts.budgets.write_s,
                    lambda deadline: self._core.update(
                        catalog, write, allow_missing=allow_missing, deadline=deadline
                    ),
                )
        return JsonResponse(encode_product(product), status_code=201 if created else 200)

    async def delete(self, request: Request) -> Response:
        query = _query(request, _CATALOG_ONLY)
        with self._parts.admission.permit():
            await answer(
                request,
                self._parts.budgets.write_s,
                lambda deadline: self._core.delete(_catalog(query), _id(request), deadline),
            )
        return Response(status_code=204)

    async def image(self, request: Request) -> Response:
        query = _query(request, _CATALOG_ONLY)
        with self._parts.admission.permit():
            picture = await answer(
                request,
                self._parts.budgets.read_s,
                lambda deadline: self._core.image(_catalog(query), _id(request), deadline),
            )
        tag = f'"{picture.sha256}"'
        headers = {
            "ETag": tag,
            "Cache-Control": f"{_readers()}, max-age={IMAGE_MAX_AGE_S}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        }
        if _names(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        return Response(picture.content, media_type=picture.media_type, headers=headers)

    async def facets(self, request: Request) -> Response:
        query = _query(request, {"catalog", "filter", "multi_select"}, frozenset({"field"}))
        question = FacetsRequest(
            catalog=_catalog(query),
            fields=query.all("field"),
            filter=_filter(query),
            multi_select=query.flag("multi_select", default=False),
        )
        with self._parts.admission.permit():
            facets = await answer(
                request,
                self._parts.budgets.read_s,
                lambda deadline: self._core.facets(question, deadline),
            )
        return JsonResponse(encode_facets(facets))

    async def no_such_id(self, request: Request) -> Response:
        """Paths below /v1/products/ with an empty or an unencoded id: no id holds a slash."""
        raise InvalidArgument(Reason.PRODUCT_ID_INVALID, field="id")


def _readers() -> str:
    """Who may be given a kept answer: a cache must not show what a key was asked for."""
    return "public" if current_caller.get() is ANYONE else "private"


def _query(
    request: Request, known: "set[str] | frozenset[str]", repeated: frozenset[str] = frozenset()
) -> Query:
    return Query(request.scope["query_string"], known, repeated)


def _catalog(query: Query) -> str:
    return query.text("catalog") or DEFAULT_CATALOG


def _filter(query: Query) -> Filter | None:
    text = query.text("filter")
    return decode_filter(parse_json(text.encode())) if text else None


def _id(request: Request) -> str:
    """The id in ``/v1/products/{id}``, with its percent-encoding undone."""
    return str(request.scope["segments"][3])


def _names(if_none_match: str, tag: str) -> bool:
    """Whether an If-None-Match header names the tag (RFC 9110, 13.1.2: weak comparison)."""
    offered = {part.strip().removeprefix("W/") for part in if_none_match.split(",")}
    return tag in offered or "*" in offered
