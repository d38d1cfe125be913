"""The door of both edges: who is it, may they make this call, and not too often."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

from gateway.access.caller import SCOPES, Caller, current_caller
from retrieval.errors import Reason, Unauthenticated

_MAX_CREDENTIALS: Final = 4096


class Callers(Protocol):
    """What tells a caller by a credential."""

    async def caller(self, credential: str) -> Caller:
        """Raises Unauthenticated, and `DependencyError` where somebody else cannot be asked."""


class Limits(Protocol):
    """How often a caller may call."""

    async def take(self, caller: Caller) -> None:
        """Count one call. Raises `RateLimited`."""


class Access(Protocol):
    """What the edges ask before any work, and before a body is read."""

    def enter(self, authorization: Sequence[str], method: str) -> AbstractAsyncContextManager[None]:
        """Let a call in; while the block runs, it is that of `current_caller`.

        Args:
            authorization: every Authorization header of the request.
            method: a name in `SCOPES`.

        Raises, on entering:
            Unauthenticated, PermissionDenied, RateLimited.
        """


class OpenAccess:
    """Access is off: everyone may do everything."""

    @asynccontextmanager
    async def enter(self, authorization: Sequence[str], method: str) -> AsyncIterator[None]:
        """Let everyone in."""
        yield


class Guard:
    """Access by credentials."""

    def __init__(self, callers: Callers, limits: Limits) -> None:
        self._callers = callers
        self._limits = limits

    @asynccontextmanager
    async def enter(self, authorization: Sequence[str], method: str) -> AsyncIterator[None]:
        """As `Access.enter`."""
        caller = await self._callers.caller(_bearer(authorization))
        caller.require_scope(SCOPES[method])
        await self._limits.take(caller)
        token = current_caller.set(caller)
        try:
            yield
        finally:
            current_caller.reset(token)


def _bearer(authorization: Sequence[str]) -> str:
    """The one bearer credential (RFC 6750, 2.1)."""
    if not authorization:
        raise Unauthenticated(Reason.CREDENTIALS_MISSING)
    scheme, _, credential = authorization[0].partition(" ")
    credential = credential.strip()
    if (
        len(authorization) > 1
        or scheme.lower() != "bearer"
        or not credential
        or len(credential) > _MAX_CREDENTIALS
        or not credential.isascii()
    ):
        raise Unauthenticated(Reason.CREDENTIALS_INVALID)
    return credential
