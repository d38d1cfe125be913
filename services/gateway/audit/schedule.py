"""When an audit is made by itself: the catalog changed enough, and no import is under way.

All of it is read from the index, so it does not matter which replica imported what, nor which was
restarted since. One replica makes the audit: whoever takes the lease. It is never given back, only
expires: a finished audit leaves nothing due, and a failed one is not tried again at once.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

import structlog

from gateway.audit.recall import RecallAudit
from gateway.tuning import TuningWatch
from retrieval.domain import Deadline
from retrieval.errors import RecomposeError
from retrieval.ports import AuditedIndex, Lease

# A shop may always be changing a price somewhere: up to this share of the products may have been
# written lately, and the import still counts as over.
_TRICKLE: Final = 0.01
_LOOKS_A_QUIET_TIME: Final = 4
_LOOK_BUDGET_S: Final = 10.0


class AuditSchedule:
    """Audits a collection when it is due.

    Args:
        audit: the use case.
        audits: what is asked whether it is due.
        tuning: refreshed after an audit, so that this replica follows it at once.
        lease: taken before an audit.
        name: of the lease; one for each collection.
        count: told of each audit: ``ok``, ``empty`` (nothing to compare) or ``failed``.
        quiet_s: how long an import must be over.
        change_share: of the products that the last audit saw; so many must have been written,
            added or deleted since.
        lease_s: how long others, and this one, leave the audit to whoever took it.
        wanted: whether the collection is one to audit by itself now.
    """

    def __init__(
        self,
        audit: RecallAudit,
        audits: AuditedIndex,
        tuning: TuningWatch,
        lease: Lease,
        *,
        name: bytes,
        count: Callable[[str], None],
        quiet_s: float,
        change_share: float,
        lease_s: float,
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._wanted = wanted
        self._audit = audit
        self._audits = audits
        self._tuning = tuning
        self._lease = lease
        self._name = name
        self._count = count
        self._quiet_s = quiet_s
        self._change_share = change_share
        self._lease_s = lease_s
        self._not_before_s = 0.0

    async def watch(self) -> None:
        """Look for ever. Cancel to end."""
        while True:
            await asyncio.sleep(self._quiet_s / _LOOKS_A_QUIET_TIME)
            await self.look()

    async def look(self) -> None:
        """Make an audit if one is due and no other replica makes it; a failure is only counted."""
        if not self._wanted():
            return
        try:
            if time.monotonic() < self._not_before_s or not await self._due():
                return
        except RecomposeError:
            return  # counted where the call was made; the next look may know more
        # Without a store for leases every replica may take one: then this is the only brake.
        self._not_before_s = time.monotonic() + self._lease_s
        if await self._lease.take(self._name, self._lease_s):
            await self._run()

    async def _due(self) -> bool:
        """Whether enough has changed, and nothing changes now."""
        deadline = Deadline.after(_LOOK_BUDGET_S)
        products = await self._audits.count(deadline)
        lately_s = time.time() - self._quiet_s
        lately = await self._audits.count(deadline, updated_after_s=lately_s)
        if not products or lately > products * _TRICKLE:
            return False
        last = await self._audits.tuning(deadline)
        if last is None:
            return True
        written = await self._audits.count(deadline, updated_after_s=last.audited_at_s)
        changed = max(written, abs(products - last.products))
        return changed >= max(1, self._change_share * last.products)

    async def _run(self) -> None:
        log = structlog.get_logger()
        started = time.monotonic()
        try:
            found = await self._audit.run()
        except RecomposeError as error:
            self._count("failed")
            log.warning("audit failed", reason=str(error.reason))
            return
        self._count("empty" if found is None else "ok")
        log.info("audit", seconds=round(time.monotonic() - started, 1))
        with contextlib.suppress(RecomposeError):  # else it is read with the next refresh
            await self._tuning.refresh()
