"""Which pictures a run sets aside, takes back and removes, and that no product loses its own."""

import asyncio
import random
from dataclasses import dataclass, field, replace

import pytest
from PIL import Image

from gateway.__main__ import main
from gateway.collect_pictures import told
from gateway.picture_collection import CollectionRefused, PictureCollection, Report, Rules
from retrieval.domain import Deadline, PictureShelf, ReferencedPictures
from retrieval.errors import DependencyUnavailable
from retrieval.image_store import content_sha256
from tests.support.fake_image_store import MemoryImageStore
from tests.support.image_places import soon

KEPT, TRASH = PictureShelf.KEPT, PictureShelf.TRASH
HOUR_S = 3600.0
RULES = Rules(grace_s=24 * HOUR_S, most_share=1)


def picture(number: int) -> Image.Image:
    return Image.new("RGB", (16, 16), (number, 7, 7))


def name(number: int) -> str:
    return content_sha256(picture(number))


@dataclass
class Shop:
    """A store, an index that is a dictionary of products' pictures, and a clock."""

    now_s: float = 1_800_000_000.0
    products: dict[str, str] = field(default_factory=dict)
    failure: Exception | None = None

    def __post_init__(self) -> None:
        self.store = MemoryImageStore(self.now)
        self.collection = PictureCollection(self, self.store, self.now)

    def now(self) -> float:
        return self.now_s

    async def referenced(self, deadline: Deadline) -> ReferencedPictures:
        await self.store.pause()
        if self.failure is not None:
            raise self.failure
        names = frozenset(bytes.fromhex(sha256) for sha256 in self.products.values() if sha256)
        return ReferencedPictures(names, len(self.products))

    async def fill(self, *, pictures: int, in_use: int) -> None:
        for number in range(pictures):
            sha256 = await self.store.put(picture(number), soon())
            if number < in_use:
                self.products[f"p{number}"] = sha256

    async def run(self, rules: Rules = RULES) -> Report:
        return await self.collection.run(rules, soon())

    def names(self, shelf: PictureShelf) -> set[str]:
        return set(self.store.shelves[shelf])


@pytest.fixture
def shop() -> Shop:
    return Shop()


async def test_a_picture_goes_in_two_steps_with_a_grace_period_before_each(shop: Shop) -> None:
    await shop.fill(pictures=5, in_use=3)
    unused = {name(3), name(4)}
    report = await shop.run()
    assert (report.unused, report.young, report.set_aside) == (2, 2, 0)

    shop.now_s += 25 * HOUR_S
    report = await shop.run()
    assert (report.unused, report.young, report.set_aside, report.removed) == (2, 0, 2, 0)
    assert shop.names(TRASH) == unused
    shop.now_s += 23 * HOUR_S
    report = await shop.run()
    assert (report.unused, report.removed, report.waiting) == (0, 0, 2)

    shop.now_s += 2 * HOUR_S
    report = await shop.run()
    assert (report.removed, report.waiting) == (2, 0)
    assert not shop.names(TRASH)
    assert shop.names(KEPT) == {name(number) for number in range(3)}


async def test_a_picture_that_is_referred_to_again_is_taken_back(shop: Shop) -> None:
    await shop.fill(pictures=3, in_use=2)
    shop.now_s += 25 * HOUR_S
    await shop.run()
    shop.products["again"] = name(2)
    shop.now_s += 25 * HOUR_S
    report = await shop.run()
    assert (report.restored, report.removed) == (1, 0)
    assert name(2) in shop.names(KEPT)


async def test_one_picture_of_two_products_stays_with_either(shop: Shop) -> None:
    await shop.fill(pictures=2, in_use=2)
    shop.products["twin"] = name(1)
    del shop.products["p1"]
    shop.now_s += 25 * HOUR_S
    report = await shop.run()
    assert (report.products, report.referenced, report.unused) == (2, 2, 0)


async def test_a_run_does_no_more_than_a_batch_and_says_what_is_left(shop: Shop) -> None:
    await shop.fill(pictures=12, in_use=2)
    rules = replace(RULES, batch=4)
    shop.now_s += 25 * HOUR_S
    assert [(await shop.run(rules)).left for _ in range(3)] == [6, 2, 0]
    shop.now_s += 25 * HOUR_S
    assert [(await shop.run(rules)).removed for _ in range(4)] == [4, 4, 2, 0]


async def test_a_dry_run_says_the_same_and_changes_nothing(shop: Shop) -> None:
    await shop.fill(pictures=6, in_use=2)
    shop.now_s += 25 * HOUR_S
    await shop.run(replace(RULES, batch=2))
    shop.now_s += 25 * HOUR_S
    before = {shelf: dict(shop.store.shelves[shelf]) for shelf in PictureShelf}
    dry = await shop.run(replace(RULES, dry_run=True))
    assert shop.store.shelves == before
    assert dry == await shop.run()
    assert dry.removed == dry.set_aside == 2


async def test_an_empty_index_is_refused(shop: Shop) -> None:
    await shop.fill(pictures=3, in_use=0)
    shop.now_s += 100 * HOUR_S
    with pytest.raises(CollectionRefused, match="no picture at all"):
        await shop.run()
    shop.products["without"] = ""
    with pytest.raises(CollectionRefused):
        await shop.run()
    assert len(shop.names(KEPT)) == 3


async def test_an_index_that_lost_most_of_its_products_is_refused(shop: Shop) -> None:
    await shop.fill(pictures=10, in_use=4)
    shop.now_s += 100 * HOUR_S
    with pytest.raises(CollectionRefused, match="6 of 10 pictures would go"):
        await shop.run(Rules())
    assert len(shop.names(KEPT)) == 10
    assert (await shop.run(Rules(most_share=0.6))).set_aside == 6


async def test_the_trash_counts_too_when_an_index_is_short_of_products(shop: Shop) -> None:
    await shop.fill(pictures=10, in_use=6)
    shop.now_s += 25 * HOUR_S
    assert (await shop.run(Rules())).set_aside == 4
    shop.products = {"p0": name(0), "p1": name(1)}
    shop.now_s += 25 * HOUR_S
    with pytest.raises(CollectionRefused):
        await shop.run(Rules())
    assert len(shop.names(TRASH)) == 4


async def test_an_index_that_is_not_reachable_changes_nothing(shop: Shop) -> None:
    await shop.fill(pictures=3, in_use=1)
    shop.now_s += 100 * HOUR_S
    shop.failure = DependencyUnavailable(dependency="qdrant")
    with pytest.raises(DependencyUnavailable):
        await shop.run()
    assert len(shop.names(KEPT)) == 3


async def test_a_store_that_fails_ends_the_run(shop: Shop) -> None:
    await shop.fill(pictures=3, in_use=1)
    shop.now_s += 100 * HOUR_S
    shop.store.failure = DependencyUnavailable(dependency="image_store")
    with pytest.raises(DependencyUnavailable):
        await shop.run()


class Turns:
    """Lets one of many actors go on at a time, by lot; the clock moves on in between."""

    def __init__(self, shop: Shop, lot: random.Random) -> None:
        self._shop = shop
        self._lot = lot
        self._waiting: list[tuple[float, asyncio.Event]] = []

    async def wait(self, at_most_s: float = 600.0) -> None:
        """Until it is this one's turn, which is not later than the time given."""
        event = asyncio.Event()
        entry = (self._shop.now_s + self._lot.uniform(0, at_most_s), event)
        self._waiting.append(entry)
        try:
            await event.wait()
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    async def deal(self) -> None:
        """Give turns for ever."""
        while True:
            for _ in range(5):
                await asyncio.sleep(0)
            if self._waiting:
                at_s, event = entry = min(self._waiting, key=lambda waiting: waiting[0])
                self._shop.now_s = max(self._shop.now_s, at_s)
                self._waiting.remove(entry)
                event.set()


@pytest.mark.parametrize("seed", range(12))
async def test_no_product_ever_loses_its_picture(shop: Shop, seed: int) -> None:
    """Imports, deletions and runs that are killed, in any order, over weeks of a made-up clock.

    An import ends within an hour after it kept its picture; a run takes half an hour and more.
    """
    lot = random.Random(seed)
    turns = Turns(shop, lot)
    rules = Rules(grace_s=2 * HOUR_S, most_share=1, batch=4)
    removed = restored = rescued = 0

    async def shop_keeper(number: int) -> None:
        while True:
            await turns.wait(6 * HOUR_S)
            product, shown = f"p{number}", lot.randrange(8)
            sha256 = await shop.store.put(picture(shown), soon())
            await turns.wait(HOUR_S)
            if lot.random() < 0.9:
                shop.products[product] = sha256
            await turns.wait(8 * HOUR_S)
            if lot.random() < 0.7:
                shop.products.pop(product, None)

    async def cleaner() -> None:
        nonlocal removed, restored
        for _ in range(120):
            await turns.wait(5 * HOUR_S)
            run = asyncio.create_task(shop.run(rules))
            if lot.random() < 0.3:
                await turns.wait(600)
                run.cancel()
            await asyncio.wait({run})
            if not run.cancelled() and not isinstance(run.exception(), CollectionRefused):
                report = run.result()
                removed, restored = removed + report.removed, restored + report.restored

    async def customer() -> None:
        nonlocal rescued
        while True:
            for sha256 in set(shop.products.values()):
                is_kept = sha256 in shop.store.shelves[KEPT]
                assert is_kept or sha256 in shop.store.shelves[TRASH], "a picture was lost"
                rescued += not is_kept
            await asyncio.sleep(0)

    shop.store.pause = lambda: turns.wait(120)
    shop.products["always"] = await shop.store.put(picture(99), soon())
    others = [asyncio.create_task(work) for work in (turns.deal(), customer())]
    others += [asyncio.create_task(shop_keeper(number)) for number in range(5)]
    cleaning = asyncio.create_task(cleaner())
    await asyncio.wait({cleaning, *others}, return_when=asyncio.FIRST_COMPLETED)
    is_clean = cleaning.done()
    for task in (*others, cleaning):
        task.cancel()
    ends = await asyncio.gather(*others, cleaning, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end
    assert is_clean
    assert removed > 0
    assert restored > 0
    assert rescued > 0


def test_a_report_says_what_was_done_and_what_would_be() -> None:
    report = Report(3000, 2990, 3012, 22, 5, 17, 1, 4, 16, 0)
    assert told(report, RULES).splitlines() == [
        "3,012 pictures; 3,000 products refer to 2,990; 22 unused, 5 of them younger than 24 h.",
        "17 set aside, 1 taken back, 4 removed for good; 16 in the trash, 0 left for the next run.",
    ]
    dry = told(report, replace(RULES, dry_run=True))
    assert "17 would be set aside, 1 would be taken back, 4 would be removed" in dry


@pytest.mark.parametrize(
    "options",
    [
        ["--grace-hours", "1"],
        ["--grace-hours", "nan"],
        ["--grace-hours", "x"],
        ["--batch", "0"],
        ["--most-share", "0"],
        ["--most-share", "1.5"],
    ],
)
def test_an_unsafe_option_is_refused(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["collect-pictures", *options])
    assert caught.value.code == 2
    assert options[0] in capsys.readouterr().err
