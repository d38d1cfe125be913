"""Who calls, and what a caller may do."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from retrieval.errors import PermissionDenied, Reason


class Scope(StrEnum):
    """What a key is for."""

    SEARCH = "search"
    CATALOG_READ = "catalog.read"
    CATALOG_WRITE = "catalog.write"
    ADMIN = "admin"
    """All of the others."""


SCOPES: Final[Mapping[str, Scope]] = {
    "Search": Scope.SEARCH,
    "ListProducts": Scope.CATALOG_READ,
    "GetProduct": Scope.CATALOG_READ,
    "GetProductImage": Scope.CATALOG_READ,
    "GetFacets": Scope.CATALOG_READ,
    "ImportProducts": Scope.CATALOG_WRITE,
    "UpdateProduct": Scope.CATALOG_WRITE,
    "DeleteProduct": Scope.CATALOG_WRITE,
}
"""Call -> the scope it needs, on either edge. A test holds it to the calls that there are."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``times`` within ``seconds``; as many at once."""

    times: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller."""

    id: str
    """The key's name, or the subject of a token; goes to logs and metrics."""
    scopes: frozenset[Scope]
    catalogs: frozenset[str] | None = None
    """Those it may name; None: all."""
    rate: Rate | None = None
    quota: Rate | None = None
    """For a day."""

    def require_scope(self, scope: Scope) -> None:
        """Raises PermissionDenied (SCOPE_MISSING)."""
        if scope not in self.scopes and Scope.ADMIN not in self.scopes:
            raise PermissionDenied(Reason.SCOPE_MISSING)

    def require_catalog(self, catalog: str) -> None:
        """Raises PermissionDenied (CATALOG_FORBIDDEN), whether there is such a catalog or not."""
        if self.catalogs is not None and catalog not in self.catalogs:
            raise PermissionDenied(Reason.CATALOG_FORBIDDEN, field="catalog")


ANYONE: Final = Caller("anyone", frozenset({Scope.ADMIN}))
"""Where access is off."""

current_caller: ContextVar[Caller] = ContextVar("current_caller", default=ANYONE)
"""The caller of the request that is being worked on; the edges set it before any work."""
