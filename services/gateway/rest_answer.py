"""Doing a request's work while its caller is there, within its budget."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request

from gateway.edge_parts import within
from gateway.rest_middleware import ClientGone
from retrieval.domain import Deadline

T = TypeVar("T")


async def answer(request: Request, budget_s: float, work: Callable[[Deadline], Awaitable[T]]) -> T:
    """Do the work; a caller who goes away cancels it. The body must have been read.

    Raises:
        DeadlineExceeded: the budget was spent.
        ClientGone: nobody waits for the answer any more.
    """
    working = asyncio.ensure_future(within(Deadline.after(budget_s), work))
    leaving = asyncio.ensure_future(_client_leaves(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _client_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
