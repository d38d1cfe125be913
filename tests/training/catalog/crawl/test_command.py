"""The command's options: what is missing or wrong ends in one sentence."""

from pathlib import Path

import pytest

from catalog.__main__ import main
from catalog.crawl.journal import Journal
from catalog.products import read_products
from tests.training.catalog.shop.drawn import picture

SHOP = ["--shop", "musinsa"]
CONTACT = ["--contact", "owner@shop.example"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (SHOP, "--contact is required"),
        ([*SHOP, "--contact", "me"], "neither an e-mail address nor a page"),
        ([*SHOP, "--contact", "a@b.example\r\nX: y"], "neither an e-mail address nor a page"),
        ([*SHOP, *CONTACT, "--images", "x"], "--images goes with --feed"),
        ([*SHOP, *CONTACT, "--picture-host", "x"], "--picture-host goes with --start"),
        ([*SHOP, *CONTACT, "--allow-private", "localhost:80"], "no IP address with a port"),
        (["--start", "shop.example", *CONTACT], "no host|no address of a page"),
        (["--shop", "general", *CONTACT], "names no hosts"),
        (["--shop", "missing.toml", *CONTACT], "no such file"),
    ],
)
def test_options_that_do_not_do(
    options: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["crawl", *options, "--output", str(tmp_path / "catalog")]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert any(part in err for part in sentence.split("|"))
    assert not (tmp_path / "catalog").exists()


def test_a_feed_is_gathered_by_the_same_command(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(picture("a"))
    (tmp_path / "feed.csv").write_text("id,label,image\n1,Coat,a.jpg\n")
    output = tmp_path / "catalog"
    feed = ["--feed", str(tmp_path / "feed.csv"), "--images", str(tmp_path)]
    assert main(["crawl", *feed, "--output", str(output)]) == 0
    [product] = read_products(output)
    assert (product.id, product.category, len(product.images)) == ("1", "coat", 1)


def test_one_crawl_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal(tmp_path / "crawl", "musinsa")
    try:
        assert main(["crawl", *SHOP, *CONTACT, "--output", str(tmp_path)]) == 1
    finally:
        journal.close()
    assert "another crawl is at work" in capsys.readouterr().err


def test_a_folder_holds_one_shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Journal(tmp_path / "crawl", "another").close()
    assert main(["crawl", *SHOP, *CONTACT, "--output", str(tmp_path)]) == 1
    assert "holds a crawl of another, not of musinsa" in capsys.readouterr().err


def test_a_damaged_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "crawl").mkdir()
    (tmp_path / "crawl" / "journal.sqlite3").write_bytes(b"no database" * 100)
    assert main(["crawl", *SHOP, *CONTACT, "--output", str(tmp_path)]) == 1
    assert "journal.sqlite3 is damaged" in capsys.readouterr().err
