"""``POST /v1/products:search``: wire to domain and back, nothing decided."""

from fastapi import Request, Response

from gateway.edge_parts import EdgeParts
from gateway.rest_answer import answer
from gateway.rest_body import BodyReader
from gateway.rest_codec import SEARCH_FORM, decode_search
from gateway.rest_encode import JsonResponse, encode_search
from gateway.rest_fields import Query


class SearchApi:
    def __init__(self, parts: EdgeParts, bodies: BodyReader) -> None:
        self._parts = parts
        self._bodies = bodies

    async def search(self, request: Request) -> Response:
        Query(request.scope["query_string"], frozenset())
        async with self._bodies.open(request) as body:
            with self._parts.admission.search_permit() as place:
                question = await body.decode(SEARCH_FORM, decode_search)
                page = await answer(
                    request,
                    self._parts.budgets.of_search(question),
                    lambda deadline: self._parts.search.search(question, deadline),
                )
                place.apart_s = page.second_stage_s
        return JsonResponse(encode_search(page, question.view))
