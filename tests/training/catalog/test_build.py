"""`catalog build`: a feed or a shop becomes a data set by one command."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.__main__ import main
from tests.training.catalog.caption.chat_server import KEY, ChatServer, Reply, serving
from tests.training.catalog.shop.crawler import CONTACT, write_profile
from tests.training.catalog.shop.server import listener, open_shop
from tests.training.catalog.small_catalog import COLORS, encoded, noise

SHARES = ("--val", "0.25", "--test", "0.15")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    """A model that captions."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr("catalog.caption.pace._FIRST_BACKOFF_S", 0.01)
    with serving() as chat:
        yield chat


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """Forty products as a shop has them in a table, their pictures beside it."""
    (tmp_path / "pictures").mkdir()
    rows = ["id,label,color"]
    for number in range(40):
        rows.append(f"g{number:02},{('coat', 'jeans')[number % 2]},{COLORS[number // 2 % 4]}")
        (tmp_path / f"pictures/g{number:02}.jpg").write_bytes(encoded(noise(number)))
    path = tmp_path / "garments.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def build(feed: Path, root: Path, *more: str) -> int:
    images = feed.parent / "pictures"
    source = ("--feed", str(feed), "--images", str(images))
    return main(["build", *source, "--output", str(root), *SHARES, *more])


def by_model(server: ChatServer) -> tuple[str, ...]:
    return ("--captioner", "openai", "--base-url", server.url, "--per-product=2", "--budget=900")


def questions(root: Path) -> dict[str, int]:
    """How many each split has."""
    counts = dict.fromkeys(("train", "val", "test"), 0)
    for path in (root / "captions").iterdir():
        counts[path.name.split(".")[-2]] += len(json.loads(path.read_text()))
    return counts


def test_a_feed_becomes_a_data_set_and_a_second_run_costs_nothing(
    feed: Path, tmp_path: Path, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    assert build(feed, root, *by_model(server), "--license", "CC0") == 0
    said = capsys.readouterr().err
    steps = [line for line in said.splitlines() if line.startswith("step ")]
    assert [step.split(":")[0] for step in steps] == [
        "step 1 of 3, crawl",
        "step 2 of 3, caption",
        "step 3 of 3, structure",
    ]
    assert main(["check", str(root)]) == 0
    card = (root / "DATACARD.md").read_text()
    assert "Gathered from the feed garments.csv." in card
    assert "\nCC0\n" in card
    asked, counts = len(server.asked), questions(root)
    assert asked
    assert build(feed, root, *by_model(server)) == 0
    assert (len(server.asked), questions(root)) == (asked, counts)


def test_by_attributes_it_needs_no_server(feed: Path, tmp_path: Path) -> None:
    sets = []
    for name in ("one", "other"):
        root = tmp_path / name / "set"
        assert build(feed, root, "--captioner", "attributes") == 0
        assert main(["check", str(root)]) == 0
        folders = (root / "captions", root / "image_splits")
        sets.append({path.name: path.read_bytes() for f in folders for path in f.iterdir()})
    assert sets[0] == sets[1]
    assert all(questions(tmp_path / "one/set").values())


def test_no_caption_is_paid_for_that_the_splits_would_drop(
    feed: Path, tmp_path: Path, server: ChatServer
) -> None:
    root = tmp_path / "set"
    assert build(feed, root, *by_model(server)) == 0
    assert (root / "set-aside.jsonl").read_text() == ""
    counts = questions(root)
    assert sum(counts.values()) == len(server.charged)
    assert all(counts.values())


def test_one_seed_is_for_pairs_and_splits(
    feed: Path, tmp_path: Path, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    assert build(feed, root, *by_model(server), "--seed", "5") == 0
    assert (root / "set-aside.jsonl").read_text() == ""
    assert json.loads((root / "catalog-splits.json").read_text())["seed"] == 5
    capsys.readouterr()
    assert build(feed, root, *by_model(server), "--seed", "6") == 1
    assert "was made with --seed 5" in capsys.readouterr().err


def test_what_ends_a_step_ends_the_build_with_its_sentence_and_the_next_run_goes_on(
    feed: Path, tmp_path: Path, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    server.behave = lambda asked: Reply(status=401, error={"message": "no"})
    assert build(feed, root, *by_model(server)) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("catalog build: caption: ")
    assert KEY not in last
    assert (root / "catalog/products.jsonl").is_file()
    assert not (root / "captions").exists()
    server.behave = ChatServer().behave
    assert build(feed, root, *by_model(server)) == 0
    assert main(["check", str(root)]) == 0


@pytest.mark.parametrize(
    ("rows", "sentence"), [("", "garments.csv"), ("name,label\na,b\n", "garments.csv")]
)
def test_a_bad_feed(
    feed: Path, tmp_path: Path, rows: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    feed.write_text(rows)
    assert build(feed, tmp_path / "set") == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("catalog build: crawl: ")
    assert sentence in last


def test_what_can_be_seen_before_the_work_is_seen_before_it(
    feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "theirs/captions").mkdir(parents=True)
    assert build(feed, tmp_path / "theirs") == 1
    assert "none of ours" in capsys.readouterr().err
    assert not (tmp_path / "theirs/catalog").exists()
    for wrong in (["--val", "2"], ["--captioner", "poet"], ["--per-product", "0"], ["--no-such"]):
        with pytest.raises(SystemExit):
            build(feed, tmp_path / "set", *wrong)
    with pytest.raises(SystemExit):
        main(["build", "--output", str(tmp_path / "set")])
    assert not (tmp_path / "set").exists()


def test_help_describes_every_steps_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["build", "--help"])
    said = capsys.readouterr().out
    for option in (
        "--feed",
        "--shop",
        "--contact",
        "--captioner",
        "--budget",
        "--val",
        "--license",
    ):
        assert option in said
    assert "==SUPPRESS==" not in said
    assert "--split-seed" not in said


def test_a_shop_is_not_crawled_again_for_a_build_that_ended_later(
    tmp_path: Path, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    with listener() as (port, _), open_shop(f"http://localhost:{port}") as shop:
        profile = write_profile(tmp_path / "profile", shop, concurrency=8)
        host = shop.site.address.removeprefix("http://")
        command = [
            *("build", "--shop", str(profile), "--contact", CONTACT, "--allow-private", host),
            *("--output", str(root), "--val=0.3", "--test=0.2", *by_model(server)),
        ]
        server.behave = lambda asked: Reply(status=401, error={"message": "no"})
        assert main(command) == 1
        assert shop.forget()
        server.behave = ChatServer().behave
        assert main(command) == 0
        assert "step 1 of 3, crawl: done before" in capsys.readouterr().err
        assert not shop.forget()
        # A build that begins anew asks the shop what has changed.
        assert main(command) == 0
        assert shop.forget()
    assert main(["check", str(root)]) == 0
    assert "a shop by the profile shop.toml" in (root / "DATACARD.md").read_text()


def test_sigterm_ends_the_crawl_too_and_keeps_what_was_done(tmp_path: Path) -> None:
    root = tmp_path / "set"
    with listener() as (port, _), open_shop(f"http://localhost:{port}") as shop:
        under_way = threading.Event()

        def before(target: str) -> bool:
            if len(shop.log) > 10:
                under_way.set()
            return False

        shop.before = before
        profile = write_profile(tmp_path / "profile", shop)
        host = shop.site.address.removeprefix("http://")
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "catalog", "build", "--shop", str(profile)),
                *("--contact", CONTACT, "--allow-private", host, "--output", str(root)),
            ],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert under_way.wait(60)
        process.send_signal(signal.SIGTERM)
        # Its end of the pipe is also the crawl's: this returns when both are gone.
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "catalog build: interrupted"
    assert (root / "catalog/crawl").is_dir()
    assert not (root / "captions").exists()
