"""A line in the log for every write: who, what, and how it ended; ids are a shop's own."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import structlog

from gateway.access.caller import current_caller
from gateway.edge_parts import CatalogCore
from gateway.error_table import describe
from gateway.validation import valid_catalog, valid_product_id
from retrieval.domain import Deadline, ImportResult, Product, ProductWrite
from retrieval.errors import InvalidArgument

INVALID: Final = "(invalid)"


class AuditedCatalog:
    """`CatalogCore` that logs ``write`` for each, also for one that is refused or fails.

    It stands before the check of catalogs, so that an attempt on another's is a line, too.
    """

    def __init__(self, core: CatalogCore) -> None:
        self._core = core
        self.get = core.get
        self.list = core.list
        self.facets = core.facets
        self.image = core.image

    async def import_products(
        self, catalog: str, writes: Sequence[ProductWrite], deadline: Deadline
    ) -> Sequence[ImportResult]:
        with _line("import", catalog, products=len(writes)) as line:
            results = await self._core.import_products(catalog, writes, deadline)
            line |= Counter(result.outcome.value for result in results)
            return results

    async def update(
        self, catalog: str, write: ProductWrite, *, allow_missing: bool, deadline: Deadline
    ) -> tuple[Product, bool]:
        with _line("update", catalog, product_id=_if_valid(valid_product_id, write.id)) as line:
            product, created = await self._core.update(
                catalog, write, allow_missing=allow_missing, deadline=deadline
            )
            line["created"] = created
            return product, created

    async def delete(self, catalog: str, product_id: str, deadline: Deadline) -> None:
        with _line("delete", catalog, product_id=_if_valid(valid_product_id, product_id)):
            await self._core.delete(catalog, product_id, deadline)


@contextmanager
def _line(operation: str, catalog: str, **known: Any) -> Iterator[dict[str, Any]]:
    line: dict[str, Any] = {
        "caller": current_caller.get().id,
        "operation": operation,
        "catalog": _if_valid(valid_catalog, catalog),
        **known,
        "outcome": "ok",
    }
    try:
        yield line
    except Exception as error:
        line["outcome"] = describe(error).reason
        raise
    except BaseException:
        line["outcome"] = "CANCELLED"
        raise
    finally:
        structlog.get_logger("gateway.access").info("write", **line)


def _if_valid(check: Callable[[str], str], name: str) -> str:
    """What breaks the rules of names may be anything, of any length, and is not repeated."""
    try:
        return check(name)
    except InvalidArgument:
        return INVALID
