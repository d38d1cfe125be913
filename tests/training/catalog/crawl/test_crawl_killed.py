"""A crawl that is killed, and ended by SIGINT, again and again."""

import os
import signal
from collections import Counter
from pathlib import Path

from catalog.products import PRODUCTS
from tests.training.catalog.shop.crawler import arguments, start, write_profile
from tests.training.catalog.shop.expected import crawled_products, expected_products
from tests.training.catalog.shop.server import Shop, open_shop
from tests.training.catalog.shop.stock import STOCK

LIMIT_S = 150
FIRST_KILL, SECOND_KILL = 14, 40


def _run_until(shop: Shop, options: list[str], at: int | str, number: signal.Signals) -> int:
    """Begin, and send a signal when the shop gets a request: the `at`-th of all, or for `at`.

    A request that the crawl is killed at gets no answer. The exit status.
    """
    process = start(*options)
    sent = []

    def before(target: str) -> bool:
        if target == at or (not sent and len(shop.log) + 1 == at):
            sent.append(target)
            os.kill(process.pid, number)
            return number is signal.SIGKILL
        return False

    shop.before = before
    try:
        _, err = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
        shop.before = lambda target: False
    assert sent, err
    return process.returncode


def test_kills_and_an_interrupt_change_nothing(tmp_path: Path) -> None:
    with open_shop() as shop:
        profile = write_profile(tmp_path, shop)
        folder = tmp_path / "catalog"
        options = arguments(shop, profile, folder)
        shop.site.busy_times = 2

        for at in (FIRST_KILL, SECOND_KILL):
            assert _run_until(shop, options, at, signal.SIGKILL) == -signal.SIGKILL
            assert not (folder / PRODUCTS).exists()

        # The shop asks for ten minutes' rest: an interrupt does not wait for them.
        shop.site.retry_after_s = 600
        assert _run_until(shop, options, "/goods/7", signal.SIGINT) == 130
        some = crawled_products(folder, STOCK)
        expected = expected_products(shop.site.address, STOCK)
        assert some
        assert some.keys() < expected.keys()

        # It asks for more than the profile has patience for: the crawl ends and says so.
        shop.site.retry_after_s = 5000
        process = start(*options)
        _, err = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 1
        assert err.startswith("catalog crawl: 127.0.0.1 asks for a pause of 5000 s")

        process = start(*options)
        out, err = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, err
        assert "Going on" in out
        assert crawled_products(folder, STOCK) == expected

        answered = Counter(each.target for each in shop.log if 0 < each.status < 429)
        answered -= Counter(set(answered))
        assert answered == Counter()
        assert len([each for each in shop.log if each.status == 0]) == 2
