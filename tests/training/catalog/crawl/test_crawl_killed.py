"""A crawl that a full disk, kills, an interrupt and a shop without patience end, one by one."""

import os
import signal
from collections import Counter
from pathlib import Path

from catalog.products import PRODUCTS
from tests.training.catalog.shop.crawler import arguments, crawl, start, write_profile
from tests.training.catalog.shop.expected import crawled_products, expected_products
from tests.training.catalog.shop.server import Shop, open_shop
from tests.training.catalog.shop.stock import STOCK

LIMIT_S = 150
KILLED_AFTER = (8, 18)
"""Requests."""
FILE_BYTES = 60_000
_SMALL_FILES = (
    "import resource, sys; from catalog.__main__ import main; "
    f"resource.setrlimit(resource.RLIMIT_FSIZE, ({FILE_BYTES}, {FILE_BYTES})); "
    "sys.exit(main(['crawl', *sys.argv[1:]]))"
)
"""The command where no file may grow beyond `FILE_BYTES`."""


def test_whatever_ends_it_early_the_crawl_comes_to_the_same_end(tmp_path: Path) -> None:
    with open_shop() as shop:
        profile = write_profile(tmp_path, shop)
        folder = tmp_path / "catalog"
        options = arguments(shop, profile, folder)
        expected = expected_products(shop.site.address, STOCK)
        shop.site.busy_times = 2

        _fills_the_disk(options)
        assert (folder / PRODUCTS).exists()
        # What came when there was no room is asked for again; so is what was under way meanwhile.
        lost = {each.target for each in shop.log[-2:]}

        for requests in KILLED_AFTER:
            at = len(shop.log) + requests
            assert _run_until(shop, options, at, signal.SIGKILL) == -signal.SIGKILL

        # The shop asks for ten minutes' rest: an interrupt does not wait for them.
        shop.site.retry_after_s = 600
        assert _run_until(shop, options, "/goods/7", signal.SIGINT) == 130
        some = crawled_products(folder, STOCK)
        assert some
        assert some.keys() < expected.keys()

        # It asks for more than the profile has patience for: the crawl ends and says so.
        shop.site.retry_after_s = 5000
        ended = crawl(*options)
        assert ended.returncode == 1
        assert ended.stderr.startswith("catalog crawl: 127.0.0.1 asks for a pause of 5000 s")

        ended = crawl(*options)
        assert ended.returncode == 0, ended.stderr
        assert "Going on" in ended.stdout
        assert crawled_products(folder, STOCK) == expected
        assert not [*(folder / "images").rglob(".*")]

        answered = Counter(each.target for each in shop.log if 0 < each.status < 429)
        assert {target for target, times in answered.items() if times > 1} <= lost
        assert len([each for each in shop.log if each.status == 0]) == len(KILLED_AFTER)


def _fills_the_disk(options: list[str]) -> None:
    ended = crawl(*options, program=_SMALL_FILES)
    assert ended.returncode == 1
    assert ended.stderr.startswith("catalog crawl: the crawl cannot be kept on disk: ")
    assert ended.stderr.count("\n") == 1


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
