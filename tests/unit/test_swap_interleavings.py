"""A model swap between a shop's writes and kills, at moments drawn from seeds.

Two gateways write while the steps run: one has seen every move, the other sees none until the
step waits for it. What they were told is done must be in the live model at the end.
"""

import itertools
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from gateway.catalog import Catalog
from gateway.importing import Importer
from gateway.model_swap.backfill import backfill
from gateway.model_swap.change import rollback, switch
from retrieval.domain import Deadline, Pooled, Product, Tuning, point_id
from retrieval.errors import NotFound
from retrieval.image_fetch import DisabledImageFetcher
from tests.support.core import FIELDS, write
from tests.support.fake_models import spaces_over
from tests.support.swap import Swap, swapping
from tests.support.two_models import NEW, OLD

COUNT = 12
SEEDS = 300 if os.environ.get("RECOMPOSE_TEST_LONG") else 20


class Killed(BaseException):
    """The step is gone, from one call to the next."""


def soon() -> Deadline:
    return Deadline.after(30)


class Shop:
    """Writes through two gateways, and remembers what it was told is done.

    The late gateway changes products of its own only: where both gateways write the same product
    around the move, the one that has moved on wins, and which write came last is not asked.
    """

    def __init__(self, swap: Swap, seed: int) -> None:
        self.swap = swap
        self.random = random.Random(seed)
        self.expected: dict[str, str] = {}
        self.late_expected: dict[str, str] = {}
        self.numbers = itertools.count(COUNT)
        models = swap.models
        # A late gateway's word is good until the step has waited: it never looks again.
        self.late_spaces = spaces_over(models.registry, *models.by_model.values())
        importer = Importer(models.images, DisabledImageFetcher(), models.workshop, FIELDS, 4)
        self.late = Catalog(self.late_spaces, importer, models.images, FIELDS)
        self.busy = False

    async def open(self) -> None:
        for number in range(COUNT):
            await self._put(number, late=number % 2 == 0)
        await self.late_spaces.refresh()

    async def interfere(self, name: str) -> None:
        """A few writes, sometimes; never one within another."""
        if self.busy or self.random.random() < 0.6:
            return
        self.busy = True
        try:
            await self.swap.models.spaces.refresh()
            late = self.random.random() < 0.5
            known = [*(self.late_expected if late else self.expected)]
            chance = self.random.random()
            if chance < 0.4 and known:
                await self._delete(self.random.choice(known), late=late)
            elif chance < 0.7 and known:
                await self._put(int(self.random.choice(known)[1:]), late=late)
            else:
                await self._put(next(self.numbers), late=late)
        finally:
            self.busy = False

    async def notice(self) -> None:
        """The late gateway sees the move, as all do before a step has waited to its end."""
        await self.late_spaces.refresh()

    async def _put(self, number: int, *, late: bool) -> None:
        title = f"title {self.random.random()}"
        product = replace(write(number, color="red"), title=title)
        if self.random.random() < 0.3:
            product = replace(product, image=write(number + 1000).image)
        with self._asked_by(late):
            await (self.late if late else self.swap.models.catalog).import_products(
                "", [product], soon()
            )
        (self.late_expected if late else self.expected)[f"p{number}"] = title

    async def _delete(self, product_id: str, *, late: bool) -> None:
        registry = self.swap.models.registry
        try:
            with self._asked_by(late):
                catalog = self.late if late else self.swap.models.catalog
                await catalog.delete("", product_id, soon())
        except NotFound:
            # Written just before the move, or after it through the gateway that had not noticed,
            # and asked for under the new model before the step brought it over.
            assert (await registry.record(registry.live or "", soon())).unsettled
            return
        del (self.late_expected if late else self.expected)[product_id]

    def _asked_by(self, late: bool) -> "_Asking":
        return _Asking(self, late)

    def titles(self) -> dict[str, str]:
        return self.expected | self.late_expected


class _Asking:
    """While it lasts, an index asks the gateway that writes whether it may."""

    def __init__(self, shop: Shop, late: bool) -> None:
        self.shop, self.late = shop, late

    def __enter__(self) -> None:
        spaces = self.shop.late_spaces if self.late else self.shop.swap.models.spaces
        for model, index in self.shop.swap.models.indexes.items():
            index.before_write = partial(spaces.allow_write, model)

    def __exit__(self, *_: object) -> None:
        return None


@asynccontextmanager
async def shop_of(folder: Path, seed: int) -> AsyncIterator[Shop]:
    with swapping(folder) as swap:
        await swap.models.spaces.refresh()
        shop = Shop(swap, seed)
        await shop.late_spaces.refresh()
        await shop.open()
        yield shop


async def audited(shop: Shop) -> None:
    index = shop.swap.models.indexes[NEW]
    await index.keep(Tuning(Pooled(200), 1.0, await index.count(soon()), 10, 1.7e9), soon())


def titles(contents: dict[str, Product]) -> dict[str, str]:
    return {product_id: product.title for product_id, product in contents.items()}


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_what_was_acknowledged_is_in_the_live_model(tmp_path: Path, seed: int) -> None:
    async with shop_of(tmp_path, seed) as shop:
        swap = shop.swap
        swap.hook = shop.interfere
        swap.while_waiting = shop.notice
        await backfill(swap.parts, NEW)
        await audited(shop)
        await switch(swap.parts, NEW, change_share=10.0)
        swap.hook = _quiet
        assert titles(await swap.contents(NEW)) == shop.titles()
        swap.hook = shop.interfere
        await rollback(swap.parts)
        swap.hook = _quiet
        assert titles(await swap.contents(OLD)) == shop.titles()


async def _quiet(name: str) -> None:
    pass


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_swap_that_is_killed_at_any_call_goes_on(tmp_path: Path, seed: int) -> None:
    async with shop_of(tmp_path, seed) as shop:
        swap, calls = shop.swap, 0

        async def kill_or_interfere(name: str) -> None:
            nonlocal calls
            if shop.busy:
                return
            calls -= 1
            if calls == 0:
                raise Killed
            await shop.interfere(name)

        async def wait() -> None:
            nonlocal calls
            calls -= 1
            if calls == 0:
                raise Killed
            await shop.notice()

        swap.hook, swap.while_waiting = kill_or_interfere, wait
        for step in (
            partial(backfill, swap.parts, NEW),
            partial(audited, shop),
            partial(switch, swap.parts, NEW, change_share=10.0),
            partial(rollback, swap.parts),
        ):
            for _ in range(3):
                calls = shop.random.randrange(1, 30)
                try:
                    await step()
                    break
                except Killed:
                    continue
            else:
                calls = 0
                await step()
        calls = 0
        swap.hook = _quiet
        live = swap.models.registry.live
        assert live == OLD
        assert titles(await swap.contents(OLD)) == shop.titles()
        wanted = [point_id("default", product_id) for product_id in shop.titles()]
        assert len(await swap.models.indexes[OLD].get(wanted, soon())) == len(wanted)
