"""SearchService over gRPC: wire to domain and back, nothing decided."""

from typing import Any

from gateway.edge_parts import EdgeParts, within
from gateway.grpc_codec import decode_search
from gateway.grpc_deadline import call_deadline
from gateway.grpc_encode import encode_search
from recompose.v1 import search_pb2, search_pb2_grpc


class SearchService(search_pb2_grpc.SearchServiceServicer):
    """``recompose.v1.SearchService``."""

    def __init__(self, parts: EdgeParts) -> None:
        self._parts = parts

    async def Search(  # noqa: N802 - the name of the rpc
        self, request: search_pb2.SearchRequest, context: Any
    ) -> search_pb2.SearchResponse:
        with self._parts.admission.search_permit() as place:
            question = decode_search(request)
            deadline = call_deadline(context, self._parts.budgets.of_search(question))
            answer = await within(
                deadline, lambda deadline: self._parts.search.search(question, deadline)
            )
            place.apart_s = answer.second_stage_s
        return encode_search(answer, question.view)
