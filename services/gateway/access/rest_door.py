"""The door of the REST edge, before an endpoint and before a body is read."""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response

from gateway.access.caller import SCOPES
from gateway.access.guard import Access

Endpoint = Callable[[Request], Awaitable[Response]]


def guarded(access: Access, method: str, endpoint: Endpoint) -> Endpoint:
    """The endpoint behind the door; probes and metrics have none."""
    if method not in SCOPES:
        return endpoint

    async def enter(request: Request) -> Response:
        async with access.enter(request.headers.getlist("authorization"), method):
            return await endpoint(request)

    return enter
