"""The journal of a crawl."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from catalog.crawl.journal import Journal, PictureRow
from catalog.errors import CatalogError
from tests.training.catalog.shop.crawler import ROOT

URL = "http://shop.example/a?b=1&a=2"


def test_a_run_goes_on_until_it_is_finished(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "shop")
    assert (journal.run, journal.resumed) == (1, False)
    journal.keep(URL, 200, {"Etag": ["1"]}, b"page")
    journal.note("http://shop.example/b", "PAGE_FAILED", "It failed.")
    journal.close()

    journal = Journal(tmp_path, "shop")
    assert (journal.run, journal.resumed) == (1, True)
    assert set(journal.notes()) == {"http://shop.example/b"}
    journal.finish()
    journal.close()

    journal = Journal(tmp_path, "shop")
    assert (journal.run, journal.resumed) == (2, False)
    kept = journal.answer(URL)
    assert kept is not None
    assert (kept.run, kept.status, kept.body) == (1, 200, b"page")
    assert journal.notes() == {}
    journal.close()


def test_spellings_of_one_address_are_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "shop")
    journal.keep(URL, 200, {}, b"page")
    assert journal.answer("http://shop.example/a?a=2&b=1#part") is not None
    assert journal.answer("http://shop.example/a?a=2") is None
    journal.close()


def test_a_304_renews_the_answer_and_its_headers(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "shop")
    journal.keep(URL, 200, {"Etag": ["1"], "Content-Type": ["text/html"]}, b"page")
    journal.finish()
    journal.close()
    journal = Journal(tmp_path, "shop")
    journal.unchanged(URL, {"Etag": ["2"]})
    kept = journal.answer(URL)
    journal.close()
    assert kept is not None
    assert kept.run == 2
    assert kept.headers == {"Etag": ["2"], "Content-Type": ["text/html"]}
    assert kept.body == b"page"


def test_a_picture_that_is_gone_leaves_no_row(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "shop")
    journal.keep(URL, 200, {}, b"", PictureRow(path="images/ab/x.jpg"))
    assert journal.picture(URL) == PictureRow(path="images/ab/x.jpg")
    journal.keep(URL, 404, {}, b"")
    assert journal.picture(URL) is None
    journal.close()


def test_the_first_start_page_that_lists_a_product_gives_its_category(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "shop")
    journal.list_product(URL, 2, "coat")
    journal.list_product(URL, 1, "jacket")
    assert journal.listed_category(URL) == "jacket"
    assert journal.listed_category("http://shop.example/other") == ""
    journal.close()


_KEEPER = """
import sys
from pathlib import Path
from catalog.crawl.journal import Journal
journal = Journal(Path(sys.argv[1]), "shop")
for number in range(10_000):
    journal.keep(f"http://shop.example/{number}", 200, {}, b"page" * 100)
    print(number, flush=True)
"""


def test_what_was_told_is_there_after_a_kill(tmp_path: Path) -> None:
    path = os.pathsep.join(str(ROOT / each) for each in ("training", "services"))
    command = [sys.executable, "-c", _KEEPER, str(tmp_path)]
    with subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(25)]
        process.send_signal(signal.SIGKILL)
        told += process.stdout.readlines()
    journal = Journal(tmp_path, "shop")
    last = max(int(line) for line in told if line.endswith("\n"))
    assert last >= 24
    assert all(journal.answer(f"http://shop.example/{number}") for number in range(last + 1))
    journal.close()


def test_another_layout_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "shop")
    journal._database.execute("PRAGMA user_version = 99")
    journal.close()
    with pytest.raises(CatalogError, match="another version"):
        Journal(tmp_path, "shop")
