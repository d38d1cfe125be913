"""When an audit is made by itself, and by whom."""

import asyncio
import time
from dataclasses import replace

import numpy as np

from gateway.audit.recall import RecallAudit
from gateway.audit.schedule import AuditSchedule
from gateway.tuning import Tuned, TuningWatch
from retrieval.domain import Deadline, IndexedProduct, Pooled, Tuning
from retrieval.errors import DependencyUnavailable
from retrieval.ports import Lease
from tests.support.core import FIELDS
from tests.support.fake_cache import MemoryLease
from tests.support.fake_index import FakeIndex
from tests.support.index_cases import catalog_of

QUIET_S = 60.0
LONG_AGO_S = 3600.0


class Replica:
    """A schedule over an index that replicas may share."""

    def __init__(self, index: FakeIndex, lease: Lease, *, quiet_s: float = QUIET_S) -> None:
        self.index, self.tuned = index, Tuned()
        self.outcomes: list[str] = []
        audit = RecallAudit(
            index,
            index,
            sample=3,
            budget_s=30,
            smallest_depth=200,
            random=np.random.default_rng(1),
        )
        tuning = TuningWatch(index, self.tuned, lambda _: None, interval_s=10, budget_s=1)
        self.schedule = AuditSchedule(
            audit,
            index,
            tuning,
            lease,
            name=b"audit",
            count=self.outcomes.append,
            quiet_s=quiet_s,
            change_share=0.1,
            lease_s=600,
        )

    async def looks(self) -> list[str]:
        """Outcomes of the audits that one look made, with no earlier look to hold it back."""
        self.schedule._not_before_s = 0.0
        before = len(self.outcomes)
        await self.schedule.look()
        return self.outcomes[before:]


async def fill(index: FakeIndex, count: int, *, first: int = 0, age_s: float) -> None:
    """Write products, as they were written some time ago."""
    written_at_s = time.time() - age_s
    items = [
        IndexedProduct(replace(item.product, updated_at_s=written_at_s), item.tokens)
        for item in catalog_of(first + count)[first:]
    ]
    await index.put(items, Deadline.after(5))


def audited(index: FakeIndex, products: int) -> None:
    """As if an audit had been made half an hour ago."""
    index.kept = Tuning(Pooled(500), 1.0, products, 6, time.time() - LONG_AGO_S / 2)


async def test_a_collection_is_audited_once_its_import_is_over() -> None:
    replica = Replica(FakeIndex(FIELDS), MemoryLease())
    assert await replica.looks() == []  # nothing there
    await fill(replica.index, 30, age_s=QUIET_S / 2)
    assert await replica.looks() == []
    await fill(replica.index, 30, age_s=QUIET_S + 1)
    assert await replica.looks() == ["ok"]
    assert replica.index.kept is not None
    assert replica.tuned.current is not None
    assert replica.tuned.current.route == Pooled(200)  # followed at once
    assert await replica.looks() == []


async def test_a_trickle_of_changes_does_not_put_an_audit_off() -> None:
    replica = Replica(FakeIndex(FIELDS), MemoryLease())
    await fill(replica.index, 200, age_s=LONG_AGO_S)
    await fill(replica.index, 3, age_s=1)
    assert await replica.looks() == []
    await fill(replica.index, 1, first=2, age_s=QUIET_S + 1)
    assert await replica.looks() == ["ok"]


async def test_it_is_made_again_when_the_catalog_changed_enough() -> None:
    for count, first, due in ((9, 0, False), (10, 0, True), (9, 100, False), (10, 100, True)):
        replica = Replica(FakeIndex(FIELDS), MemoryLease())
        await fill(replica.index, 100, age_s=LONG_AGO_S)
        audited(replica.index, 100)
        assert await replica.looks() == []
        await fill(replica.index, count, first=first, age_s=QUIET_S + 1)
        assert await replica.looks() == (["ok"] if due else [])


async def test_it_is_made_again_when_products_went() -> None:
    replica = Replica(FakeIndex(FIELDS), MemoryLease())
    await fill(replica.index, 90, age_s=LONG_AGO_S)
    audited(replica.index, 100)
    assert await replica.looks() == ["ok"]


async def test_one_replica_makes_it_and_a_lease_is_needed() -> None:
    index, lease = FakeIndex(FIELDS), MemoryLease()
    await fill(index, 30, age_s=LONG_AGO_S)
    replicas = [Replica(index, lease) for _ in range(4)]
    outcomes = await asyncio.gather(*(one.looks() for one in replicas))
    assert sorted(outcomes) == [[], [], [], ["ok"]]
    assert lease.taken == {b"audit": 600}


async def test_a_failed_audit_is_counted_and_not_tried_again_at_once() -> None:
    class Everyones:
        async def take(self, name: bytes, for_s: float) -> bool:
            return True

    index = FakeIndex(FIELDS)
    replica = Replica(index, Everyones())
    await fill(index, 30, age_s=LONG_AGO_S)

    async def sample(count: int, deadline: Deadline) -> list[IndexedProduct]:
        raise DependencyUnavailable(dependency="qdrant")

    index.sample = sample  # type: ignore[method-assign]
    assert await replica.looks() == ["failed"]
    assert index.kept is None
    await replica.schedule.look()
    assert replica.outcomes == ["failed"]


async def test_an_index_that_is_down_is_no_failed_audit() -> None:
    replica = Replica(FakeIndex(FIELDS), MemoryLease())
    replica.index.failure = DependencyUnavailable(dependency="qdrant")
    assert await replica.looks() == []


async def test_a_single_product_is_nothing_to_compare() -> None:
    replica = Replica(FakeIndex(FIELDS), MemoryLease())
    await fill(replica.index, 1, age_s=LONG_AGO_S)
    assert await replica.looks() == ["empty"]
    assert replica.index.kept is None


async def test_it_keeps_watch() -> None:
    replica = Replica(FakeIndex(FIELDS), MemoryLease(), quiet_s=0.02)
    task = asyncio.create_task(replica.schedule.watch())
    await fill(replica.index, 5, age_s=1)
    async with asyncio.timeout(5):
        while not replica.outcomes:  # noqa: ASYNC110 - what is polled has no event
            await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert replica.outcomes == ["ok"]
